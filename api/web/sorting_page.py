"""The pages of what is to be sorted: the units, by rule and one by one, and a new population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.cursors import Cursors
from api.http.i18n import _, ngettext, number
from api.web import quantities
from api.web.faults import Fault
from api.web.sample_words import criterion_words, methods, state_words
from api.web.typed_form import Typed
from archive.catalogue.rule_queries import labels_of, latest, versions_of
from archive.catalogue.service_names import names_of, shown
from archive.database.sorting_tables import PopulationRow
from archive.database.tables import RecordRow
from archive.disposition import sorting
from archive.disposition.criteria import MOST_UNITS
from archive.disposition.due_counts import analyse
from archive.disposition.due_groups import GroupBy, groups
from archive.disposition.due_lines import lines, place_of
from archive.disposition.due_query import DueQuery
from archive.disposition.sampling import SampleMethod
from archive.disposition.sorting_units import FILE, RECORD, files_to_sort, number_kept
from archive.model.final_actions import FinalAction
from archive.retention.civil import today_of
from archive.retention.states import DueState

if TYPE_CHECKING:
    from ingestion.assembly import System

PAGE: Final = 50
_RULES: Final = 20
_FILTERS: Final = ("regle", "service", "noeud", "texte")


@dataclass(frozen=True)
class RuleToSort:
    """A rule by which something is to be sorted."""

    code: str
    label: str
    criteria: str
    count: Markup
    href: str


@dataclass(frozen=True)
class UnitToSort:
    """One unit of the list."""

    id: str
    href: str
    title: str
    meta: str
    rule: str
    due_on: str
    size: str
    rule_label: str = ""


@dataclass(frozen=True)
class SampleLine:
    """One population of the list."""

    href: str
    title: str
    criterion: Markup
    state: tuple[str, str, Markup]
    size: Markup


@dataclass(frozen=True)
class Decided:
    """The form of a decision that was refused, as it was typed."""

    faults: tuple[Fault, ...] = ()
    reason: str = ""
    decision: str = ""
    chosen: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class SortingPage:
    """What is to be sorted.

    Attributes:
        unit: ``record`` or ``file``: what is listed.
        given: The address' own parameters.
        sorted: How many units were just decided about.
    """

    template: ClassVar[str] = "tri.html"
    tab: ClassVar[str] = "echeances"
    help_anchor: ClassVar[str] = "tri"

    unit: str
    given: Mapping[str, str]
    title: Markup
    rules: tuple[RuleToSort, ...]
    lines: tuple[UnitToSort, ...]
    samples: tuple[SampleLine, ...]
    following: str | None
    first: str | None
    older: str | None
    may_sort: bool
    typed: Decided = Decided()
    sorted: int = 0

    @property
    def json_href(self) -> str:
        """Return the API's address of the same list."""
        return "/api/v1/retention/due?" + urlencode({"state": DueState.TO_SORT.value})

    def href(self, **changed: str | None) -> str:
        """Return the address of the same list with something changed."""
        return list_href(self.given, **changed)


@dataclass(frozen=True)
class NewSamplePage:
    """The form of a new population.

    Attributes:
        form: As it was typed.
        seen: What would be frozen, in words; empty before it was asked for.
        size: How many units that is.
    """

    template: ClassVar[str] = "tri_nouveau.html"
    tab: ClassVar[str] = "echeances"
    help_anchor: ClassVar[str] = "tri"
    json_href: ClassVar[str] = "/api/v1/samples"

    code: str
    label: str
    criteria: str
    counts: Mapping[str, Markup]
    methods: tuple[tuple[str, Markup, Markup], ...]
    form: Mapping[str, str]
    faults: tuple[Fault, ...] = ()
    seen: tuple[Markup, ...] = ()
    size: int = 0


