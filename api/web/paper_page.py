"""Pages of a bordereau on paper: print it, attach its scan, enter what was signed, confirm it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.i18n import _, ngettext, said
from api.views import disposal as views
from api.views import disposal_paper as paper
from api.web import quantities
from api.web.disposal_words import DECISIONS, STEPS
from api.web.faults import Fault
from api.web.progress import Badge
from api.web.typed_date import DatePart, date_parts
from api.web.visa_page import Decided, VisaPage, visa_page
from archive.database.disposal_tables import DisposalRow
from archive.disposition.disposals import bordereau, listing, scans, visas
from archive.disposition.disposals.paper import Detail, ScanVerdict
from archive.model.disposals import DisposalState, LineDecision, VisaStep
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

SHOWN: Final = 200
"""Answers by line that the page of a confirmation shows; the API has them all."""


@dataclass(frozen=True)
class ShownScan:
    """A scan, and what its codes prove."""

    id: str
    name: Markup
    badge: Badge
    href: str
    bytes_href: str


@dataclass(frozen=True)
class ShownEntry:
    """A visa that waits for a second person."""

    who: Markup
    step: Markup
    by: str
    href: str


@dataclass(frozen=True)
class PaperPage:
    """Where a bordereau goes to paper and comes back.

    Attributes:
        prints: Address and name of each booklet.
        awaits: Whether a visa is awaited, so that a scan can be attached.
    """

    template: ClassVar[str] = "bordereau_papier.html"
    tab: ClassVar[str] = "bordereaux"
    help_anchor: ClassVar[str] = "bordereaux"

    id: str
    reference: str
    title: str
    step: Markup
    prints: tuple[tuple[str, Markup], ...]
    awaits: bool
    may_enter: bool
    scans: tuple[ShownScan, ...]
    entries: tuple[ShownEntry, ...]
    faults: tuple[Fault, ...]

    @property
    def json_href(self) -> str:
        """Return the API's address of the same scans."""
        return f"/api/v1/disposals/{self.id}/scans"


@dataclass(frozen=True)
class Leaf:
    """A page of a scan, shown beside what was entered."""

    scan: str
    number: int
    pages: int
    image: str
    bytes_href: str
    proven: bool
    unread: Markup


@dataclass(frozen=True)
class EntryPage:
    """The form in which a visa is entered from paper.

    Attributes:
        visa: The form of a visa, of which this has every part.
    """

    template: ClassVar[str] = "bordereau_saisie.html"
    tab: ClassVar[str] = "bordereaux"
    help_anchor: ClassVar[str] = "bordereaux"

    visa: VisaPage
    leaf: Leaf
    signed: tuple[DatePart, ...]

    @property
    def json_href(self) -> str:
        """Return the API's address of the same bordereau."""
        return self.visa.json_href


@dataclass(frozen=True)
class ConfirmPage:
    """What was entered, beside the scan that it was entered from.

    Attributes:
        answers: What each line, group or the whole got.
        hidden: How many answers by line are not shown.
        mine: Whether the visitor entered it, and so can't confirm it.
    """

    template: ClassVar[str] = "bordereau_confirmer.html"
    tab: ClassVar[str] = "bordereaux"
    help_anchor: ClassVar[str] = "bordereaux"

    id: str
    visa: str
    reference: str
    title: str
    step: Markup
    facts: tuple[tuple[Markup, str | Markup], ...]
    answers: tuple[tuple[str | Markup, Markup, str], ...]
    hidden: int
    mine: bool
    waits: bool
    leaf: Leaf | None
    faults: tuple[Fault, ...]

    @property
    def json_href(self) -> str:
        """Return the API's address of the visas."""
        return f"/api/v1/disposals/{self.id}/visas"


