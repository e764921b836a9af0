"""View-models of the list of bordereaux, and of the form that drafts one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlencode

from markupsafe import Markup

from api.access.callers import Caller
from api.http.i18n import _, ngettext, said
from api.views import disposal as views
from api.web import quantities
from api.web.disposal_words import ACTIONS, STATES, STEPS, state_of
from api.web.due_words import state_badge
from api.web.faults import Fault
from api.web.progress import Badge
from archive.disposition.disposals import listing
from archive.disposition.due_query import DueQuery
from archive.model.disposals import OPEN_DISPOSALS, DisposalAction, DisposalState, VisaStep
from archive.retention.schedule import document_types

if TYPE_CHECKING:
    from ingestion.assembly import System

PAGE: Final = 25
FILTERS: Final = ("regle", "service", "type", "noeud")
_OPEN: Final = "ouverts"
TO_CONFIRM: Final = "a-confirmer"
BLOCKED: Final = "bloques"
_SEVERAL: Final[Mapping[str, tuple[str, ...]]] = {
    _OPEN: OPEN_DISPOSALS,
    TO_CONFIRM: (DisposalState.COOLING_OFF.value, DisposalState.APPROVED.value),
    BLOCKED: OPEN_DISPOSALS,
}
"""Words for several states at once."""


@dataclass(frozen=True)
class DisposalLine:
    """One bordereau of the list."""

    href: str
    reference: str
    title: str
    action: Markup
    producer: str
    size: Markup
    badge: Badge
    awaits: Markup


@dataclass(frozen=True)
class DisposalsPage:
    """The list of bordereaux.

    Attributes:
        states: Filter: value, word, whether it is chosen.
    """

    template: ClassVar[str] = "bordereaux.html"
    tab: ClassVar[str] = "bordereaux"
    help_anchor: ClassVar[str] = "bordereaux"
    json_href: ClassVar[str] = "/api/v1/disposals"

    lines: tuple[DisposalLine, ...]
    states: tuple[tuple[str, Markup, bool], ...]
    is_first: bool
    following: str
    may_draft: bool


def disposals_page(system: System, person: Caller, wanted: str, before: str | None, reason: str = "") -> DisposalsPage:
    """Return a page of the list, the bordereau drafted last first.

    Args:
        wanted: A state, or a word for several.
        before: Id of the last one of the page before.
        reason: What blocks lines, where those with blocked lines are wanted.
    """
    chosen = wanted if wanted in {*DisposalState, *_SEVERAL} else ""
    states = [DisposalState(one) for one in _SEVERAL.get(chosen, (chosen,)) if one]
    only: dict[str, Any] = {"unconfirmed": chosen == TO_CONFIRM, "blocked": reason if chosen == BLOCKED else None}
    with system.database.read() as session:
        rows = listing.page(session, person.tenant, states, **only, before=before, limit=PAGE + 1)
        act = views.reading(system, session, person.tenant)
        lines = tuple(disposal_line(one) for one in views.shorts(act, rows[:PAGE]))
    kept = {"etat": chosen} | ({"motif": reason} if reason and chosen == BLOCKED else {})
    more = urlencode({**kept, "avant": rows[PAGE - 1].id}) if len(rows) > PAGE else ""
    words: tuple[tuple[str, Markup], ...] = (
        (_OPEN, _("En cours")),
        (TO_CONFIRM, _("À confirmer")),
        (BLOCKED, _("Avec des lignes bloquées")),
    )
    words = (*words, *((one.value, said(told[2])) for one, told in STATES.items()))
    return DisposalsPage(
        lines=lines,
        states=tuple((value, word, value == chosen) for value, word in words),
        is_first=before is None,
        following=f"/bordereaux?{more}" if more else "",
        may_draft=person.may("disposal:write"),
    )


def disposal_line(shown: Mapping[str, object]) -> DisposalLine:
    """Return a bordereau as lists show it, from its JSON."""
    numbers: Mapping[str, int] = shown["records"]  # type: ignore[assignment]
    return DisposalLine(
        href=f"/bordereaux/{shown['id']}",
        reference=str(shown["reference"]),
        title=str(shown["title"]),
        action=said(ACTIONS[DisposalAction(str(shown["action"]))]),
        producer=str(shown["producer"] or ""),
        size=ngettext("{n} document", "{n} documents", sum(numbers.values())),
        badge=state_of(str(shown["state"])),
        awaits=awaits(shown),
    )


def awaits(shown: Mapping[str, object]) -> Markup:
    """Say what a bordereau waits for; empty for one that waits for nothing."""
    if shown["days_left"] is not None:
        left = int(str(shown["days_left"]))
        return ngettext("Encore {n} jour pour l’arrêter", "Encore {n} jours pour l’arrêter", left)
    steps: list[Mapping[str, str]] = shown["steps"]  # type: ignore[assignment]
    expected = next((one["step"] for one in steps if one["state"] == "expected"), None)
    return said(STEPS[VisaStep(expected)]) if expected is not None else Markup()


# -- a new one


@dataclass(frozen=True)
class BlockedCount:
    """Due records that a bordereau would not take, and why."""

    badge: Badge
    size: Markup
    href: str


@dataclass(frozen=True)
class NewDisposalPage:
    """The form of a bordereau: what it would take is said first.

    Attributes:
        taken: Number of its lines.
        locked: Sentence on those that wait for a lock; empty where none does.
    """

    template: ClassVar[str] = "bordereau_nouveau.html"
    tab: ClassVar[str] = "bordereaux"
    help_anchor: ClassVar[str] = "bordereaux"
    json_href: ClassVar[str] = "/api/v1/retention/due"

    form: Mapping[str, str]
    faults: tuple[Fault, ...]
    types: tuple[tuple[str, str], ...]
    taken: int
    size: Markup
    ready: Markup
    locked: Markup
    blocked: tuple[BlockedCount, ...]

    def value(self, name: str) -> str:
        """Return what was typed in a box."""
        return self.form.get(name, "")


def query_of(form: Mapping[str, str]) -> DueQuery:
    """Read the filters of the form."""
    kept = {name: form.get(name, "").strip()[:200] or None for name in FILTERS}
    return DueQuery(rule=kept["regle"], producer=kept["service"], document_type=kept["type"], node=kept["noeud"])


def action_of(form: Mapping[str, str]) -> DisposalAction:
    """Read what is to become of the records: eliminated, unless they are to be handed over."""
    wanted = form.get("nature", "")
    return DisposalAction.TRANSFER if wanted == DisposalAction.TRANSFER else DisposalAction.DESTROY


def new_disposal_page(
    system: System, person: Caller, form: Mapping[str, str], faults: tuple[Fault, ...] = ()
) -> NewDisposalPage:
    """Return the form of a new bordereau, in the current language."""
    with system.database.read() as session:
        day = views.reading(system, session, person.tenant).today.day
        found = listing.foresee(session, person.tenant, day, action_of(form), query_of(form))
        types = tuple((row.code, row.label) for row in document_types(session, person.tenant))
    kept = urlencode({name: form[name] for name in FILTERS if form.get(name)})
    return NewDisposalPage(
        form=form,
        faults=faults,
        types=types,
        taken=found.taken.records,
        size=_size(found.taken.records, found.taken.bytes),
        ready=_size(found.ready.records, found.ready.bytes),
        locked=ngettext(
            "{n} document attend le verrou du coffre, jusqu’au {until} au plus tard.",
            "{n} documents attendent le verrou du coffre, du {since} au {until}.",
            found.locked.records,
            since=quantities.day(found.locked_from),
            until=quantities.day(found.locked_until),
        )
        if found.locked.records
        else Markup(),
        blocked=tuple(
            BlockedCount(
                state_badge(state),
                _size(count.records, count.bytes),
                f"/echeances?etat={state.value}" + (f"&{kept}" if kept else ""),
            )
            for state, count in found.blocked.items()
        ),
    )


def _size(records: int, octets: int) -> Markup:
    return ngettext("{n} document, {size}", "{n} documents, {size}", records, size=quantities.size(octets))