def given_of(form: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of the list's address that a form or an address gives."""
    kept = {name: form[name].strip()[:200] for name in _FILTERS if form.get(name, "").strip()}
    return kept | ({"unite": FILE} if form.get("unite") == FILE else {})


def list_href(given: Mapping[str, str], **changed: str | None) -> str:
    """Return the address of a list with something changed."""
    told = {name: value for name, value in {**given, **changed}.items() if value}
    return "/tri" + (f"?{urlencode(told)}" if told else "")


def sorting_page(
    system: System, person: Caller, form: Mapping[str, str], cursors: Cursors, typed: Decided | None = None
) -> SortingPage:
    """Return the page of what is to be sorted, in the current language."""
    given = given_of(form)
    kept, unit = {name: given[name] for name in _FILTERS if name in given}, given.get("unite", RECORD)
    query = DueQuery(
        rule=kept.get("regle"), producer=kept.get("service"), node=kept.get("noeud"), text=kept.get("texte")
    )
    with system.database.read() as session:
        day = today_of(session, person.tenant, system.clock()).day
        query = replace(query, read_by_all=person.reader.is_narrowed(session))
        to_sort = DueQuery(action=FinalAction.SORT, read_by_all=query.read_by_all)
        total = analyse(session, person.tenant, day, to_sort).states[DueState.TO_SORT].records
        purpose = f"sorting page {person.tenant} {day} {sorted(given.items())}"
        cursor = form.get("apres")
        after = cursors.read(purpose, cursor) if cursor else None
        listed, place = _units(session, person.tenant, day, query, unit, after)
        before = form.get("avant") or None
        samples = sorting.page(session, person.tenant, before=before, limit=11)
        return SortingPage(
            unit=unit,
            given=Typed(given),
            title=ngettext("{n} document à trier", "{n} documents à trier", total)
            if total
            else _("Rien n’est à trier"),
            rules=_rules(session, person.tenant, day, to_sort) if total else (),
            lines=listed,
            samples=tuple(sample_line(session, row) for row in samples[:10]),
            following=list_href(given, apres=cursors.write(purpose, place)) if place is not None else None,
            first=list_href(given) if after is not None else None,
            older=list_href(given, avant=samples[9].id) + "#tris" if len(samples) > 10 else None,
            may_sort=person.may("retention:write"),
            typed=typed or Decided(),
            sorted=int(n) if (n := form.get("tries", "0")).isdecimal() and len(n) < 7 else 0,
        )


def sample_line(session: Session, row: PopulationRow) -> SampleLine:
    """Return a population as one line."""
    units = (
        ngettext("{n} dossier", "{n} dossiers", len(row.units))
        if row.unit == FILE
        else ngettext("{n} document", "{n} documents", len(row.units))
    )
    state = state_words(row, ready=sorting.is_ready(session, row))
    return SampleLine(f"/tri/{row.id}", row.title, criterion_words(row.criterion), state, units)


def _rules(session: Session, tenant: str, day: date, query: DueQuery) -> tuple[RuleToSort, ...]:
    found = groups(session, tenant, day, query, GroupBy.RULE, state=DueState.TO_SORT, limit=_RULES)
    told = []
    for one in found:
        code = one.key or ""
        label, criteria = words_of_rule(session, tenant, code)
        count = ngettext("{n} document", "{n} documents", one.count.records)
        told.append(RuleToSort(code, label, criteria, count, "/tri/nouveau?" + urlencode({"regle": code})))
    return tuple(told)


def words_of_rule(session: Session, tenant: str, code: str) -> tuple[str, str]:
    """Return label and criteria of sorting of a rule; empty where it is unknown."""
    versions = versions_of(session, tenant, code)
    return (latest(versions).label, latest(versions).criteria or "") if versions else ("", "")


def _units(
    session: Session, tenant: str, day: date, query: DueQuery, unit: str, after: list[Any] | None
) -> tuple[tuple[UnitToSort, ...], list[Any] | None]:
    if unit == FILE:
        files = files_to_sort(session, tenant, day, query, after=after[0] if after else None, limit=PAGE + 1)
        told = tuple(
            UnitToSort(
                one.node.id,
                f"/plan/{one.node.id}",
                one.node.title,
                ", ".join(text for text in (one.node.code, one.node.producer) if text),
                str(ngettext("{n} document à trier", "{n} documents à trier", one.count.records)),
                quantities.day(one.node.closed_on),
                quantities.size(one.count.bytes),
            )
            for one in files[:PAGE]
        )
        return told, [files[PAGE - 1].node.code] if len(files) > PAGE else None
    found = lines(
        session,
        tenant,
        day,
        replace(query, action=FinalAction.SORT),
        state=DueState.TO_SORT,
        after=(after[0], after[1]) if after else None,
        limit=PAGE + 1,
    )
    rows = [line.record for line in found[:PAGE]]
    labels = labels_of(session, tenant, (row.rule_code or "" for row in rows))
    services = names_of(session, tenant, rows)
    records = tuple(
        UnitToSort(
            row.id,
            f"/documents/{row.id}",
            row.title,
            ", ".join(text for text in _known(row, services) if text),
            row.rule_code or "",
            quantities.day(row.due_on),
            quantities.size(row.bytes),
            labels.get(row.rule_code or "", ""),
        )
        for row in rows
    )
    place = list(place_of(found[PAGE - 1], DueState.TO_SORT)) if len(found) > PAGE else None
    return records, place


def _known(row: RecordRow, services: Mapping[str, str]) -> tuple[str | None, ...]:
    return row.external_reference, shown(row.producer, services, row.id), row.file or row.classification


def new_sample_page(
    system: System,
    session: Session,
    person: Caller,
    form: Mapping[str, str],
    faults: Sequence[Fault] = (),
    criterion: Mapping[str, Any] | None = None,
) -> NewSamplePage:
    """Return the form of a new population, with what it would freeze where that was asked for."""
    code = form.get("regle", "")[:40]
    label, criteria = words_of_rule(session, person.tenant, code)
    now = system.clock()
    meant = {unit: sorting.meant(session, person.tenant, now, unit, None, code) for unit in (FILE, RECORD)}
    counts = {
        FILE: ngettext("{n} dossier", "{n} dossiers", len(meant[FILE])),
        RECORD: ngettext("{n} document", "{n} documents", len(meant[RECORD])),
    }
    unit = form.get("unite") or (FILE if meant[FILE] else RECORD)
    typed = {"methode": SampleMethod.SELECTION.value, "titre": label, "mots": criteria, **form, "unite": unit}
    seen: tuple[Markup, ...] = ()
    units = meant.get(unit, [])
    if criterion is not None:
        kept = number_kept(session, unit, units, criterion)
        seen = _seen(len(units), kept, SampleMethod(criterion["method"]))
    return NewSamplePage(
        code, label, criteria, counts, methods(), Typed(typed), tuple(faults), seen, min(len(units), MOST_UNITS + 1)
    )


def _seen(size: int, kept: int | None, method: SampleMethod) -> tuple[Markup, ...]:
    told = [
        ngettext(
            "{n} unité serait figée : rien n’y entre et rien n’en sort ensuite.",
            "{n} unités seraient figées : rien n’y entre et rien n’en sort ensuite.",
            size,
        )
    ]
    if kept is None:
        told.append(_("Vous direz une à une lesquelles sont gardées ; le reste sera à éliminer."))
    else:
        told.append(
            _(
                "{kept} à garder, {rest} à éliminer.",
                kept=number(kept),
                rest=number(size - kept),
            )
        )
    if method.by_chance:
        told.append(
            _(
                "Le tirage attend le prochain point d’horodatage du journal : "
                "personne ne connaît encore la graine, personne ne peut choisir."
            )
        )
    told.append(_("Une population figée ne se défait pas, et ne se tire qu’une fois."))
    return tuple(told)
