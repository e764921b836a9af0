"""Pages of all holds: the list with its filters, a new one with its reach, and one hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar, Final
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.i18n import _, ngettext, number, said
from api.views.history import name_of
from api.views.hold import UNTIL_IN_DOUBT
from api.views.record import readable, records_by_id
from api.web import quantities
from api.web.due_words import action_name
from api.web.faults import Fault
from api.web.typed_date import DatePart, date_parts
from api.web.typed_form import Typed
from archive.database.retention_tables import PlanNodeRow
from archive.database.tables import HoldRow
from archive.disposition.holds import listing, reviews
from archive.disposition.holds.listing import HoldFilter
from archive.disposition.holds.query import StandingQuery, parse_query
from archive.disposition.holds.reinstatement import may_reinstate
from archive.disposition.holds.terms import Authority, ScopeKind
from archive.model.final_actions import FinalAction
from archive.model.identifiers import is_id
from archive.retention.schedule import document_types

PAGE: Final = 25
"""Holds, or records of a hold, on one page."""
AUTHORITIES: Final = {
    Authority.JUDGE: "Un juge",
    Authority.INQUIRY: "Une enquête",
    Authority.AUDIT: "Un contrôle",
    Authority.OTHER: "Autre",
}
SCOPES: Final = {
    ScopeKind.LIST: "Une liste de documents",
    ScopeKind.SUBTREE: "Une partie du plan de classement",
    ScopeKind.QUERY: "Ce qui répond à des conditions",
}
CONDITIONS: Final = {
    "document_type": "Type",
    "classification": "Cote",
    "producer": "Service",
    "external_reference": "Référence de l’affaire",
    "retention_rule": "Règle propre",
    "fiscal_year": "Exercice",
    "final_action": "Sort final",
    "date_from": "Depuis le",
    "date_to": "Jusqu’au",
    "words": "Mots de la description",
    "text": "Mots des pages",
}


@dataclass(frozen=True)
class HoldLine:
    """One hold of a list.

    Attributes:
        state: Kind, icon and word of its badge.
        covers: What it covers, in words.
        step: What the store still has to do; empty when nothing.
    """

    href: str
    state: tuple[str, str, Markup]
    reason: str
    covers: Markup
    asked_by: str
    until: str
    review: str
    step: Markup


@dataclass(frozen=True)
class HoldsPage:
    """The list of holds.

    Attributes:
        allowed: Whether this person may place holds.
        to_review: How many reviews are due.
        chosen: Filters of the address.
        following: Address of the next page; empty on the last.
    """

    template: ClassVar[str] = "gels.html"
    tab: ClassVar[str] = "gels"
    help_anchor: ClassVar[str] = "gels"
    lines: tuple[HoldLine, ...]
    allowed: bool
    to_review: int
    chosen: Mapping[str, str]
    following: str
    authorities: tuple[tuple[str, str], ...]
    scopes: tuple[tuple[str, str], ...]
    json_href: str = "/api/v1/holds"


def holds_page(session: Session, person: Caller, asked: Mapping[str, str], now: date) -> HoldsPage:
    """Return the page of a tenant's holds, newest first."""
    names = ("etat", "demande", "portee", "reference")
    chosen = {name: asked[name].strip() for name in names if asked.get(name, "").strip()}
    before = asked.get("avant", "")
    state = chosen.get("etat")
    wanted = HoldFilter(
        in_force={"en-vigueur": True, "a-revoir": True, "finis": False}.get(state or ""),
        authority=Authority(chosen["demande"]) if chosen.get("demande") in set(Authority) else None,
        scope=ScopeKind(chosen["portee"]) if chosen.get("portee") in set(ScopeKind) else None,
        reference=chosen.get("reference"),
        review_by=now if state == "a-revoir" else None,
    )
    rows = listing.page(session, person.tenant, wanted, before=before if is_id(before) else None, limit=PAGE + 1)
    more = urlencode(chosen | {"avant": rows[PAGE - 1].id}) if len(rows) > PAGE else ""
    return HoldsPage(
        lines=tuple(_line(session, row, now) for row in rows[:PAGE]),
        allowed=person.may("hold:write"),
        to_review=listing.count_to_review(session, person.tenant, now),
        chosen=Typed(chosen),
        following=f"/gels?{more}" if more else "",
        authorities=_options(AUTHORITIES),
        scopes=_options(SCOPES),
    )


