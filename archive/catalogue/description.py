"""What may be said of a record. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date
from typing import Any, Final

from archive.database.tables import RecordRow
from archive.model.records import Description, RecordState
from signing.ground.errors import Refused

LONGEST: Final = {
    "title": 500,
    "description": 10_000,
    "document_type": 100,
    "classification": 100,
    "producer": 200,
    "external_reference": 200,
    "language": 10,
    "access_rule": 20,
}
_DATES: Final = ("document_date", "closed_on")
_KNOWN: Final = {field.name for field in fields(Description)}


def changed(current: Description, changes: Mapping[str, Any]) -> Description:
    """The description after a change.

    Raises:
        Refused: ``bad_field``.
    """
    clean: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in _KNOWN:
            raise _bad(name, "Le champ « {name} » n’existe pas.")
        clean[name] = _day(name, value) if name in _DATES else _text(name, value)
    if "title" in clean and not clean["title"]:
        raise _bad("title", "Le titre ne peut pas être vide.")
    return replace(current, **clean)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """``{field: [before, after]}`` of what changed."""
    return {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}


def require_describable(row: RecordRow, expected_revision: int) -> None:
    """Refuse to change what somebody else changed meanwhile, or what is gone.

    Raises:
        Refused: ``precondition_failed``, ``record_not_kept``.
    """
    if row.revision != expected_revision:
        raise Refused(
            "precondition_failed",
            "Ce document a été modifié entre-temps.",
            kept="Votre modification n’a pas été enregistrée.",
            action="Relisez-le, puis recommencez.",
        )
    if row.state in {RecordState.DISPOSED, RecordState.TRANSFERRED}:
        raise not_kept(row)


def not_kept(row: RecordRow) -> Refused:
    """What is said of a record whose bytes are lawfully gone."""
    return Refused("record_not_kept", "Ce document n’est plus gardé ici ({state}).", pointer="/state", state=row.state)


def _text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > LONGEST[name] or "\0" in value:
        raise _bad(name, "Le champ « {name} » n’est pas un texte de {longest} signes au plus.")
    return value.strip() or None


def _day(name: str, value: Any) -> date | None:
    if value is None or type(value) is date:
        return value
    try:
        return date.fromisoformat(value) if value else None
    except (TypeError, ValueError) as error:
        raise _bad(name, "Le champ « {name} » n’est pas une date (AAAA-MM-JJ).") from error


def _bad(name: str, detail: str) -> Refused:
    return Refused(
        "bad_field",
        detail,
        kept="La description est inchangée.",
        action="Corrigez ce champ.",
        pointer=f"/{name}",
        name=name,
        longest=LONGEST.get(name, 0),
    )
