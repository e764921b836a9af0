"""The forms for a description: their boxes, the values shown, and the values typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

from markupsafe import Markup

from api.http.i18n import _, said
from api.web.faults import Fault, in_words
from api.web.typed_date import DatePart, date_parts, written_date
from archive.catalogue.description import UNCHANGED
from archive.database.tables import DocumentTypeRow, RecordRow
from archive.model.description_fields import fields_on
from archive.model.field_rules import CodeList, DescriptionField, FieldKind, Spot
from archive.retention.access import access_codes, access_rules
from signing.ground.errors import Refused

_IDS: Final = {"title": "titre", "document_type": "type", "producer": "service", "classification": "cote"}
"""French ids of elements that pages and bookmarks link to; others have their field's name."""

_UNCHOSEN: Final = {
    CodeList.DOCUMENT_TYPES: "Je ne sais pas",
    CodeList.ACCESS_RULES: "Celle du type",
    CodeList.LANGUAGES: "Je ne sais pas",
}
"""French label of the empty choice of each list."""

BOXES: Final = fields_on(Spot.RECORD_FORM)


class Control(StrEnum):
    """The kind of control in which a field is typed."""

    LINE = "line"
    LINES = "lines"
    CHOICE = "choice"
    DATE = "date"


def control_of(kind: FieldKind) -> Control:
    """Return the control for a kind of field."""
    match kind:
        case FieldKind.TEXT | FieldKind.REFERENCE | FieldKind.YEAR:
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
    """Return the id of a field's element; for a date, the prefix of its three elements' ids."""
    if box.kind is FieldKind.DATE:
        return _prefix(box)
    return _IDS.get(box.name, box.name)


def anchor_of(box: DescriptionField) -> str:
    """Return the anchor to which a fault of a field links."""
    return f"#{id_of(box)}day" if box.kind is FieldKind.DATE else f"#{id_of(box)}"


def _prefix(box: DescriptionField) -> str:
    """Return the prefix of a date's three names; empty for the date of the document."""
    return "" if box.name == "document_date" else f"{box.name}-"


@dataclass(frozen=True)
class Choice:
    """One option of a list."""

    value: str
    label: Markup
    chosen: bool