def _options(names: Mapping[Authority, str] | Mapping[ScopeKind, str]) -> tuple[tuple[str, str], ...]:
    return tuple((value.value, said(name)) for value, name in names.items())


def _line(session: Session, row: HoldRow, today: date) -> HoldLine:
    covered, settled = listing.counts_of(session, row.id)
    latest = reviews.latest(session, row)
    return HoldLine(
        href=f"/gels/{row.id}",
        state=_state(row, latest.review_on, today),
        reason=row.reason,
        covers=_covers(session, row, covered),
        asked_by=said(AUTHORITIES[Authority(row.authority)]) if row.authority else "",
        until=quantities.day(row.until) if row.until else "",
        review=quantities.day(latest.review_on) if latest.review_on else "",
        step=_step(row, covered, settled),
    )


def _state(row: HoldRow, review: date | None, today: date) -> tuple[str, str, Markup]:
    if row.released_at is not None:
        return "none", "none", _("Arrivé à son terme") if row.released_by is None else _("Levé")
    if review is not None and review <= today:
        return "warn", "warn", _("En vigueur, à revoir")
    return "warn", "lock", _("En vigueur")


def _covers(session: Session, row: HoldRow, covered: int) -> Markup:
    counted = ngettext("{n} document", "{n} documents", covered)
    match ScopeKind(row.scope or ScopeKind.LIST):
        case ScopeKind.SUBTREE:
            node = session.get(PlanNodeRow, row.node_id or "")
            return _("{counted}, sous « {title} »", counted=counted, title=_title(node))
        case ScopeKind.QUERY:
            return _("{counted}, par requête", counted=counted)
        case _:
            return counted


def _title(node: PlanNodeRow | None) -> str:
    return f"{node.code} {node.title}" if node is not None else "?"


def _step(row: HoldRow, covered: int, settled: int) -> Markup:
    if row.settled_at is not None:
        return Markup()
    return _(
        "Le coffre le fait pour {settled} documents sur {covered} : le service continue seul.",
        settled=number(settled),
        covered=number(covered),
    )


# -- a new hold


@dataclass(frozen=True)
class NewHoldPage:
    """The form of a new hold, and what it would cover once it was asked.

    Attributes:
        form: The form as it was sent; empty at first.
        reach: What it would cover; None while nothing was asked.
        latest: Some of these records: address and title.
    """

    template: ClassVar[str] = "gel_nouveau.html"
    tab: ClassVar[str] = "gels"
    help_anchor: ClassVar[str] = "gels"
    form: Mapping[str, str]
    faults: tuple[Fault, ...]
    until: tuple[DatePart, ...]
    review: tuple[DatePart, ...]
    types: tuple[tuple[str, str], ...]
    authorities: tuple[tuple[str, str], ...]
    reach: int | None = None
    unread: int = 0
    latest: tuple[tuple[str, str], ...] = ()
    json_href: str = "/api/v1/holds"


def new_hold_page(
    session: Session,
    person: Caller,
    form: Mapping[str, str],
    *,
    faults: Sequence[Fault] = (),
    reach: Mapping[str, object] | None = None,
) -> NewHoldPage:
    """Return the form of a new hold as it was filled, with its reach if it was asked."""
    ids = reach["records"] if reach is not None else []
    found = records_by_id(session, person.tenant, ids if isinstance(ids, list) else [])
    return NewHoldPage(
        form=Typed(form),
        faults=tuple(faults),
        until=date_parts(ids="terme-", names="terme-", typed=form),
        review=date_parts(ids="revue-", names="revue-", typed=form),
        types=tuple((one.code, one.label) for one in document_types(session, person.tenant)),
        authorities=_options(AUTHORITIES),
        reach=int(str(reach["record_count"])) if reach is not None else None,
        unread=int(str(reach["unread"])) if reach is not None else 0,
        latest=tuple((f"/documents/{row.id}", row.title) for row in found.values()),
    )


# -- one hold


@dataclass(frozen=True)
class OneHoldPage:
    """One hold: what it says, what it covers, and what may be done about it.

    Attributes:
        facts: Label and value.
        records: Address and title of some of its records.
        following: Address of the next page of records; empty on the last.
        ends: What may be done: ``review``, ``release``, ``reinstate``.
    """

    template: ClassVar[str] = "un_gel.html"
    tab: ClassVar[str] = "gels"
    help_anchor: ClassVar[str] = "gels"
    id: str
    reason: str
    state: tuple[str, str, Markup]
    facts: tuple[tuple[str, str], ...]
    step: Markup
    remark: str
    records: tuple[tuple[str, str], ...]
    following: str
    may: frozenset[str]
    faults: tuple[Fault, ...]
    form: Mapping[str, str]
    review: tuple[DatePart, ...]
    json_href: str = field(default="")


