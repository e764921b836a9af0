"""Standing query of a hold: which records it covers, now and as they come. Pure.

Every condition that is given must hold. Words are compared whole, without accents and case; a word
that ends in ``*`` is the beginning of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final

from archive.model.final_actions import FinalAction
from archive.model.folding import folded
from signing.ground.errors import Refused

CODES: Final = (
    "document_type",
    "classification",
    "producer",
    "external_reference",
    "retention_rule",
    "fiscal_year",
    "final_action",
)
"""Conditions on one field of the catalogue: any of the values, letter by letter."""
_DAYS: Final = ("date_from", "date_to")
_WORDS: Final = ("words", "text")
MOST_VALUES: Final = 50
LONGEST: Final = 500


@dataclass(frozen=True)
class StandingQuery:
    """Conditions that a record meets or not.

    Attributes:
        date_from: First day of the document's date.
        words: Words of the title, the description, the reference and the file's name.
        text: Words on the pages.
    """

    document_type: tuple[str, ...] = ()
    classification: tuple[str, ...] = ()
    producer: tuple[str, ...] = ()
    external_reference: tuple[str, ...] = ()
    retention_rule: tuple[str, ...] = ()
    fiscal_year: tuple[str, ...] = ()
    final_action: tuple[str, ...] = ()
    date_from: date | None = None
    date_to: date | None = None
    words: str = ""
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the conditions that are given, as they are stored and stated."""
        given: dict[str, Any] = {name: list(getattr(self, name)) for name in CODES if getattr(self, name)}
        given |= {name: getattr(self, name).isoformat() for name in _DAYS if getattr(self, name) is not None}
        return given | {name: getattr(self, name) for name in _WORDS if getattr(self, name)}


NAMES: Final = tuple(field.name for field in fields(StandingQuery))


def parse_query(given: Mapping[str, Any] | str) -> StandingQuery:
    """Read a query as a caller wrote it; a text alone asks for words of the description.

    Raises:
        Refused: ``bad_hold_query``: an unknown condition, a wrong value, or none at all.
    """
    told = {"words": given} if isinstance(given, str) else given
    values: dict[str, Any] = {}
    for name, value in told.items():
        if value is None or value in ("", []):
            continue
        if name in CODES:
            values[name] = _codes(name, value)
        elif name in _DAYS:
            values[name] = _day(name, value)
        elif name in _WORDS:
            values[name] = _words(name, value)
        else:
            raise _refused(str(name)[:50], "La condition « {condition} » n’existe pas.", condition=str(name)[:50])
    if not values:
        raise _refused("", "La requête ne pose aucune condition : elle gèlerait tout.")
    query = StandingQuery(**values)
    if query.date_from is not None and query.date_to is not None and query.date_to < query.date_from:
        raise _refused("date_to", "La dernière date est avant la première.")
    return query


def _codes(name: str, value: Any) -> tuple[str, ...]:
    told = [value] if isinstance(value, str) else value
    if not isinstance(told, list) or len(told) > MOST_VALUES:
        raise _refused(name, "Donnez un texte, ou une liste de {most} textes au plus.", most=MOST_VALUES)
    clean = tuple(sorted({one.strip() for one in told if isinstance(one, str)} - {""}))
    if len(told) < 1 or not clean or any(not isinstance(one, str) or len(one) > LONGEST or "\0" in one for one in told):
        raise _refused(name, "Donnez un texte, ou une liste de {most} textes au plus.", most=MOST_VALUES)
    if name == "final_action" and not set(clean) <= {action.value for action in FinalAction}:
        raise _refused(name, "Ce sort final n’existe pas.")
    return clean


def _day(name: str, value: Any) -> date:
    try:
        if not isinstance(value, str) or len(value) != 10:
            raise ValueError(value)
        return date.fromisoformat(value)
    except ValueError as error:
        raise _refused(name, "Cette date n’existe pas ; écrivez-la AAAA-MM-JJ.") from error


def _words(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or not wanted(value):
        raise _refused(name, "Donnez des mots, {longest} signes au plus.", longest=LONGEST)
    return value.strip()


def wanted(text: str) -> list[tuple[str, bool]]:
    """Return the words that a text asks for, folded, each with whether it is only a beginning."""
    found = []
    for piece in text.split():
        words = folded(piece)
        found += [(word, piece.endswith("*") and word is words[-1]) for word in words]
    return list(dict.fromkeys(found))


def _refused(name: str, detail: str, **values: object) -> Refused:
    return Refused(
        "bad_hold_query",
        detail,
        kept="Rien n’a été changé.",
        action="Corrigez cette condition puis recommencez. Conditions possibles : {names}.",
        pointer=f"/query/{name}" if name else "/query",
        names=", ".join(NAMES),
        **values,
    )
