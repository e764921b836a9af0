"""The page of a guest: one bordereau, decided by line, by group or as a whole, on a phone first.

What was decided is a draft in the database: a phone that sleeps between two pages loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, Final

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.access.guests import Guest
from api.http.i18n import _, ngettext, said
from api.views import disposal as views
from api.web import quantities
from api.web.disposal_page import GROUPS, LINES_SHOWN, ShownGroup, shown_group
from api.web.disposal_words import ACTIONS, DECISIONS, STEPS, line_badge, unread_title
from api.web.faults import Fault
from api.web.progress import Badge
from api.web.typed_date import DatePart, date_parts, typed_date
from api.web.visa_page import rest_choices
from archive.catalogue.reading import Reader
from archive.database.disposal_tables import DisposalRow
from archive.database.tables import TenantRow
from archive.disposition.disposals import bordereau, guest_visas, listing
from archive.disposition.disposals.decisions import Answer
from archive.disposition.disposals.guest_visas import Decided
from archive.disposition.disposals.population import bad_disposal
from archive.model.disposals import DisposalAction, DisposalState, LineDecision, LineState, VisaStep
from archive.retention.civil import civil_day, zone_of
from archive.retention.schedule import document_types

if TYPE_CHECKING:
    from ingestion.assembly import System

_KEPT: Final = "Le visa n’est pas donné."
REST: Final = {"approve": LineDecision.APPROVE, "refuse": LineDecision.REFUSE, "by_line": None}
"""What a person says of all that is not decided apart."""


@dataclass(frozen=True)
class Place:
    """Which part of the bordereau is shown: groups, or the records of one group.

    Attributes:
        group: 0 where groups are shown.
        after: Place of the last one of the page before.
    """

    group: int = 0
    after: int = 0

    @property
    def address(self) -> str:
        """Address of the page."""
        return f"/visa/bordereau?ligne={self.group}&apres={self.after}#lignes"


def place_of(form: Mapping[str, str]) -> Place:
    """Read which part is wanted."""
    return Place(_small(form.get("ligne", "")), _small(form.get("apres", "")))


@dataclass(frozen=True)
class GuestGroup:
    """A group, and what was decided about it."""

    shown: ShownGroup
    decision: str
    day: str


@dataclass(frozen=True)
class GuestLine:
    """A record, and what was decided about it."""

    id: str
    title: str | Markup
    dates: str
    badge: Badge
    decision: str
    day: str


@dataclass(frozen=True)
class GuestPage:
    """A bordereau as a guest sees it.

    Attributes:
        notice: Why no visa can be given here and now; None where one can.
        removed_for: Reason of a removal; empty otherwise.
        special: How many groups and records are decided otherwise than the rest.
    """

    template: ClassVar[str] = "invite_visa.html"
    tab: ClassVar[str] = ""
    help_anchor: ClassVar[str] = "invite"
    json_href: ClassVar[str] = ""

    number: int
    csrf: str
    town: str
    reference: str
    title: str
    action: Markup
    producer: str
    step: Markup
    person: str
    quality: str
    until: str
    total: Markup
    notice: Markup | None
    removed_for: str
    destroys: bool
    special: Markup
    groups: tuple[GuestGroup, ...]
    lines: tuple[GuestLine, ...]
    place: Place
    next_place: Place | None
    choices: tuple[tuple[str, Markup], ...]
    rest: tuple[tuple[str, Markup, Markup], ...]
    parts: tuple[DatePart, ...]
    form: Mapping[str, str]
    faults: tuple[Fault, ...]

    @property
    def following(self) -> str:
        """Return the next page as a button names it; empty on the last."""
        return f"{self.next_place.group} {self.next_place.after}" if self.next_place is not None else ""

    @property
    def following_href(self) -> str:
        """Return the address of the next page; empty on the last."""
        return self.next_place.address if self.next_place is not None else ""

    def value(self, name: str) -> str:
        """Return what was typed in a box."""
        return self.form.get(name, "")


def guest_page(
    system: System, guest: Guest, place: Place, form: Mapping[str, str] | None = None, faults: tuple[Fault, ...] = ()
) -> GuestPage:
    """Return the page of a guest, in the current language.

    Args:
        form: As it was sent and refused; None: what the draft holds.
    """
    row = guest.invitation
    with system.database.read() as session:
        disposal = bordereau.get(session, guest.tenant, row.disposal_id)
        act = views.reading(system, session, guest.tenant)
        shown = views.view(act, disposal)
        there = session.merge(row)  # its draft may be newer than what opened this request
        notice = _notice(shown, VisaStep(row.step))
        reader = Reader(guest.tenant, reads_all=False, visas=disposal.id if notice is None else "")
        groups, lines, following = _content(session, reader, row.id, disposal, place)
        town = session.get_one(TenantRow, guest.tenant).name
        until = civil_day(row.expires_at, zone_of(session, guest.tenant))
        special = guest_visas.number_decided(session, row.id)
        typed = {"qualite": row.quality} | there.draft if form is None else form
    records = sum(one["records"] for state, one in shown["lines"].items() if state != LineState.EXCLUDED)
    return GuestPage(
        number=disposal.number,
        csrf=guest.csrf,
        town=town,
        reference=disposal.reference,
        title=disposal.title,
        action=said(ACTIONS[DisposalAction(disposal.action)]),
        producer=disposal.producer or "",
        step=said(STEPS[VisaStep(row.step)]),
        person=row.person,
        quality=row.quality,
        until=quantities.day(until.isoformat()),
        total=ngettext("{n} document", "{n} documents", records),
        notice=notice,
        removed_for=shown["reason"] or "" if disposal.action == DisposalAction.REMOVE else "",
        destroys=disposal.action != DisposalAction.TRANSFER,
        special=ngettext("{n} décision à part est gardée.", "{n} décisions à part sont gardées.", special)
        if special
        else Markup(),
        groups=groups,
        lines=lines,
        place=place,
        next_place=following,
        choices=tuple((one.value, said(text)) for one, text in DECISIONS.items()),
        rest=rest_choices(),
        parts=date_parts(typed=form if faults else None),
        form=typed,
        faults=faults,
    )


def read_page(form: Mapping[str, str], known: Mapping[str, Decided]) -> dict[str, Decided | None]:
    """Return what a page of lines decides anew; None: as the rest.

    A day is for what is chosen now: what waits for a day already keeps its own, unless it is alone.

    Raises:
        Refused: ``bad_disposal``.
    """
    told: dict[str, Decided | None] = {}
    chosen = {name: value for name, value in form.items() if is_target(name)}
    later = [name for name, value in chosen.items() if value == LineDecision.NOT_BEFORE]
    day = typed_date(form, code="bad_disposal", kept=_KEPT, pointer="/not_before") if later else None
    dated = {name: one for name in later if (one := known.get(name)) is not None and one.not_before is not None}
    if day is not None and len(later) > 1 and len(dated) == len(later):
        raise bad_disposal("/not_before", "Cette date ne dit pas de quelle ligne : toutes en ont déjà une.")
    for name, value in chosen.items():
        before = known.get(name)
        if value not in set(LineDecision):
            wanted = None
        elif value != LineDecision.NOT_BEFORE:
            wanted = Decided(LineDecision(value))
        elif name in dated and (day is None or len(later) > 1):
            wanted = dated[name]
        elif day is not None:
            wanted = Decided(LineDecision.NOT_BEFORE, day)
        else:
            raise bad_disposal("/not_before", "« Pas avant » demande une date.")
        if wanted != before:
            told[name] = wanted
    return told


def is_target(name: str) -> bool:
    """Whether the name of a field names a group or a record."""
    return (name[:1] == "g" and name[1:].isdecimal() and len(name) < 9) or (name[:1] == "r" and len(name) == 37)


def whole_of(form: Mapping[str, str]) -> Answer | None:
    """Return what is said of all that is not decided apart.

    Raises:
        Refused: ``bad_disposal``.
    """
    rest = form.get("reste", "")
    if rest not in REST:
        raise bad_disposal("/decision", "Dites aussi ce qu’il en est du reste.")
    decision = REST[rest]
    return Answer(decision) if decision is not None else None


# -- parts


def _content(
    session: Session, reader: Reader, mine: str, disposal: DisposalRow, place: Place
) -> tuple[tuple[GuestGroup, ...], tuple[GuestLine, ...], Place | None]:
    if place.group:
        found = listing.lines(session, disposal.id, group=place.group, after=place.after, limit=LINES_SHOWN + 1)
        told = views.line_views(session, reader, found[:LINES_SHOWN])
        decided = guest_visas.decided(session, mine, {f"r{one['record_id']}" for one in told})
        lines = tuple(_line(one, decided) for one in told if one["state"] != LineState.EXCLUDED)
        more = Place(place.group, found[LINES_SHOWN - 1].position) if len(found) > LINES_SHOWN else None
        return (), lines, more
    there = listing.groups(session, disposal.id, after=place.after, limit=GROUPS + 1)
    types = {one.code: one.label for one in document_types(session, reader.tenant)}
    decided = guest_visas.decided(session, mine, {f"g{one.number}" for one in there})
    groups = tuple(
        GuestGroup(
            shown_group("", views.group_view(session, reader.tenant, one), types),
            *_told(decided.get(f"g{one.number}")),
        )
        for one in there[:GROUPS]
    )
    more = Place(0, there[GROUPS - 1].number) if len(there) > GROUPS else None
    return groups, (), more


def _line(told: Mapping[str, Any], decided: Mapping[str, Decided]) -> GuestLine:
    return GuestLine(
        told["record_id"],
        told["title"] or unread_title(told),
        quantities.day(told["document_date"]),
        line_badge(told),
        *_told(decided.get(f"r{told['record_id']}")),
    )


def _told(decided: Decided | None) -> tuple[str, str]:
    if decided is None:
        return "", ""
    day: date | None = decided.not_before
    return decided.decision.value, quantities.day(day.isoformat()) if day is not None else ""


def _notice(shown: Mapping[str, Any], step: VisaStep) -> Markup | None:
    """Say why no visa can be given now; None where it can."""
    state = DisposalState(shown["state"])
    if state is DisposalState.WITHDRAWN:
        return _("Ce bordereau a été arrêté : aucun visa n’y est plus demandé. Ses documents restent gardés.")
    if state is not DisposalState.SUBMITTED:
        return _("Ce bordereau n’attend plus de visa.")
    expected = next((one["step"] for one in shown["steps"] if one["state"] == "expected"), None)
    if expected is None:
        return _("Ce bordereau n’attend plus de visa.")
    if expected != step:
        before = said(STEPS[VisaStep(expected)])
        return _("Ce n’est pas encore votre tour. Attendu d’abord : {what}. Revenez plus tard.", what=before)
    return None


def _small(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 8 else 0
