"""What bordereaux wait for, on the archivist's home: visas, terms, confirmations, blocked lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from markupsafe import Markup
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.http.i18n import _, ngettext
from api.web import quantities
from api.web.disposal_words import blocked, failure
from api.web.disposals_page import BLOCKED, TO_CONFIRM
from api.web.tasks import Task, task_of
from archive.database.disposal_tables import DisposalRow
from archive.disposition.disposals import listing
from archive.model.disposals import DisposalState, LineState

_DETAILS: Final = 5
"""Most bordereaux of a task that are named one by one."""


def disposal_tasks(session: Session, person: Caller, today: date) -> list[Task | None]:
    """Return what bordereaux wait for, from the most to the least urgent."""
    tenant = person.tenant
    waiting = listing.in_states(session, tenant, DisposalState.SUBMITTED)
    entered = [one for one in listing.entered_visas(session, tenant) if one.content["recorded_by"] != person.agent]
    stops = listing.blocked_lines(session, tenant)
    fails = listing.blocked_lines(session, tenant, LineState.FAILED)
    return [
        _cooling(listing.in_states(session, tenant, DisposalState.COOLING_OFF), today),
        _to_confirm(listing.to_confirm(session, tenant), today),
        task_of(
            len(entered),
            (_("visa sur papier à confirmer"), _("visas sur papier à confirmer")),
            _("Une autre personne l’a saisi : comparez la saisie au papier."),
            f"/bordereaux/{entered[0].disposal_id}" if entered else "/bordereaux",
            _("Confirmer"),
        ),
        task_of(
            len(waiting),
            (_("bordereau attend un visa"), _("bordereaux attendent un visa")),
            _("D’autres le donnent. Sans visa, rien ne part : le silence ne vaut jamais accord."),
            f"/bordereaux?etat={DisposalState.SUBMITTED.value}",
            _("Voir"),
        ),
        task_of(
            _sum(stops),
            (_("ligne de bordereau bloquée"), _("lignes de bordereaux bloquées")),
            _("Elles ne partiront pas tant que cela dure ; les autres n’attendent pas."),
            f"/bordereaux?etat={BLOCKED}",
            _("Voir pourquoi"),
            tuple(
                (
                    _lines_of(found, LineState.BLOCKED, reason),
                    _stopped(blocked(reason).word, sum(found.values())),
                )
                for reason, found in stops.items()
            ),
        ),
        task_of(
            _sum(fails),
            (_("destruction pas terminée"), _("destructions pas terminées")),
            _("Elles sont reprises d’elles-mêmes."),
            "/bordereaux?etat=executing",
            _("Voir"),
            tuple(
                (_lines_of(found, LineState.FAILED, reason), _stopped(failure(reason).word, sum(found.values())))
                for reason, found in fails.items()
            ),
        ),
    ]


def _cooling(rows: Sequence[DisposalRow], today: date) -> Task | None:
    running = sorted(
        (row.stop_until, row.id, row.reference) for row in rows if row.stop_until and row.stop_until >= today
    )
    soonest = running[0][0] if running else today
    return task_of(
        len(running),
        (_("bordereau dans son délai de repentir"), _("bordereaux dans leur délai de repentir")),
        ngettext(
            "Encore {n} jour pour l’arrêter, jusqu’au {day} inclus.",
            "Encore {n} jours pour arrêter le premier, jusqu’au {day} inclus.",
            (soonest - today).days,
            day=quantities.day(soonest),
        ),
        f"/bordereaux?etat={DisposalState.COOLING_OFF.value}",
        _("Voir"),
        tuple(
            (f"/bordereaux/{key}", _("{reference} : jusqu’au {day}", reference=reference, day=quantities.day(day)))
            for day, key, reference in running[:_DETAILS]
        ),
    )


def _to_confirm(rows: Sequence[DisposalRow], today: date) -> Task | None:
    over = sum(1 for row in rows if row.stop_until is not None and row.stop_until < today)
    why = _("Tous les visas sont donnés. Sans confirmation, rien n’est détruit.")
    if over:
        why = ngettext(
            "Pour {n}, le délai de repentir est passé. Sans confirmation, rien n’est détruit.",
            "Pour {n}, le délai de repentir est passé. Sans confirmation, rien n’est détruit.",
            over,
        )
    return task_of(
        len(rows),
        (_("exécution à confirmer"), _("exécutions à confirmer")),
        why,
        f"/bordereaux?etat={TO_CONFIRM}",
        _("Voir"),
        tuple(
            (f"/bordereaux/{row.id}#execution", _("Bordereau {reference}", reference=row.reference))
            for row in rows[:_DETAILS]
        ),
    )


def _stopped(word: Markup, n: int) -> Markup:
    return ngettext("{word} : {n} ligne", "{word} : {n} lignes", n, word=word)


def _lines_of(found: Mapping[str, int], state: LineState, reason: str) -> str:
    """Return where lines are listed: their bordereau, or the bordereaux that have some."""
    if len(found) == 1:
        return f"/bordereaux/{next(iter(found))}?etat={state.value}&motif={reason}#lignes"
    return f"/bordereaux?etat={BLOCKED}&motif={reason}" if state is LineState.BLOCKED else "/bordereaux?etat=executing"


def _sum(found: Mapping[str, Mapping[str, int]]) -> int:
    return sum(n for by_disposal in found.values() for n in by_disposal.values())