def paper_page(system: System, person: Caller, disposal_id: str, faults: tuple[Fault, ...] = ()) -> PaperPage:
    """Return the page of a bordereau on paper, in the current language.

    Raises:
        Refused: ``disposal_not_found``.
    """
    with system.database.read() as session:
        row = bordereau.get(session, person.tenant, disposal_id)
        shown = views.steps(views.reading(system, session, person.tenant), row)
        expected = next((one["step"] for one in shown if one["state"] == "expected"), None)
        waiting = [one for one in views.visa_views(session, row.id) if one["state"] == visas.ENTERED]
        return PaperPage(
            id=row.id,
            reference=row.reference,
            title=row.title,
            step=said(STEPS[VisaStep(expected)]) if expected else Markup(),
            prints=_prints(session, row),
            awaits=expected is not None,
            may_enter=person.may("disposal:write"),
            scans=tuple(_scan(row.id, one) for one in paper.scan_views(session, row.id)),
            entries=tuple(_entry(row.id, one) for one in waiting),
            faults=faults,
        )


def _prints(session: Session, row: DisposalRow) -> tuple[tuple[str, Markup], ...]:
    if row.state == DisposalState.DRAFT or not row.content["submitted_by"]:
        return ()
    found = []
    names = {Detail.GROUPS: _("Les lignes groupées"), Detail.LINES: _("Chaque document")}
    for detail, name in names.items():
        parts = paper.booklets(session, row.id, detail)
        for part in range(1, parts + 1):
            label = _("{name}, cahier {part} sur {parts}", name=name, part=part, parts=parts) if parts > 1 else name
            found.append((f"/api/v1/disposals/{row.id}/paper?detail={detail}&part={part}", label))
    return tuple(found)


def _scan(disposal_id: str, told: Mapping[str, Any]) -> ShownScan:
    name = ngettext("{n} page, {size}", "{n} pages, {size}", told["pages"], size=quantities.size(told["size"]))
    return ShownScan(
        id=told["id"],
        name=name,
        badge=scan_badge(told),
        href=f"/bordereaux/{disposal_id}/papier/{told['id']}",
        bytes_href=f"/api/v1/disposals/{disposal_id}/scans/{told['id']}",
    )


def scan_badge(told: Mapping[str, Any]) -> Badge:
    """Return what the codes of a scan prove, in words."""
    if told["verdict"] == ScanVerdict.PROVEN:
        return Badge("ok", "check", _("Entière et de ce bordereau"), _("Les codes de chaque page se lisent."))
    pages = ", ".join(map(str, told["unread"][:20]))
    why = (
        _("Le code de la première page ne se lit pas.") if not pages else _("Sans code lisible : page {at}.", at=pages)
    )
    return Badge("warn", "warn", _("À comparer au papier"), why)


def _entry(disposal_id: str, told: Mapping[str, Any]) -> ShownEntry:
    return ShownEntry(
        who=Markup.escape(f"{told['person']}, {told['quality']}"),
        step=said(STEPS[VisaStep(told["step"])]),
        by=told["entered_by"] or "",
        href=f"/bordereaux/{disposal_id}/saisie/{told['id']}",
    )


def entry_page(
    system: System,
    person: Caller,
    disposal_id: str,
    scan_id: str,
    form: Mapping[str, str],
    decided: Decided,
    faults: tuple[Fault, ...] = (),
) -> EntryPage:
    """Return the form in which a visa is entered, beside its scan.

    Raises:
        Refused: ``disposal_not_found``, ``scan_not_found``.
    """
    with system.database.read() as session:
        row = bordereau.get(session, person.tenant, disposal_id)
        leaf = _leaf(row.id, paper.scan_view(scans.get(session, row.id, scan_id)), form)
    visa = visa_page(system, person, disposal_id, form, decided, faults)
    return EntryPage(visa, leaf, date_parts(ids="signe", names="signe", typed=form))


def _leaf(disposal_id: str, told: Mapping[str, Any], form: Mapping[str, str]) -> Leaf:
    asked = form.get("feuille", "")
    number = min(max(1, int(asked)), told["pages"]) if asked.isdecimal() and len(asked) < 6 else 1
    address = f"/api/v1/disposals/{disposal_id}/scans/{told['id']}"
    return Leaf(
        scan=told["id"],
        number=number,
        pages=told["pages"],
        image=f"{address}/pages/{number}/image",
        bytes_href=address,
        proven=told["verdict"] == ScanVerdict.PROVEN,
        unread=scan_badge(told).reason,
    )


