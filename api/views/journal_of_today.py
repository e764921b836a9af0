"""Check of an older proof against the journal of today; a contradiction is an alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from api.views.headline import About, check
from archive.database.tenancy import EVERYTHING, acting_for
from archive.journal.history import History
from archive.objects.fixity import Fixity
from archive.objects.port import Unreadable
from signing.ground.errors import Corrupt

if TYPE_CHECKING:
    from ingestion.assembly import System

_SAID: Final = {
    "name": "Journal d’aujourd’hui",
    "extends": "Le journal publié aujourd’hui prolonge celui de cette preuve.",
    "contradicts": "Le journal publié aujourd’hui ne prolonge pas celui de cette preuve, que notre clé a signé : "
    "l’un des deux a été réécrit.",
    "away": "Le journal publié ne peut pas être relu en ce moment.",
}


def today_checks(system: System, note: Any) -> list[dict[str, str]]:
    """Confront the checkpoint of a proof with the published journal; no check if it isn't ours.

    Args:
        note: The checkpoint as the proof carries it; anything that is no note gives no check.
    """
    if not isinstance(note, str) or not note:
        return []
    try:
        with acting_for(EVERYTHING):  # the journal belongs to the installation, to no tenant
            ours = system.log_key.vkey
            told = History(system.database, system.ledger, system.store, ours, system.clock).confront(note)
    except (Corrupt, Unreadable):
        return [check(About.JOURNAL, _SAID["name"], Fixity.UNVERIFIABLE, _SAID["away"])]
    if told is None:
        return []
    verdict, said = (Fixity.INTACT, "extends") if told.agrees else (Fixity.ALTERED, "contradicts")
    return [check(About.JOURNAL, _SAID["name"], verdict, _SAID[said])]


def note_of_proof(proof: Any) -> str:
    """Return the checkpoint in a ``.tlog-proof``; empty when there is none."""
    return proof.partition("\n\n")[2] if isinstance(proof, str) else ""
