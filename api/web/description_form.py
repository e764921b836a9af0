"""The forms that describe: their boxes, what these show, and what was typed into them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

from markupsafe import Markup

from api.http.i18n import _, said
from api.web.faults import Fault, in_words
from api.web.typed_date import DatePart, date_parts, typed_date, written_date
from archive.catalogue.description import KEPT
from archive.database.tables import DocumentTypeRow, RecordRow
from archive.model.description_fields import CodeList, DescriptionField, FieldKind, Page, fields_on
from archive.retention.access import access_rules
from signing.ground.errors import Refused

_IDS: Final = {"title": "titre", "document_type": "type", "producer": "service", "classification": "cote"}
"""Elements that pages and bookmarks lead to by a French name.

Any other bears its field's own.
"""

_UNCHOSEN: Final = {
    CodeList.DOCUMENT_TYPES: "Je ne sais pas",
    CodeList.ACCESS_RULES: "Celle du type",
    CodeList.LANGUAGES: "Je ne sais pas",
}
"""French name of choosing none."""

BOXES: Final = fields_on(Page.RECORD_FORM)


class Control(StrEnum):
    """How a field is typed in."""

    LINE = "line"
    LINES = "lines"
    CHOICE = "choice"
    DATE = "date"


def control_of(kind: FieldKind) -> Control:
    """The control that asks for a kind of field."""
    match kind:
        case FieldKind.TEXT | FieldKind.REFERENCE:
            return Control.LINE
        case FieldKind.PROSE:
            return Control.LINES
        case FieldKind.CODE:
            return Control.CHOICE
        case FieldKind.DATE:
            return Control.DATE
        case _:
            assert_never(kind)


def id_of(box: DescriptionField) -> str:
    """The id of a field's element; what the ids of a date's three elements begin with."""
    if box.kind is FieldKind.DATE:
        return _prefix(box)
    return _IDS.get(box.name, box.name)


def anchor_of(box: DescriptionField) -> str:
    """Where a fault of a field leads."""
    return f"#{id_of(box)}day" if box.kind is FieldKind.DATE else f"#{id_of(box)}"


def _prefix(box: DescriptionField) -> str:
    """Prefix of the names of a date's three elements; empty for the date of the document."""
    return "" if box.name == "document_date" else f"{box.name}-"


@dataclass(frozen=True)
class Choice:
    """One option of a list."""

    value: str
    label: Markup
    chosen: bool


