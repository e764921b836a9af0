"""The view-model of the due lists' page: counts, lines, groups, as of a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.cursors import Cursors
from api.http.i18n import _, ngettext
from api.web import quantities
from api.web.due_words import list_name, list_noun, state_badge
from api.web.faults import Fault, in_words
from api.web.progress import Badge
from api.web.typed_date import DatePart, date_parts, typed_date
from archive.catalogue.plan_queries import titles_of
from archive.catalogue.rule_queries import labels_of
from archive.catalogue.service_names import names_of, names_today
from archive.catalogue.service_names import shown as shown_producer
from archive.disposition.due_counts import Analysis, Count, analyse, are_many
from archive.disposition.due_groups import DueGroup, GroupBy, groups
from archive.disposition.due_lines import DueLine, lines, place_of
from archive.disposition.due_query import DueQuery
from archive.retention.civil import today_of
from archive.retention.schedule import document_types
from archive.retention.states import DueList, DueState
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

PAGE: Final = 50
_FILTERS: Final = ("regle", "service", "type", "noeud", "texte")
_W = TypeVar("_W", bound=StrEnum)


@dataclass(frozen=True)
class Asked:
    """What the address of the page asks for.

    Attributes:
        given: The address' own parameters that are kept in links, without the page's cursor.
    """

    day: date
    today: date
    which: DueList | None
    state: DueState | None
    group: GroupBy | None
    query: DueQuery
    latest_first: bool
    given: Mapping[str, str]

    @property
    def lists(self) -> bool:
        """Whether records are listed, and not only counted."""
        return self.which is not None or self.state is not None

    def href(self, **changed: str | None) -> str:
        """Return the address of the same question with something changed."""
        return "/echeances?" + self.parameters(**changed)

    def parameters(self, **changed: str | None) -> str:
        """Return the parameters of that address."""
        given = {**self.given, **changed}
        return urlencode({name: value for name, value in given.items() if value})


@dataclass(frozen=True)
class ListCount:
    """One due list in the overview."""

    name: Markup
    noun: Markup
    count: Count
    ready: int
    href: str
    chosen: bool


@dataclass(frozen=True)
class StateCount:
    """One state in the analysis."""

    badge: Badge
    count: Count
    href: str


@dataclass(frozen=True)
class ShownLine:
    """One record in the list."""

    id: str
    title: str
    meta: str
    rule: str
    rule_label: str
    due_on: str
    badge: Badge
    size: str


@dataclass(frozen=True)
class ShownGroup:
    """One group of the list.

    Attributes:
        label: What its name, a code, stands for.
    """

    name: str
    label: str
    count: Count
    href: str | None


@dataclass(frozen=True)
class DuePage:
    """The due lists as of a day.

    Attributes:
        faults: Errors of what was typed.
        following: Address of the next page; None on the last.
        reason: Reason of a hold, typed and refused.
        held: How many records were just held.
        too_many: Whether the numbers leave a filter out that many records meet.
    """

    template: ClassVar[str] = "echeances.html"
    tab: ClassVar[str] = "echeances"
    help_anchor: ClassVar[str] = "echeances"

    asked: Asked
    parts: tuple[DatePart, ...]
    title: Markup
    lists: tuple[ListCount, ...]
    states: tuple[StateCount, ...]
    total: Count
    lines: tuple[ShownLine, ...]
    groups: tuple[ShownGroup, ...]
    types: tuple[tuple[str, str], ...]
    following: str | None
    first: str | None
    may_hold: bool
    faults: tuple[Fault, ...] = ()
    reason: str = ""
    held: int = 0
    too_many: bool = False
    chosen: frozenset[str] = field(default_factory=frozenset)

    @property
    def disposal_href(self) -> str:
        """Return the address of the form that drafts a bordereau of the same records."""
        kept = {name: self.asked.given[name] for name in _FILTERS if name in self.asked.given}
        return "/bordereaux/nouveau?" + urlencode(kept)

    def refused(self, fault: Fault, reason: str, chosen: frozenset[str]) -> DuePage:
        """Return the page with the hold that was refused, as it was typed."""
        return replace(self, faults=(fault,), reason=reason, chosen=chosen)

    @property
    def json_href(self) -> str:
        """Return the API's address of the same list."""
        asked, query = self.asked, self.asked.query
        given = {
            "before": asked.day.isoformat(),
            "state": asked.state,
            "action": asked.which.final_action if asked.which is not None else None,
            "rule": query.rule,
            "producer": query.producer,
            "document_type": query.document_type,
            "node": query.node,
            "q": query.text,
        }
        return "/api/v1/retention/due?" + urlencode({name: str(value) for name, value in given.items() if value})


