"""Short ways to write rules, nodes and paths."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from archive.model.final_actions import FinalAction
from archive.retention.dates import Unit
from archive.retention.declarations import Declaration, GivenStart, Level, Node
from archive.retention.facts import FileFacts
from archive.retention.rules import Rule

DESTROY, KEEP, SORT = FinalAction.DESTROY, FinalAction.KEEP, FinalAction.SORT


def a_rule(
    duration: int | None,
    unit: Unit = Unit.YEAR,
    start: str = "document_date",
    action: FinalAction = DESTROY,
    *,
    code: str = "R",
    **more: object,
) -> Rule:
    return Rule(code, 1, code, duration, unit, start, action, **more)  # type: ignore[arg-type]


def declares(
    *codes: str,
    in_addition: bool = False,
    block_all: bool = False,
    blocked: Collection[str] = (),
    starts: Mapping[str, GivenStart] | None = None,
) -> Declaration:
    return Declaration(codes, in_addition, block_all, frozenset(blocked), starts or {})


def a_type(*codes: str, label: str = "Facture", phrase: str | None = "une facture") -> Node:
    return Node(Level.DOCUMENT_TYPE, label.lower(), label, declares(*codes) if codes else None, phrase=phrase)


def a_class(code: str, declaration: Declaration | None = None, *, access: Declaration | None = None) -> Node:
    return Node(Level.CLASS, code, f"Classe {code}", declaration, access)


def a_file(
    code: str,
    closed_on: date | None = None,
    declaration: Declaration | None = None,
    *,
    newest: date | None = None,
) -> Node:
    facts = FileFacts(code, f"Dossier {code}", None, closed_on, newest)
    return Node(Level.FILE, code, facts.title, declaration, file=facts)


def a_record(declaration: Declaration | None = None) -> Node:
    return Node(Level.RECORD, "r-1", "Pièce", declaration)