@dataclass(frozen=True)
class Box:
    """A field in a form.

    Attributes:
        name: Name of the field and of its element.
        hint: One sentence under the label; may be empty.
        limit: Largest number of characters.
        required: Whether the form must not be sent without it.
        value: Text of a line, or of several lines.
        choices: Options of a choice.
        parts: Day, month and year of a date.
        fault: The error of this field when the form was last sent.
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
    """A description form that was sent and refused.

    Attributes:
        faults: The errors.
        form: The values as typed, to be shown again; None where somebody else's change must be
            read first.
        box: Name of the field at fault; empty when there is none.
    """

    faults: tuple[Fault, ...] = ()
    form: Mapping[str, str] | None = None
    box: str = ""


EMPTY: Final = TypedDescription()


@dataclass(frozen=True)
class DescriptionForm:
    """The description form on a record's page.

    Attributes:
        revision: The revision that the person has read, so that a later change is not overwritten.
        boxes: Lines and choices; ``dates`` follow them.
        faults: The errors when it was last sent.
        open: Whether it is shown unfolded.
    """

    revision: str
    boxes: tuple[Box, ...]
    dates: tuple[Box, ...]
    faults: tuple[Fault, ...]
    open: bool


@dataclass(frozen=True)
class Kept:
    """The kept description of a record, in the texts that a form shows and a browser sends back.

    Attributes:
        texts: Text of each field by its name.
        inherited: The access rule of the record's document type; empty when there is none.
    """

    texts: Mapping[str, str]
    inherited: str

    @classmethod
    def of(cls, row: RecordRow, types: Iterable[DocumentTypeRow]) -> Kept:
        """Read a row; an access rule equal to that of the document type counts as no choice."""
        inherited = next((kind.access_rule for kind in types if kind.code == row.document_type), None) or ""
        texts = {box.name: _one_line(box, box.as_json(getattr(row, box.name)) or "") for box in BOXES}
        if texts["access_rule"] == inherited:
            texts["access_rule"] = ""
        return cls(texts, inherited)


def _one_line(box: DescriptionField, text: str) -> str:
    """Return the text as its element sends it back: a one-line element drops line ends."""
    if control_of(box.kind) is Control.LINES:
        return text
    return "".join(text.splitlines()).strip()


def description_form(
    row: RecordRow, types: Iterable[DocumentTypeRow], typed: TypedDescription | None = None
) -> DescriptionForm:
    """Return the form of a record, filled with the kept values or with those just refused.

    Args:
        row: The record.
        types: The tenant's document types, in their order.
        typed: The form that was sent and refused, if one was.
    """
    typed = typed or EMPTY
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


def deposit_boxes(types: Iterable[DocumentTypeRow], typed: TypedDescription = EMPTY) -> tuple[Box, ...]:
    """Return the boxes of the deposit form, with the values just refused; none is required."""
    codes = _codes(tuple(types), "")
    return tuple(_box(box, "", codes, typed, required=False) for box in fields_on(Spot.DEPOSIT_FORM))


Codes = Mapping[CodeList, Mapping[str, Markup]]
"""Options of each list: code -> label; the empty code chooses none."""


def _codes(types: tuple[DocumentTypeRow, ...], inherited: str) -> Codes:
    rules = _access_choices(kind.access_rule for kind in types)
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


def _access_choices(of_types: Iterable[str | None]) -> dict[str, Markup]:
    """Return the national list, and after it each rule of several codes that a type has."""
    alone = {code: _("{code} – {words}", code=code, words=said(words)) for code, words in access_rules().items()}
    several = sorted({rule for rule in of_types if rule and len(access_codes(rule)) > 1})
    return alone | {rule: Markup(" + ").join(alone.get(code, code) for code in access_codes(rule)) for rule in several}


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
    """Return every option; a value no longer on the list stays an option of its record."""
    listed = known if value in known else {**known, value: Markup.escape(value)}
    return tuple(Choice(code, label, code == value) for code, label in listed.items())


def typed_changes(form: Mapping[str, str], kept: Kept) -> dict[str, Any]:
    """Return the changes in a form that was sent; a value sent back as it was shown is none.

    Raises:
        Refused: ``bad_field``: a required box is empty; the archive judges everything else.
    """
    changes: dict[str, Any] = {}
    for box in BOXES:
        text = _typed(box, form)
        if text is None or text == kept.texts[box.name]:
            continue
        if box.required and not text:
            raise box.empty(kept=UNCHANGED)
        changes[box.name] = text or None
    if "document_type" in changes and form.get("access_rule") == "":
        changes["access_rule"] = None  # an empty choice means the rule of the type, and the type has changed
    return changes


def _typed(box: DescriptionField, form: Mapping[str, str]) -> str | None:
    """Return the text of a box as it was sent; None when the form has no such box."""
    if box.kind is not FieldKind.DATE:
        return form[box.name].strip() if box.name in form else None
    return written_date(form, _prefix(box)) if f"{_prefix(box)}year" in form else None


def typed_at_deposit(form: Mapping[str, str]) -> dict[str, str]:
    """Return the filled fields of a deposit form: name -> text."""
    typed = {box.name: _typed(box, form) for box in fields_on(Spot.DEPOSIT_FORM)}
    return {name: text for name, text in typed.items() if text}


def refused_description(error: Refused, form: Mapping[str, str]) -> TypedDescription:
    """Return a refused form; its error links to the field at fault, else to the first field."""
    at_fault = at_fault_in(BOXES, error)
    fault = Fault(anchor_of(at_fault or BOXES[0]), in_words(error))
    if at_fault is None:
        return TypedDescription((fault,))
    return TypedDescription((fault,), form, at_fault.name)


def at_fault_in(boxes: Iterable[DescriptionField], error: Refused) -> DescriptionField | None:
    """Return the box that a refusal names; None where it names another part of the request."""
    return next((box for box in boxes if error.pointer == f"/{box.name}"), None)