def asked_of(form: Mapping[str, str], today: date) -> Asked:
    """Read the address of the page; a word that is none of ours asks for nothing.

    Raises:
        Refused: ``bad_date``.
    """
    day = typed_date(form, code="bad_date", kept="", pointer="/day") or today
    which, state = _word(DueList, form.get("liste")), _word(DueState, form.get("etat"))
    kept = {name: form[name].strip()[:200] for name in _FILTERS if form.get(name, "").strip()}
    query = DueQuery(
        rule=kept.get("regle"),
        producer=kept.get("service"),
        document_type=kept.get("type"),
        node=kept.get("noeud"),
        text=kept.get("texte"),
    )
    given = {
        **({"day": str(day.day), "month": str(day.month), "year": f"{day.year:04}"} if day != today else {}),
        **{name: form[name] for name in ("liste", "etat", "grouper", "tri") if form.get(name)},
        **kept,
    }
    group = _word(GroupBy, form.get("grouper"))
    return Asked(day, today, which, state, group, query, form.get("tri") == "-due_on", given)


def due_page(system: System, person: Caller, form: Mapping[str, str], cursors: Cursors, *, held: int = 0) -> DuePage:
    """Return the page of the due lists, in the current language."""
    with system.database.read() as session:
        today = today_of(session, person.tenant, system.clock()).day
        faults: tuple[Fault, ...] = ()
        try:
            asked = asked_of(form, today)
        except Refused as error:
            faults = (Fault("#day", in_words(error)),)
            asked = asked_of({name: value for name, value in form.items() if name not in _DATE}, today)
        asked = replace(asked, query=replace(asked.query, read_by_all=person.reader.is_narrowed(session)))
        # words are looked for in one title after another: as far as the page needs, not in all;
        # nor are more records than a person waits for counted one by one
        counted = replace(asked.query, text=None)
        if too_many := are_many(session, person.tenant, counted):
            counted = replace(counted, node=None)
        analysis = analyse(session, person.tenant, asked.day, counted)
        types = tuple((row.code, row.label) for row in document_types(session, person.tenant))
        found = _listed(session, person, asked, cursors, form.get("apres"))
        return replace(
            _page(asked, analysis, person, types),
            parts=date_parts(value=asked.day, typed=form if faults else None),
            faults=faults,
            held=held,
            too_many=too_many,
            **found,
        )


_DATE: Final = ("day", "month", "year")


def purpose_of(tenant: str, asked: Asked) -> str:
    """Return what a cursor of this list is good for."""
    return f"due page {tenant} {asked.day} {sorted(asked.given.items())}"


def query_of(asked: Asked) -> DueQuery:
    """Return the filters with the final action of the chosen list."""
    return replace(asked.query, action=asked.which.final_action if asked.which is not None else None)


def _listed(session: Session, person: Caller, asked: Asked, cursors: Cursors, cursor: str | None) -> dict[str, Any]:
    if not asked.lists:
        return {}
    purpose = purpose_of(person.tenant, asked)
    after = cursors.read(purpose, cursor) if cursor else None
    first = asked.href() if after is not None else None
    if asked.group is not None:
        return {"first": first} | _grouped(session, person, asked, cursors, after)
    found = lines(
        session,
        person.tenant,
        asked.day,
        query_of(asked),
        state=asked.state,
        after=(after[0], after[1]) if after is not None else None,
        latest_first=asked.latest_first,
        limit=PAGE + 1,
    )
    following = None
    if len(found) > PAGE:
        following = asked.href(apres=cursors.write(purpose, list(place_of(found[PAGE - 1], asked.state))))
    labels = labels_of(session, person.tenant, (line.record.rule_code or "" for line in found))
    services = names_of(session, person.tenant, [line.record for line in found[:PAGE]])
    shown = tuple(_line(line, labels, services) for line in found[:PAGE])
    return {"lines": shown, "following": following, "first": first}