def confirm_page(
    system: System,
    person: Caller,
    disposal_id: str,
    visa_id: str,
    form: Mapping[str, str],
    faults: tuple[Fault, ...] = (),
) -> ConfirmPage:
    """Return what was entered from paper, for a second person.

    Raises:
        Refused: ``disposal_not_found``, ``visa_not_found``.
    """
    with system.database.read() as session:
        act = views.reading(system, session, person.tenant)
        row = bordereau.get(session, person.tenant, disposal_id)
        paper.require_visa_of(act, disposal_id, visa_id)
        visa = visas.get(act, visa_id)
        told = views.visa_view(session, visa)
        scan = next((one for one in paper.scan_views(session, row.id) if one["sha256"] == told["evidence"]), None)
        answers = told["answers"]
        return ConfirmPage(
            id=row.id,
            visa=visa.id,
            reference=row.reference,
            title=row.title,
            step=said(STEPS[VisaStep(told["step"])]),
            facts=_facts(told),
            answers=tuple(_answers(session, person, row, answers)),
            hidden=max(0, len(answers["lines"]) - SHOWN),
            mine=visa.content["recorded_by"] == person.agent,
            waits=visa.state == visas.ENTERED,
            leaf=_leaf(row.id, scan, form) if scan is not None else None,
            faults=faults,
        )


def _facts(told: Mapping[str, Any]) -> tuple[tuple[Markup, str | Markup], ...]:
    facts: list[tuple[Markup, str | Markup]] = [
        (_("Qui a signé"), told["person"]),
        (_("En quelle qualité"), told["quality"]),
        (_("Signé le"), quantities.day(told["given_on"])),
        (_("Saisi par"), told["entered_by"] or _("une personne qui n’a plus de compte")),
    ]
    for label, text in ((_("Référence du visa"), told["reference"]), (_("Remarque"), told["comment"])):
        if text:
            facts.append((label, text))
    return tuple(facts)


def _answers(
    session: Session, person: Caller, row: DisposalRow, answers: Mapping[str, Any]
) -> list[tuple[str | Markup, Markup, str]]:
    """Return each answer: what it is about, the decision, and its comment."""
    whole = answers["whole"]
    rest = _decision(whole) if whole is not None else _("Sans réponse : gardé")
    found: list[tuple[str | Markup, Markup, str]] = [(_("Tout le reste"), rest, "")]
    found += [(_("Ligne {n}", n=one["group"]), _decision(one), one["comment"]) for one in answers["groups"]]
    lines = answers["lines"][:SHOWN]
    there = [listing.line(session, row.id, one["record_id"]) for one in lines]
    shown = {one["record_id"]: one for one in views.line_views(session, person.reader, there)}
    for one in lines:
        line = shown[one["record_id"]]
        name = line["title"] or _("Lecture réservée par un gel")
        what = _("Document {n} : {title}", n=line["position"], title=name)
        found.append((what, _decision(one), one["comment"]))
    return found


def _decision(told: Mapping[str, Any]) -> Markup:
    if told["not_before"]:
        return _("Pas avant le {day}.", day=quantities.day(told["not_before"]))
    return said(DECISIONS[LineDecision(told["decision"])])


def require_told(form: Mapping[str, str]) -> str:
    """Return what the form says of the rest.

    Raises:
        Refused: ``bad_disposal``.
    """
    rest = form.get("reste", "")
    if rest not in {"approve", "refuse", "by_line"}:
        raise Refused(
            "bad_disposal",
            "Dites aussi ce qu’il en est du reste.",
            kept="Le visa n’est pas saisi.",
            action="Corrigez-la, puis recommencez.",
            pointer="/decision",
        )
    return rest
