"""The pages of document types: the list with the form of a new one, and one type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.i18n import _, ngettext
from api.views import rule as rules
from api.web.effect_words import effect_told, states_told
from api.web.faults import Fault
from api.web.rules_page import access_told, sentence
from archive.catalogue import rule_queries
from archive.database.tables import DocumentTypeRow
from archive.model.days import Today
from archive.model.folding import folded
from archive.retention.schedule import document_types

PAGE: Final = 50
FIELDS: Final = ("label", "rule", "access_rule")
_FILTERS: Final = ("mots", "regle", "tri")


@dataclass(frozen=True)
class TypedType:
    """A form that was sent: refused, or with its effect, to be confirmed.

    Attributes:
        effect: None: nothing to be confirmed.
        is_stale: Whether somebody else changed the type meanwhile.
    """

    form: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    effect: Mapping[str, Any] | None = None
    is_stale: bool = False


@dataclass(frozen=True)
class TypeLine:
    """One document type of the list, in words.

    Attributes:
        rule: Its rule, in words; empty without one.
    """

    code: str
    label: str
    rule_code: str
    rule: Markup
    is_validated: bool
    access: str
    records: Markup


@dataclass(frozen=True)
class TypeForm:
    """The form of a type, and what it would do.

    Attributes:
        choices: Code and words of each rule.
        both: Field, as it is in place, as it was sent; told once somebody else changed the type.
    """

    values: Mapping[str, str]
    choices: Sequence[tuple[str, str]]
    typed: TypedType
    effect: tuple[Markup, ...]
    states: tuple[tuple[Markup, int, int], ...]
    both: tuple[tuple[Markup, str, str], ...] = ()
    tag: str = ""


@dataclass(frozen=True)
class TypesPage:
    """The list of document types, and the form of a new one.

    Attributes:
        without: How many types have no rule.
        following: Address of the next page; empty on the last one.
    """

    template: ClassVar[str] = "types.html"
    tab: ClassVar[str] = "regles"
    help_anchor: ClassVar[str] = "types"
    json_href: ClassVar[str] = "/api/v1/document-types"

    lines: Sequence[TypeLine]
    total: int
    chosen: Mapping[str, str]
    without: int
    following: str
    form: TypeForm | None


@dataclass(frozen=True)
class TypePage:
    """One document type, and the form that changes it."""

    template: ClassVar[str] = "type.html"
    tab: ClassVar[str] = "regles"
    help_anchor: ClassVar[str] = "types"

    line: TypeLine
    form: TypeForm | None

    @property
    def json_href(self) -> str:
        """Return the API's address of the same content."""
        return f"/api/v1/document-types/{self.line.code}"


def types_page(
    session: Session, person: Caller, chosen: Mapping[str, str], today: Today, typed: TypedType
) -> TypesPage:
    """Make the list: filtered, sorted, one page of it."""
    every = document_types(session, person.tenant)
    kept = {name: chosen.get(name, "") for name in _FILTERS}
    asked = " ".join(folded(kept["mots"]))
    found = [
        row
        for row in every
        if (not asked or asked in " ".join(folded(f"{row.code} {row.label} {row.rule_code or ''}")))
        and (kept["regle"] != "sans" or row.rule_code is None)
    ]
    if kept["tri"] == "code":
        found.sort(key=lambda row: row.code)
    if kept["tri"] == "documents":
        counts = rule_queries.records_by_type(session, person.tenant)
        found.sort(key=lambda row: -counts.get(row.code, 0))
    start = int(page) * PAGE if (page := chosen.get("page", "0")).isdecimal() and len(page) < 5 else 0
    more = urlencode(kept | {"page": start // PAGE + 1})
    return TypesPage(
        lines=_lines(session, person, found[start : start + PAGE], today),
        total=len(found),
        chosen=kept,
        without=sum(row.rule_code is None for row in every),
        following=f"/types?{more}" if len(found) > start + PAGE else "",
        form=_form(session, person, None, today, typed) if person.may("retention:write") else None,
    )


def type_page(session: Session, person: Caller, code: str, today: Today, typed: TypedType) -> TypePage:
    """Make the page of one document type.

    Raises:
        Refused: ``document_type_not_found``.
    """
    row = rule_queries.get_type(session, person.tenant, code)
    form = _form(session, person, row, today, typed) if person.may("retention:write") else None
    return TypePage(_lines(session, person, [row], today)[0], form)


def type_given(form: Mapping[str, str]) -> dict[str, str | None]:
    """Return the document type that a form gives."""
    return {name: form.get(name, "").strip() or None for name in FIELDS}


def _lines(session: Session, person: Caller, rows: Sequence[DocumentTypeRow], today: Today) -> list[TypeLine]:
    told = {one["code"]: one for one in rules.views(session, person.tenant, today)} if rows else {}
    counts = rule_queries.records_by_type(session, person.tenant, *(row.code for row in rows)) if rows else {}
    return [_line(row, told.get(row.rule_code or ""), counts.get(row.code, 0)) for row in rows]


def _line(row: DocumentTypeRow, rule: Mapping[str, Any] | None, records: int) -> TypeLine:
    return TypeLine(
        code=row.code,
        label=row.label,
        rule_code=row.rule_code or "",
        rule=_("{label} : {sentence}", label=rule["label"], sentence=sentence(rule))
        if rule is not None
        else Markup(""),
        is_validated=rule is not None and rule["validated_at"] is not None,
        access=access_told(row.access_rule),
        records=ngettext("{n} document", "{n} documents", records),
    )


def _form(session: Session, person: Caller, row: DocumentTypeRow | None, today: Today, typed: TypedType) -> TypeForm:
    kept = {name: str(value or "") for name, value in _values(row).items()}
    words = {one["code"]: _choice(one) for one in rules.views(session, person.tenant, today)}
    effect = typed.effect
    return TypeForm(
        values={"code": ""} | kept | dict(typed.form),
        choices=tuple(words.items()),
        typed=typed,
        effect=_effect(effect, kept, typed.form) if effect is not None else (),
        states=states_told(effect) if effect is not None else (),
        both=_both(kept, typed.form, words) if typed.is_stale else (),
        tag=rules.type_tag(row),
    )


def _values(row: DocumentTypeRow | None) -> dict[str, str | None]:
    if row is None:
        return dict.fromkeys(FIELDS)
    return {"label": row.label, "rule": row.rule_code, "access_rule": row.access_rule}


def _choice(rule: Mapping[str, Any]) -> str:
    told = f"{rule['code']} – {rule['label']}"
    return told if rule["validated_at"] else str(_("{rule} (à valider)", rule=told))


def _effect(found: Mapping[str, Any], kept: Mapping[str, str], sent: Mapping[str, str]) -> tuple[Markup, ...]:
    told = list(effect_told(found))
    if kept["access_rule"] != sent.get("access_rule", "").strip():
        told.append(_("Les délais de communication de ces documents sont aussi recalculés."))
    return (*told, _("Le changement vaut aussitôt ; les dates suivent, et rien n’est éliminé d’ici là."))


def _both(
    kept: Mapping[str, str], sent: Mapping[str, str], words: Mapping[str, str]
) -> tuple[tuple[Markup, str, str], ...]:
    labels = {"label": _("Intitulé"), "rule": _("Règle"), "access_rule": _("Règle d’accès")}

    def shown(name: str, value: str) -> str:
        told = words.get(value, value) if name == "rule" else value
        return told or "–"

    return tuple((label, shown(name, kept[name]), shown(name, sent.get(name, ""))) for name, label in labels.items())