def one_hold_page(
    session: Session,
    person: Caller,
    hold: HoldRow,
    now: datetime,
    today: date,
    *,
    after: str = "",
    faults: Sequence[Fault] = (),
    form: Mapping[str, str] | None = None,
) -> OneHoldPage:
    """Return the page of one hold."""
    covered, settled = listing.counts_of(session, hold.id)
    latest = reviews.latest(session, hold)
    ids = listing.records_page(session, hold.id, after=after if is_id(after) else None, limit=PAGE + 1)
    titles = readable(session, person, ids[:PAGE])
    may = set()
    if person.may("hold:write"):
        may = {"review", "release"} if hold.released_at is None else set()
        may |= {"reinstate"} if may_reinstate(session, hold, now) else set()
    return OneHoldPage(
        id=hold.id,
        reason=hold.reason,
        state=_state(hold, latest.review_on, today),
        facts=tuple(_facts(session, hold, latest, covered)),
        step=_step(hold, covered, settled),
        remark=said(UNTIL_IN_DOUBT) if listing.is_doubtful(session, hold, now) else "",
        records=tuple((f"/documents/{one}", titles[one].title if one in titles else one) for one in ids[:PAGE]),
        following=f"/gels/{hold.id}?apres={ids[PAGE - 1]}#documents" if len(ids) > PAGE else "",
        may=frozenset(may),
        faults=tuple(faults),
        form=Typed(form or {}),
        review=date_parts(ids="revue-", names="revue-", typed=form),
        json_href=f"/api/v1/holds/{hold.id}",
    )


def _facts(session: Session, hold: HoldRow, latest: reviews.Review, covered: int) -> list[tuple[str, str]]:
    told: list[tuple[str, str | None]] = [
        (_("Tient"), _covers(session, hold, covered)),
        (_("Demandé par"), said(AUTHORITIES[Authority(hold.authority)]) if hold.authority else None),
        (_("Référence"), hold.reference),
        (_("Qui en répond"), latest.owner),
        (_("Décidé"), _decided(session, hold)),
        (_("Dernier jour"), quantities.day(hold.until) if hold.until else _("Jusqu’à sa levée")),
        (_("À revoir le"), quantities.day(latest.review_on) if latest.review_on else None),
        (_("Dernière revue"), latest.comment),
        (_("Déplacement"), _("Interdit : les documents restent à leur place") if hold.forbids_move else None),
        (_("Lecture"), _("Réservée à ceux qui peuvent geler") if hold.restricts_reading else None),
        (_("Fin"), _ended(session, hold)),
    ]
    query = parse_query(hold.query) if hold.query else StandingQuery()
    words = {
        "document_type": {one.code: one.label for one in document_types(session, hold.tenant_id)},
        "final_action": {one.value: str(action_name(one)) for one in FinalAction},
    }
    days = {"date_from": query.date_from, "date_to": query.date_to}
    asked = (query.as_json() | {name: quantities.day(day) for name, day in days.items() if day is not None}).items()
    told += [(said(CONDITIONS[name]), _values(value, words.get(name, {}))) for name, value in asked]
    return [(label, value) for label, value in told if value]


def _values(value: object, words: Mapping[str, str]) -> str:
    """Return what is asked, a code in words where it has some."""
    if isinstance(value, list):
        return ", ".join(words.get(one, one) for one in value)
    return str(value)


def _decided(session: Session, hold: HoldRow) -> str:
    who = name_of(session, hold.placed_by)
    day = quantities.day(hold.placed_at)
    return _("Le {day}, par {name}", day=day, name=who) if who else day


def _ended(session: Session, hold: HoldRow) -> str | None:
    if hold.released_at is None:
        return None
    day = quantities.day(hold.released_at)
    if hold.released_by is None:
        return _("Le {day}, à son terme", day=day)
    who = name_of(session, hold.released_by) or "?"
    return _("Le {day}, par {name} : {reason}", day=day, name=who, reason=hold.release_reason or "")