def _grouped(
    session: Session, person: Caller, asked: Asked, cursors: Cursors, after: list[Any] | None
) -> dict[str, Any]:
    by = asked.group or GroupBy.RULE
    found = groups(
        session,
        person.tenant,
        asked.day,
        query_of(asked),
        by,
        state=asked.state,
        after=after[0] if after is not None else None,
        limit=PAGE + 1,
    )
    following = None
    if len(found) > PAGE:
        following = asked.href(apres=cursors.write(purpose_of(person.tenant, asked), [found[PAGE - 1].key]))
    keys = [one.key or "" for one in found[:PAGE]]
    labels = {
        GroupBy.RULE: lambda: labels_of(session, person.tenant, keys),
        GroupBy.FILE: lambda: titles_of(session, person.tenant, keys),
        GroupBy.PRODUCER: lambda: names_today(session, person.tenant, keys, asked.today),
    }.get(by, dict[str, str])()
    return {"groups": tuple(_group(one, by, asked, labels) for one in found[:PAGE]), "following": following}


def _group(found: DueGroup, by: GroupBy, asked: Asked, labels: Mapping[str, str]) -> ShownGroup:
    names = {GroupBy.RULE: "regle", GroupBy.PRODUCER: "service", GroupBy.FILE: "noeud"}
    narrows = by in names and found.key is not None and ";" not in found.key
    href = asked.href(grouper=None, **{names[by]: found.key}) if narrows else None
    return ShownGroup(found.key or str(_("Sans valeur")), labels.get(found.key or "", ""), found.count, href)


def _page(asked: Asked, analysis: Analysis, person: Caller, types: tuple[tuple[str, str], ...]) -> DuePage:
    found = {which: analysis.of(which) for which in DueList}
    return DuePage(
        asked=asked,
        parts=(),
        title=_title(asked, sum(count.records for count in found.values())),
        lists=tuple(
            ListCount(
                name=list_name(which),
                noun=list_noun(which, count.records),
                count=count,
                ready=analysis.due[which].get(DueState.READY, Count()).records,
                href=asked.href(liste=which.value, etat=None, grouper=None),
                chosen=asked.which is which,
            )
            for which, count in found.items()
        ),
        states=tuple(
            StateCount(state_badge(state), count, asked.href(etat=state.value, liste=None, grouper=None))
            for state, count in analysis.states.items()
        ),
        total=analysis.total,
        lines=(),
        groups=(),
        types=types,
        following=None,
        first=None,
        may_hold=person.may("hold:write"),
    )


def _title(asked: Asked, due: int) -> Markup:
    day = quantities.day(asked.day)
    if not due:
        return _("Rien n’est échu au {day}", day=day)
    return ngettext("{n} document est échu au {day}", "{n} documents sont échus au {day}", due, day=day)


def _line(line: DueLine, labels: Mapping[str, str], services: Mapping[str, str]) -> ShownLine:
    row = line.record
    known = (row.external_reference, shown_producer(row.producer, services, row.id), row.file or row.classification)
    meta = ", ".join(dict.fromkeys(text for text in known if text))  # an affair's file often has its reference
    return ShownLine(
        id=row.id,
        title=row.title,
        meta=meta,
        rule=row.rule_code or "",
        rule_label=labels.get(row.rule_code or "", ""),
        due_on=quantities.day(row.due_on),
        badge=state_badge(line.state),
        size=quantities.size(row.bytes),
    )


def _word(words: type[_W], given: str | None) -> _W | None:
    return words(given) if given in set(words) else None
