"""Exclusive jobs: each has at most one holder in the whole installation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.leases import locked_lease, runs
from archive.database.tables import LeaseRow
from ingestion.processing.workers import died, this_worker
from signing.ground.clock import Clock
from signing.ground.errors import Refused

EXCLUSIVE_JOB_SECONDS: Final = 30


class ExclusiveJob:
    """Exclusive job (relay, sweeper …): at most one holder in the whole installation.

    Args:
        name: Row in ``leases``.
        holder: Name of this process.
    """

    def __init__(self, database: Database, name: str, clock: Clock, holder: Callable[[], str] = this_worker) -> None:
        self._database = database
        self._name = name
        self._clock = clock
        self._holder = holder()
        self._fence = -1
        self._until = clock() - timedelta(days=1)

    def hold(self) -> bool:
        """Take or renew the job; True if held. Writes only in the second half of the lease."""
        now = self._clock()
        whole = timedelta(seconds=EXCLUSIVE_JOB_SECONDS)
        if whole / 2 < self._until - now <= whole:
            return True
        until = now + whole
        with self._database.write() as session:
            row = locked_lease(session, self._name, now)
            if row.holder != self._holder and runs(row.until, now, whole) and not died(row.holder):
                return False
            row.fence += row.holder != self._holder
            row.holder, row.until = self._holder, until
        self._fence, self._until = row.fence, until
        return True

    def release(self) -> None:
        """Release the job, so that another process can hold it at once."""
        if self._fence >= 0:
            with suppress(OSError), self._database.write() as session:
                session.execute(delete(LeaseRow).where(LeaseRow.name == self._name, LeaseRow.holder == self._holder))
            self._fence = -1


def require_no_exclusive_job(session: Session, clock: Clock) -> None:
    """Refuse while any service of this installation runs its jobs, on any machine.

    Raises:
        Refused: ``service_running``; after a ``kill -9`` on another machine, for another
            ``EXCLUSIVE_JOB_SECONDS``.
    """
    held = session.scalars(select(LeaseRow).where(LeaseRow.until > clock(), LeaseRow.holder != ""))
    if any(row.fence > 0 and not died(row.holder) for row in held if ":" in row.holder):
        raise service_running()


def service_running() -> Refused:
    """Make the refusal of what needs a stopped service."""
    return Refused(
        "service_running",
        "Le service tourne sur ce dossier des données.",
        action="Arrêtez-le d’abord.",
    )
