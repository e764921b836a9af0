"""The view-model of one bordereau: where it stands, what blocks, its visas, its lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlencode

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.i18n import _, ngettext, number, said
from api.views import disposal as views
from api.web import quantities
from api.web.certificate_section import CertificateSection, certificate_section
from api.web.disposal_lines import NOTHING_TYPED, ShownLine, TypedDecisions, shown_line
from api.web.disposal_words import (
    ACTIONS,
    LINES,
    MOTIVES,
    STEPS,
    blocked,
    duration_words,
    size_of_group,
    state_of,
    totals,
    years,
)
from api.web.execution_section import ExecutionSection, InTheWay, execution_section, in_the_way, reading_sentence
from api.web.progress import NOTHING, Badge
from archive.disposition.disposals import bordereau, listing
from archive.disposition.disposals.terms import COOLING_DAYS
from archive.model.disposals import DisposalAction, DisposalState, LineState, VisaStep
from archive.retention.schedule import document_types

if TYPE_CHECKING:
    from ingestion.assembly import System

GROUPS: Final = 25
LINES_SHOWN: Final = 50


@dataclass(frozen=True)
class ShownStep:
    """One step of a bordereau's way: preparation, visas, cooling-off."""

    kind: str
    icon: str
    what: Markup
    who: Markup
    notes: tuple[Markup, ...]
    day: str
    current: bool = False


@dataclass(frozen=True)
class ShownGroup:
    """A line as a reader of the bordereau sees it."""

    number: int
    name: str
    rule: str
    kind: str
    file: str
    dates: str
    due_on: str
    duration: Markup
    size: Markup
    remarks: tuple[Markup, ...]
    href: str


@dataclass(frozen=True)
class DisposalPage:
    """One bordereau.

    Attributes:
        notice: Badge and sentence on where it stands.
        days: Past and remaining days of the cooling-off period.
        blocked: What blocks: how many lines, why, and where they are listed.
        reading: Of a removal: who alone reads what it takes.
        reason: Of a removal: why.
        execution: What its execution does, and who confirms it; None before its last visa.
        certificate: Its certificates; None where nothing is destroyed.
        groups: Lines as a reader sees them; empty where records are listed.
        listed: What is listed: a group, or a state.
        goes: Whether anything goes as it stands.
        destroys: Whether its records are destroyed, and not handed over.
    """

    template: ClassVar[str] = "bordereau.html"
    tab: ClassVar[str] = "bordereaux"
    help_anchor: ClassVar[str] = "bordereaux"

    id: str
    number: int
    reference: str
    title: str
    action: Markup
    producer: str
    drafted_by: str
    notice: Badge
    sentence: Markup
    days: tuple[bool, ...]
    blocked: tuple[InTheWay, ...]
    execution: ExecutionSection | None
    certificate: CertificateSection | None
    reading: Markup
    reason: str
    steps: tuple[ShownStep, ...]
    totals: Markup
    groups: tuple[ShownGroup, ...]
    lines: tuple[ShownLine, ...] | None
    listed: Markup
    filters: tuple[tuple[str, Markup, int], ...]
    group: str
    state: str
    following: str
    motives: tuple[tuple[str, Markup], ...]
    may_decide: bool
    may_submit: bool
    may_stop: bool
    may_visa: bool
    is_draft: bool
    awaits_visa: bool
    goes: bool
    destroys: bool
    typed: TypedDecisions

    @property
    def json_href(self) -> str:
        """Return the API's address of the same bordereau."""
        return f"/api/v1/disposals/{self.id}"


