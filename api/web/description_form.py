"""The form that describes a record: its fields, what it shows, and what was typed into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from markupsafe import Markup

from api.http.i18n import _
from api.web.faults import Fault, in_words
from api.web.typed_date import DatePart, date_parts, typed_date
from archive.database.tables import RecordRow
from signing.ground.errors import Refused

_UNCHANGED = "La description est inchangée."


class Control(StrEnum):
    """How a field is typed in."""

    LINE = "line"
    CHOICE = "choice"
    DATE = "date"


@dataclass(frozen=True)
class FormField:
    """A field of the form, whatever the record.

    Attributes:
        name: Of the record's description, and of the control.
        id: Of the element; what the ids and names of a date's three elements begin with.
        label: French message id.
        longest: Most signs of a line.
    """

    name: str
    control: Control
    label: str
    id: str = ""
    longest: int = 0
    required: bool = False

    @property
    def anchor(self) -> str:
        """Where a fault of this field leads."""
        return f"#{self.id}day" if self.control is Control.DATE else f"#{self.id}"


FIELDS = (
    FormField("title", Control.LINE, "Titre (obligatoire)", id="titre", longest=1000, required=True),
    FormField("document_type", Control.CHOICE, "Type de document", id="type"),
    FormField("producer", Control.LINE, "Service", id="service", longest=200),
    FormField("classification", Control.LINE, "Cote", id="cote", longest=100),
    FormField("document_date", Control.DATE, "Date du document"),
)
"""In the order of the page; lines and choices stand before dates."""


@dataclass(frozen=True)
class Choice:
    """One option of a list."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class ShownField:
    """A field with what is kept of this record.

    Attributes:
        choices: Of a choice; None for another control.
        parts: Of a date.
    """

    field: FormField
    label: Markup
    value: str = ""
    choices: tuple[Choice, ...] | None = None
    parts: tuple[DatePart, ...] = ()


@dataclass(frozen=True)
class DescriptionForm:
    """The form as a record's page shows it.

    Attributes:
        revision: What the person has read: a change meanwhile is not overwritten.
        faults: What was wrong when it was last sent.
        open: Whether it is shown unfolded.
    """

    revision: int
    fields: tuple[ShownField, ...]
    dates: tuple[ShownField, ...]
    faults: tuple[Fault, ...]
    open: bool


def description_form(row: RecordRow, types: Mapping[str, str], faults: tuple[Fault, ...] = ()) -> DescriptionForm:
    """The form of a record, filled with what is kept.

    Args:
        row: The record.
        types: Code -> label of the tenant's document types, in their order.
        faults: What was wrong with the form that was just sent.
    """
    shown = [_shown(field, getattr(row, field.name), types) for field in FIELDS]
    return DescriptionForm(
        revision=row.revision,
        fields=tuple(item for item in shown if item.field.control is not Control.DATE),
        dates=tuple(item for item in shown if item.field.control is Control.DATE),
        faults=faults,
        open=bool(faults) or not row.document_type or not row.document_date,
    )


def _shown(field: FormField, value: Any, types: Mapping[str, str]) -> ShownField:
    label = _(field.label)
    match field.control:
        case Control.DATE:
            return ShownField(field, label, parts=date_parts(ids=field.id, names=field.id, value=value))
        case Control.CHOICE:
            return ShownField(field, label, choices=_choices(value, types))
        case Control.LINE:
            return ShownField(field, label, value=value or "")


def _choices(value: str | None, known: Mapping[str, str]) -> tuple[Choice, ...]:
    """Every option; a value that is on the list no more stays an option of its record."""
    listed = known if not value or value in known else {**known, value: value}
    return tuple(Choice(code, label, code == value) for code, label in listed.items())


def typed_changes(form: Mapping[str, str]) -> dict[str, Any]:
    """What a form that was sent says of each field.

    Raises:
        Refused: ``bad_field``.
    """
    changes: dict[str, Any] = {}
    for field in FIELDS:
        if field.control is Control.DATE:
            changes[field.name] = typed_date(
                form, field.id, code="bad_field", kept=_UNCHANGED, pointer=f"/{field.name}"
            )
        else:
            changes[field.name] = form.get(field.name, "").strip() or None
        if field.required and not changes[field.name]:
            raise _empty(field)
    return changes


def _empty(field: FormField) -> Refused:
    return Refused(
        "bad_field", "Le titre est vide.", kept=_UNCHANGED, action="Écrivez un titre court.", pointer=f"/{field.name}"
    )


def fault_of(error: Refused) -> Fault:
    """A refusal of what was sent, leading to its field; to the first one if it names none of them."""
    anchor = next((field.anchor for field in FIELDS if error.pointer == f"/{field.name}"), FIELDS[0].anchor)
    return Fault(anchor, in_words(error))
