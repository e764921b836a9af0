"""Who works on what: names of workers, whether they still live, and duties that one holder has at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.leases import locked_lease
from archive.database.tables import LeaseRow
from signing.ground.clock import Clock
from signing.ground.errors import Refused

EXCLUSIVE_JOB_SECONDS: Final = 30


def this_worker() -> str:
    """Name of this very process: machine, pid, start time, and the same of its parent.

    The start time tells a process from a later one with the same pid; the parent tells a worker that died by
    itself (its document may be to blame) from one that went down with the whole service (it is not).
    """
    pid, parent = os.getpid(), os.getppid()
    return f"{_machine()}:{pid}:{_started(pid)}:{parent}:{_started(parent)}"


def died(owner: str) -> bool:
    """Whether the process is known to be gone. False for another machine: only time will tell."""
    machine, _, rest = owner.partition(":")
    if machine != _machine():
        return False
    pid, started, *_ = rest.split(":")
    return _started(int(pid)) != started


def died_alone(owner: str) -> bool:
    """Whether the process is gone while its parent lives on; True also when nobody can tell."""
    machine, _, rest = owner.partition(":")
    if machine != _machine():
        return True
    parent, started = rest.split(":")[2:4]
    return _started(int(parent)) == started


def require_no_exclusive_job(session: Session, clock: Clock) -> None:
    """Refuse while a service of this installation runs its duties, on whatever machine or in whatever container.

    Raises:
        Refused: ``service_running``. After a ``kill -9`` elsewhere it goes on for ``EXCLUSIVE_JOB_SECONDS``.
    """
    held = session.scalars(select(LeaseRow).where(LeaseRow.until > clock(), LeaseRow.holder != ""))
    if any(row.fence > 0 and not died(row.holder) for row in held if ":" in row.holder):
        raise service_running()


def service_running() -> Refused:
    """What is asked for needs a service that stands still."""
    return Refused(
        "service_running",
        "Le service tourne sur ce dossier des données.",
        action="Arrêtez-le d’abord.",
    )


def _machine() -> str:
    """Changes at each boot and between containers, so that pids are never compared across them."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    return f"{boot}-{Path('/proc/self/ns/pid').stat().st_ino}"


def _started(pid: int) -> str:
    """Start time of a living process in clock ticks since boot; empty when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in {"Z", "X"} else fields[18]


class ExclusiveJob:
    """A named duty (relay, sweeper …) with at most one holder in the whole installation.

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
        """Take or renew the duty; cheap while more than half of the lease is left."""
        now = self._clock()
        if self._until - now > timedelta(seconds=EXCLUSIVE_JOB_SECONDS / 2):
            return True
        until = now + timedelta(seconds=EXCLUSIVE_JOB_SECONDS)
        with self._database.write() as session:
            row = locked_lease(session, self._name, now)
            if row.holder != self._holder and row.until > now and not died(row.holder):
                return False
            row.fence += row.holder != self._holder
            row.holder, row.until = self._holder, until
        self._fence, self._until = row.fence, until
        return True

    def release(self) -> None:
        """Let another take it at once."""
        if self._fence >= 0:
            with suppress(OSError), self._database.write() as session:
                session.execute(delete(LeaseRow).where(LeaseRow.name == self._name, LeaseRow.holder == self._holder))
            self._fence = -1