def disposal_page(
    system: System, person: Caller, disposal_id: str, asked: Mapping[str, str], typed: TypedDecisions = NOTHING_TYPED
) -> DisposalPage:
    """Return the page of one bordereau, in the current language.

    Raises:
        Refused: ``disposal_not_found``.
    """
    with system.database.read() as session:
        row = bordereau.get(session, person.tenant, disposal_id)
        act = views.reading(system, session, person.tenant)
        shown = views.view(act, row)
        state = DisposalState(row.state)
        open_to = person.may("disposal:write") and state.is_open and state is not DisposalState.EXECUTING
        badge, sentence = _notice(shown)
        left = shown["days_left"]
        return DisposalPage(
            id=row.id,
            number=row.number,
            reference=row.reference,
            title=row.title,
            action=said(ACTIONS[DisposalAction(row.action)]),
            producer=row.producer or "",
            drafted_by=shown["drafted_by"] or "",
            notice=badge,
            sentence=sentence,
            days=tuple(n >= COOLING_DAYS - left for n in range(COOLING_DAYS)) if left is not None else (),
            blocked=in_the_way(shown),
            execution=execution_section(shown, person),
            certificate=certificate_section(shown),
            reading=reading_sentence(shown),
            reason=row.content["reason"] or "",
            steps=_steps(session, shown),
            totals=totals(shown),
            motives=tuple((text, said(text)) for text in MOTIVES),
            may_decide=open_to,
            may_submit=open_to and state is DisposalState.DRAFT,
            may_stop=open_to and state.may_be_stopped,
            may_visa=person.may("disposal:visa") and state is DisposalState.SUBMITTED,
            is_draft=state is DisposalState.DRAFT,
            awaits_visa=state is DisposalState.SUBMITTED,
            goes=shown["records"][LineState.INCLUDED.value] > 0,
            destroys=row.action == DisposalAction.DESTROY,
            typed=typed,
            **_content(session, person, shown, asked, typed, decides=open_to),
        )


def _content(
    session: Session,
    person: Caller,
    shown: Mapping[str, Any],
    asked: Mapping[str, str],
    typed: TypedDecisions,
    *,
    decides: bool,
) -> dict[str, Any]:
    """Return groups, or the records of one of them or in one state."""
    group, state = asked.get("groupe", ""), asked.get("etat", "")
    chosen = int(group) if group.isdecimal() and len(group) < 8 else None
    wanted = LineState(state) if state in set(LineState) else None
    start = asked.get("apres", "")
    after = int(start) if start.isdecimal() and len(start) < 8 else 0
    told: dict[str, Any] = {
        "group": str(chosen or ""),
        "state": wanted.value if wanted is not None else "",
        "filters": tuple((one.value, said(LINES[one][2]), shown["lines"][one.value]["records"]) for one in LineState),
    }
    href = f"/bordereaux/{shown['id']}"
    if chosen is None and wanted is None:
        found = listing.groups(session, shown["id"], after=after, limit=GROUPS + 1)
        types = {row.code: row.label for row in document_types(session, person.tenant)}
        groups = tuple(
            shown_group(href, views.group_view(session, person.tenant, one), types) for one in found[:GROUPS]
        )
        following = f"{href}?apres={found[GROUPS - 1].number}#lignes" if len(found) > GROUPS else ""
        return told | {"groups": groups, "lines": None, "listed": NOTHING, "following": following}
    reason = asked.get("motif", "") if wanted in {LineState.BLOCKED, LineState.FAILED} else ""
    rows = listing.lines(
        session, shown["id"], group=chosen, state=wanted, reason=reason or None, after=after, limit=LINES_SHOWN + 1
    )
    reader = views.signing(session, person, bordereau.get(session, person.tenant, shown["id"]))
    lines = views.line_views(session, reader, rows[:LINES_SHOWN])
    kept = {"groupe": told["group"], "etat": told["state"]} | ({"motif": reason} if reason else {})
    more = ""
    if len(rows) > LINES_SHOWN:
        more = f"{href}?{urlencode({**kept, 'apres': rows[LINES_SHOWN - 1].position})}#lignes"
    listed = said(LINES[wanted][2]) if wanted is not None else _("Ligne {n}", n=chosen)
    is_draft = shown["state"] == DisposalState.DRAFT
    return told | {
        "groups": (),
        "lines": tuple(shown_line(one, typed, decides=decides, is_draft=is_draft) for one in lines),
        "listed": listed,
        "following": more,
    }


def shown_group(href: str, told: Mapping[str, Any], types: Mapping[str, str]) -> ShownGroup:
    """Return a group in words."""
    kind = types.get(told["document_type"] or "", told["document_type"] or "")
    return ShownGroup(
        number=told["group"],
        name=kind or str(_("Sans type")),
        rule=", ".join(text for text in (told["rule_label"], told["rule"]) if text),
        kind=kind,
        file=told["file"] or "",
        dates=years(told["earliest"], told["latest"]),
        due_on=quantities.day(told["due_on"]),
        duration=duration_words(told["duration"], told["unit"]) if told["rule"] else Markup(),
        size=size_of_group(told),
        remarks=tuple(_remark(one) for one in told["remarks"]),
        href=f"{href}?groupe={told['group']}#lignes",
    )