@dataclass(frozen=True)
class Box:
    """A field as a form shows it.

    Attributes:
        name: Of the field, and of its element.
        hint: One sentence under the label; may be empty.
        limit: Most signs.
        required: Whether the form must not be sent without it.
        value: Of a line, or of several.
        choices: Of a choice.
        parts: Of a date.
        fault: What was wrong with it when the form was last sent.
    """

    name: str
    id: str
    control: Control
    label: Markup
    hint: Markup
    limit: int
    required: bool
    value: str = ""
    choices: tuple[Choice, ...] = ()
    parts: tuple[DatePart, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class TypedDescription:
    """A form that was sent and refused.

    Attributes:
        faults: What was wrong.
        form: As it was filled, to be shown again; None where somebody else's change must be read
            first.
        box: The field at fault, if one is.
    """

    faults: tuple[Fault, ...] = ()
    form: Mapping[str, str] | None = None
    box: str = ""


@dataclass(frozen=True)
class DescriptionForm:
    """The form as a record's page shows it.

    Attributes:
        revision: What the person has read: a change meanwhile is not overwritten.
        boxes: Lines and choices, then ``dates``.
        faults: What was wrong when it was last sent.
        open: Whether it is shown unfolded.
    """

    revision: str
    boxes: tuple[Box, ...]
    dates: tuple[Box, ...]
    faults: tuple[Fault, ...]
    open: bool


@dataclass(frozen=True)
class Kept:
    """What is kept of a record's description, as its form shows it and a browser sends it back.

    Attributes:
        inherited: The access rule of its document type.
    """

    texts: Mapping[str, str]
    inherited: str

    @classmethod
    def of(cls, row: RecordRow, types: Iterable[DocumentTypeRow]) -> Kept:
        """What a row says; an access rule that the type gives stands as no choice of its own."""
        inherited = next((kind.access_rule for kind in types if kind.code == row.document_type), None) or ""
        texts = {box.name: _one_line(box, box.as_json(getattr(row, box.name)) or "") for box in BOXES}
        if texts["access_rule"] == inherited:
            texts["access_rule"] = ""
        return cls(texts, inherited)


def _one_line(box: DescriptionField, text: str) -> str:
    """The text as its element sends it back: a line of a form takes no line ends."""
    if control_of(box.kind) is Control.LINES:
        return text
    return "".join(text.splitlines()).strip()


def description_form(
    row: RecordRow, types: Iterable[DocumentTypeRow], typed: TypedDescription | None = None
) -> DescriptionForm:
    """The form of a record, filled with what is kept, or as it was just sent and refused.

    Args:
        row: The record.
        types: The tenant's document types, in their order.
        typed: The form that was sent.
    """
    typed = typed or TypedDescription()
    types = tuple(types)
    kept = Kept.of(row, types)
    shown = [_box(box, kept.texts[box.name], _codes(types, kept.inherited), typed) for box in BOXES]
    return DescriptionForm(
        revision=typed.form.get("revision", "") if typed.form is not None else str(row.revision),
        boxes=tuple(box for box in shown if box.control is not Control.DATE),
        dates=tuple(box for box in shown if box.control is Control.DATE),
        faults=typed.faults,
        open=bool(typed.faults) or not row.document_type or not row.document_date,
    )


def deposit_boxes(types: Iterable[DocumentTypeRow]) -> tuple[Box, ...]:
    """The empty boxes of the form that deposits; none of them is required there."""
    codes = _codes(tuple(types), "")
    return tuple(_box(box, "", codes, TypedDescription(), required=False) for box in fields_on(Page.DEPOSIT_FORM))


Codes = Mapping[CodeList, Mapping[str, Markup]]
"""What each list offers: code -> label; the empty code chooses none."""


def _codes(types: tuple[DocumentTypeRow, ...], inherited: str) -> Codes:
    rules = {code: _("{code} – {words}", code=code, words=said(words)) for code, words in access_rules().items()}
    none = {codes: _(name) for codes, name in _UNCHOSEN.items()}
    if inherited:
        none[CodeList.ACCESS_RULES] += Markup(" (") + rules.get(inherited, Markup.escape(inherited)) + Markup(")")
    return {
        CodeList.DOCUMENT_TYPES: {
            "": none[CodeList.DOCUMENT_TYPES],
            **{kind.code: Markup.escape(kind.label) for kind in types},
        },
        CodeList.ACCESS_RULES: {"": none[CodeList.ACCESS_RULES], **rules},
        CodeList.LANGUAGES: {"": none[CodeList.LANGUAGES]},
    }


def _box(
    box: DescriptionField, kept: str, codes: Codes, typed: TypedDescription, *, required: bool | None = None
) -> Box:
    must = box.required if required is None else required
    label = _("{label} (obligatoire)", label=said(box.label)) if must else said(box.label)
    control = control_of(box.kind)
    value = kept if typed.form is None else typed.form.get(box.name, kept)
    return Box(
        name=box.name,
        id=id_of(box),
        control=control,
        label=label,
        hint=said(box.hint),
        limit=box.limit,
        required=must,
        value=value,
        choices=_choices(value, codes[box.codes]) if box.codes is not None else (),
        parts=_parts(box, kept, typed) if control is Control.DATE else (),
        fault=str(typed.faults[0].text) if typed.box == box.name else "",
    )


def _parts(box: DescriptionField, kept: str, typed: TypedDescription) -> tuple[DatePart, ...]:
    value: Any = box.from_json(kept)
    return date_parts(ids=_prefix(box), names=_prefix(box), value=value, typed=typed.form)


def _choices(value: str, known: Mapping[str, Markup]) -> tuple[Choice, ...]:
    """Every option; a value that is on the list no more stays an option of its record."""
    listed = known if value in known else {**known, value: Markup.escape(value)}
    return tuple(Choice(code, label, code == value) for code, label in listed.items())


def typed_changes(form: Mapping[str, str], kept: Kept) -> dict[str, Any]:
    """What a form that was sent changes: what comes back as it was shown is no change.

    Raises:
        Refused: ``bad_field``.
    """
    changes: dict[str, Any] = {}
    for box in BOXES:
        text = _typed(box, form)
        if text is None or text == kept.texts[box.name]:
            continue
        if box.required and not text:
            raise box.empty(kept=KEPT)
        if text and box.kind is FieldKind.DATE:
            changes[box.name] = typed_date(
                form, _prefix(box), code="bad_field", kept=KEPT, pointer=f"/{box.name}", name=box.name
            )
        else:
            changes[box.name] = text or None
    if "document_type" in changes and form.get("access_rule") == "":
        changes["access_rule"] = None  # as the form says: that of the type, which is another now
    return changes


def _typed(box: DescriptionField, form: Mapping[str, str]) -> str | None:
    """The text of a box as it was sent; None when the form has no such box."""
    if box.kind is not FieldKind.DATE:
        return form[box.name].strip() if box.name in form else None
    return written_date(form, _prefix(box)) if f"{_prefix(box)}year" in form else None


def typed_at_deposit(form: Mapping[str, str]) -> dict[str, str]:
    """What the form that deposits says of each field that was filled."""
    typed = {box.name: _typed(box, form) for box in fields_on(Page.DEPOSIT_FORM)}
    return {name: text for name, text in typed.items() if text}


def refused_description(error: Refused, form: Mapping[str, str]) -> TypedDescription:
    """A refused form, with the refusal leading to its field.

    To the first one if it names none of them.
    """
    at_fault = next((box for box in BOXES if error.pointer == f"/{box.name}"), None)
    fault = Fault(anchor_of(at_fault or BOXES[0]), in_words(error))
    if at_fault is None:
        return TypedDescription((fault,))
    return TypedDescription((fault,), form, at_fault.name)
