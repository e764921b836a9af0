"""Change the description of a record: accepted fields, refusals. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from archive.model.description_fields import BY_NAME, KNOWN, Description
from archive.model.field_rules import ChangedBy, bad_field
from archive.model.states import RecordState
from signing.ground.errors import Refused

UNCHANGED: Final = "La description est inchangée."


def changed(current: Description, changes: Mapping[str, Any]) -> Description:
    """Return the description after a change; a value given again unchanged is not checked again.

    So a record that was kept under an earlier limit can still be described.

    Raises:
        Refused: ``bad_field``.
    """
    clean: dict[str, Any] = {}
    for name, given in changes.items():
        field = BY_NAME.get(name)
        if field is None:
            raise bad_field(
                name, "Le champ « {name} » n’existe pas.", "Champs connus : {known}.", UNCHANGED, known=KNOWN
            )
        if field.unchanged(getattr(current, name), given):
            continue
        if field.changed_by is ChangedBy.NOBODY:
            raise bad_field(name, "Le champ « {name} » ne change plus après le dépôt.", "Laissez-le.", UNCHANGED)
        clean[name] = field.read(given, kept=UNCHANGED)
        if field.required and clean[name] is None:
            raise field.empty(kept=UNCHANGED)
    return replace(current, **clean)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return ``{field: [before, after]}`` for each changed field."""
    return {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}


def require_describable(state: str, revision: int, expected_revision: int) -> None:
    """Refuse to change a record that changed since it was read, or whose bytes are gone.

    Raises:
        Refused: ``precondition_failed``, ``record_not_kept``.
    """
    if revision != expected_revision:
        raise Refused(
            "precondition_failed",
            "Ce document a été modifié entre-temps.",
            kept="Votre modification n’a pas été enregistrée.",
            action="Relisez-le, puis recommencez.",
        )
    if RecordState(state).gone:
        raise not_kept(state)


def not_kept(state: str) -> Refused:
    """Return the refusal for a record whose bytes are lawfully gone."""
    return Refused("record_not_kept", "Ce document n’est plus gardé ici ({state}).", pointer="/state", state=state)
