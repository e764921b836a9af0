"""Deadlines of the certificates on which proofs rest, for doctor, « État » and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from archive.database.tenancy import EVERYTHING, acting_for
from archive.journal.proof_calendar import AUTHORITY, CHECKPOINTS, ROOT, SEAL, Deadline, calendar

if TYPE_CHECKING:
    from ingestion.assembly import System

NAMES: Final = {
    SEAL: "Cachet",
    AUTHORITY: "Autorité d’horodatage",
    ROOT: "Racine",
    CHECKPOINTS: "Horodatage des scellements",
}
"""French name of each thing that ends."""


def deadlines(system: System) -> tuple[Deadline, ...]:
    """Return the deadlines of this installation.

    Raises:
        ChartrierError: The database or the signer does not answer.
    """
    with acting_for(EVERYTHING), system.database.read() as session:
        return calendar(session, system.signer, system.timestamper)