def _remark(told: Mapping[str, Any]) -> Markup:
    state = LineState(told["state"])
    word = blocked(told["reason"]).word if state is LineState.BLOCKED else said(LINES[state][2])
    return _("{word} : {n}", word=word, n=number(told["records"]))


def _notice(shown: Mapping[str, Any]) -> tuple[Badge, Markup]:
    badge, state = state_of(shown["state"]), DisposalState(shown["state"])
    if state is DisposalState.COOLING_OFF and shown["days_left"] is not None:
        left = shown["days_left"]
        word = ngettext("Délai de repentir : encore {n} jour", "Délai de repentir : encore {n} jours", left)
        badge = replace(badge, word=word)
    return badge, _sentence(state, shown)


def _sentence(state: DisposalState, shown: Mapping[str, Any]) -> Markup:
    told = NOTHING
    if state is DisposalState.DRAFT:
        told = _("Retirez ce qui est à garder, puis soumettez-le. Ses documents ne sont dans aucun autre.")
    elif state is DisposalState.SUBMITTED:
        step = next((one["step"] for one in shown["steps"] if one["state"] == "expected"), None)
        what = said(STEPS[VisaStep(step)]) if step else _("la suite")
        day = quantities.day(shown["proposed_on"])
        told = _("Soumis le {day}. Attendu maintenant : {what}. Sans visa, rien ne part.", day=day, what=what)
    elif state is DisposalState.COOLING_OFF:
        last = quantities.day(shown["stop_until"])
        told = _("Tous les visas sont donnés. Jusqu’au {last} inclus, tout s’arrête encore.", last=last)
        if shown["days_left"] is None:
            told = _("Le délai de repentir a pris fin le {last}. Rien n’est encore parti.", last=last)
    elif state is DisposalState.APPROVED:
        last = quantities.day(shown["stop_until"])
        told = _("Approuvé : le délai de repentir a pris fin le {last}. Rien ne part sans confirmation.", last=last)
    elif state is DisposalState.REFUSED:
        told = _("Aucune ligne n’est approuvée : tous ses documents restent gardés.")
    elif state is DisposalState.WITHDRAWN:
        day, why = quantities.day(shown["ended_on"]), shown["ended_reason"]
        told = _("Arrêté le {day} : {why}. Ses documents restent gardés.", day=day, why=why)
    return told


def _steps(session: Session, shown: Mapping[str, Any]) -> tuple[ShownStep, ...]:
    by = shown["drafted_by"] or _("une personne qui n’a plus de compte")
    drafted = ShownStep("ok", "check", _("Préparé"), _("par {who}", who=by), (), quantities.day(shown["drafted_on"]))
    given = {one["id"]: one for one in views.visa_views(session, shown["id"])}
    steps = [drafted, *(_visa(one, given.get(one["visa"])) for one in shown["steps"])]
    if shown["stop_until"] is not None:
        until = _("jusqu’au {day}", day=quantities.day(shown["stop_until"]))
        left, name = shown["days_left"], _("Délai de repentir")
        length = ngettext("{n} jour", "{n} jours", COOLING_DAYS)
        running = left is not None
        steps.append(
            ShownStep("wait" if running else "ok", "now" if running else "check", name, length, (), str(until), running)
        )
    return tuple(steps)


def _visa(step: Mapping[str, Any], visa: Mapping[str, Any] | None) -> ShownStep:
    name = said(STEPS[VisaStep(step["step"])])
    if visa is None:
        if step["state"] == views.SILENT:
            return ShownStep("ok", "check", name, _("aucune opposition en trois mois"), (), "")
        waits = step["state"] == "expected"
        return ShownStep(
            "wait" if waits else "none",
            "clock" if waits else "none",
            name,
            _("attendu") if waits else _("à venir"),
            (),
            "",
            waits,
        )
    notes = [Markup.escape(f"« {visa['comment']} »")] if visa["comment"] else []
    if visa["reference"]:
        notes.append(_("Référence du visa : {reference}.", reference=visa["reference"]))
    answers = visa["answers"]
    named = len(answers["groups"]) + len(answers["lines"])
    if named:
        notes.append(ngettext("{n} réponse à part.", "{n} réponses à part.", named))
    who = Markup.escape(f"{visa['person']}, {visa['quality']}")
    return ShownStep("ok", "check", name, who, tuple(notes), quantities.day(visa["given_on"]))
