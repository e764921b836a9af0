"""Nodes of the filing plan: a class or a file as it is given, checked and stated. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from archive.model.days import FIRST_DAY, LAST_DAY, iso_day
from archive.model.field_rules import is_text
from archive.retention.declaration_json import read_declaration, written_declaration
from archive.retention.declarations import Declaration
from signing.ground.errors import Refused

UNCHANGED: Final = "Rien n’a été changé."
LONGEST_CODE: Final = 100
LONGEST_TITLE: Final = 500
LONGEST_PRODUCER: Final = 200
LONGEST_TEXT: Final = 10_000
LONGEST_REASON: Final = 2000
MOST_LEVELS: Final = 20
"""Levels of a plan; more is a slip, and no reader walks further than 100."""
_SEPARATOR: Final = ";"
_LONGEST: Final = {
    "title": LONGEST_TITLE,
    "description": LONGEST_TEXT,
    "producer": LONGEST_PRODUCER,
    "parent_id": LONGEST_CODE,
}
EXTENT: Final = ("medium", "metres", "from", "to", "place")
"""What is told of a unit without bytes."""


class NodeKind(StrEnum):
    """Kinds of nodes of the filing plan."""

    CLASS = "class"
    """A class, with classes and files in it."""
    FILE = "file"
    """A file (*dossier*): opened, closed, and holding records alone."""


@dataclass(frozen=True)
class PlanNode:
    """A class or a file, whole.

    Attributes:
        code: Never changes; never used again after the node was removed.
        parent_id: The class that it lies in; None at the top.
        closed_on: Last day of a closed file.
        extent: Of a unit without bytes: ``medium``, ``metres``, ``from``, ``to``, ``place``.
    """

    kind: NodeKind
    code: str
    title: str
    description: str | None = None
    parent_id: str | None = None
    producer: str | None = None
    retention: Declaration | None = None
    access: Declaration | None = None
    opened_on: date | None = None
    closed_on: date | None = None
    extent: Mapping[str, str] | None = None

    def body(self, *, removed: bool = False, reason: str | None = None) -> dict[str, Any]:
        """Return the body of a statement about this node."""
        told = {
            "kind": self.kind.value,
            "code": self.code,
            "title": self.title,
            "description": self.description,
            "parent_id": self.parent_id,
            "producer": self.producer,
            "retention": written_declaration(self.retention),
            "access": written_declaration(self.access),
            "opened_on": self.opened_on.isoformat() if self.opened_on else None,
            "closed_on": self.closed_on.isoformat() if self.closed_on else None,
            "extent": dict(self.extent) if self.extent else None,
            "removed": removed or None,
            "reason": reason,
        }
        return {name: value for name, value in told.items() if value is not None}


CHANGEABLE: Final = ("title", "description", "parent_id", "producer", "retention", "access", "opened_on", "extent")
"""What a change may give; closing and reopening are acts of their own."""


def read_node(given: Mapping[str, Any]) -> PlanNode:
    """Read a node as its creator gives it.

    Raises:
        Refused: ``bad_node``, with the field as its pointer.
    """
    kind = given.get("kind")
    if kind not in set(NodeKind):
        raise bad_node("kind", "Un élément du plan est une classe (class) ou un dossier (file).")
    node = PlanNode(NodeKind(kind), _code(given.get("code")), "")
    return changed_node(node, {name: given.get(name) for name in CHANGEABLE} | {"closed_on": given.get("closed_on")})


def changed_node(node: PlanNode, given: Mapping[str, Any]) -> PlanNode:
    """Return a node with other values; what is not given stays.

    Raises:
        Refused: ``bad_node``, with the field as its pointer.
    """
    old = {name: getattr(node, name) for name in (*CHANGEABLE, "closed_on")}
    new = old | {name: _read(name, value) for name, value in given.items()}
    if not new["title"]:
        raise bad_node("title", "L’intitulé manque.")
    if node.kind is NodeKind.CLASS and (new["opened_on"] or new["closed_on"]):
        raise bad_node("opened_on", "Une classe n’a ni ouverture ni clôture : seul un dossier en a.")
    if new["opened_on"] and new["closed_on"] and new["closed_on"] < new["opened_on"]:
        raise bad_node("closed_on", "Le dossier serait clos avant d’être ouvert.")
    return PlanNode(node.kind, node.code, **new)


def reason_of(given: str | None) -> str:
    """Return the reason of an act that needs one.

    Raises:
        Refused: ``bad_node``.
    """
    reason = (given or "").strip()
    if not 1 <= len(reason) <= LONGEST_REASON or not is_text(reason):
        raise bad_node("reason", "Le motif manque, ou dépasse {longest} signes.", longest=LONGEST_REASON)
    return reason


def bad_node(name: str, detail: str, **values: object) -> Refused:
    """Return the refusal of one field of a node."""
    return Refused(
        "bad_node",
        detail,
        kept=UNCHANGED,
        action="Corrigez ce champ puis recommencez.",
        pointer=f"/{name}",
        **values,
    )


def read_day(name: str, given: object) -> date | None:
    """Read a day; None for nothing.

    Raises:
        Refused: ``bad_node``.
    """
    if given in {None, ""}:
        return None
    try:
        day = given if isinstance(given, date) else iso_day(given if isinstance(given, str) else "")
    except ValueError as error:
        raise bad_node(name, "Cette date n’existe pas : écrivez-la ainsi, 2026-03-12.") from error
    if not FIRST_DAY <= day <= LAST_DAY:
        raise bad_node(name, "L’année n’est pas entre 1000 et 9000.")
    return day


def _code(given: object) -> str:
    code = given.strip() if isinstance(given, str) else ""
    if not 1 <= len(code) <= LONGEST_CODE or not code.isprintable() or _SEPARATOR in code:
        raise bad_node(
            "code", "Un code compte de 1 à {longest} signes, sans point-virgule ni retour.", longest=LONGEST_CODE
        )
    return code


def _read(name: str, given: object) -> Any:
    """Read the value of one field."""
    if name in _LONGEST:
        return _text(name, given, _LONGEST[name])
    if name in {"opened_on", "closed_on"}:
        return read_day(name, given)
    if name in {"retention", "access"}:
        return _declaration(name, given)
    if name == "extent":
        return _extent(given)
    raise bad_node(name, "Ce champ n’existe pas, ou ne change pas.")


def _text(name: str, given: object, longest: int) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not is_text(given) or len(given.strip()) > longest:
        raise bad_node(name, "Ce texte est illisible, ou dépasse {longest} signes.", longest=longest)
    return given.strip() or None


def _declaration(name: str, given: object) -> Declaration | None:
    try:
        return read_declaration(written_declaration(given) if isinstance(given, Declaration) else given)
    except ValueError as error:
        raise bad_node(
            name,
            "Les règles déclarées sont illisibles : « rules » et « blocked » sont des listes de codes, "
            "« in_addition » et « block_all » valent true ou false, « starts » donne une date par règle.",
        ) from error


def _extent(given: object) -> Mapping[str, str] | None:
    """Read the extent of a unit without bytes."""
    if given is None:
        return None
    if not isinstance(given, Mapping) or not given.keys() <= set(EXTENT):
        raise bad_node("extent", "« extent » a les champs medium, metres, from, to et place.")
    told = {name: _text("extent", str(value) if value is not None else None, 200) for name, value in given.items()}
    kept = {name: value for name, value in told.items() if value}
    if "metres" in kept:
        kept["metres"] = _metres(kept["metres"])
    days = [read_day("extent", kept[name]) for name in ("from", "to") if name in kept]
    if len(days) == 2 and days[0] and days[1] and days[1] < days[0]:
        raise bad_node("extent", "Les dates extrêmes sont dans le désordre.")
    return kept or None


def _metres(given: str) -> str:
    """Read a length of shelves: no sign, at most three decimals."""
    try:
        metres = Decimal(given.replace(",", "."))
    except InvalidOperation as error:
        raise bad_node("extent", "Le métrage est un nombre de mètres, par exemple 0,35.") from error
    if not metres.is_finite() or not 0 <= metres <= 100_000 or metres != round(metres, 3):
        raise bad_node("extent", "Le métrage est un nombre de mètres, par exemple 0,35.")
    return format(metres.normalize(), "f")
