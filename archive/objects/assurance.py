"""Assurance of a store: result of its last probe, and for how long it counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.tables import StoreProbeRow
from archive.objects.challenges import ProbedStore
from archive.objects.port import Assurance
from archive.objects.probe import Probe, run
from signing.ground.clock import Clock

PROBE_EVERY: Final = timedelta(hours=24)
BELIEVED: Final = timedelta(hours=48)
"""A probe counts for a day, and one more in case a probe was missed; then it shows nothing."""
_SKEW: Final = timedelta(minutes=5)
"""Largest difference between the clocks of two machines.

A probe from further ahead shows nothing, however long ago it was.
"""
SETTLED: Final = timedelta(minutes=15)
"""A service restarted within this time does not probe again.

Each probe leaves a locked version for two days.
"""


def record(session: Session, probe: Probe) -> None:
    """Store the result of a probe."""
    session.add(
        StoreProbeRow(
            at=probe.at,
            store=probe.store,
            assurance=probe.assurance.value,
            reason=probe.reason,
            attempts=[attempt.as_json() for attempt in probe.attempts],
        )
    )


def latest(session: Session, store: str) -> StoreProbeRow | None:
    """Return the last probe of the store of that name; None if there was none."""
    query = select(StoreProbeRow).where(StoreProbeRow.store == store)
    return session.scalar(query.order_by(StoreProbeRow.id.desc()).limit(1))


def proven(session: Session, store: str, now: datetime) -> Assurance:
    """Return the proven assurance: advisory without a probe, or with an old one."""
    row = latest(session, store)
    if row is None or not -_SKEW <= now - row.at <= BELIEVED:
        return Assurance.ADVISORY
    return Assurance(row.assurance)


def is_due(session: Session, store: str, now: datetime, after: timedelta = PROBE_EVERY) -> bool:
    """Whether there was no probe, or the last one is older than ``after`` or from the future."""
    row = latest(session, store)
    return row is None or not -_SKEW <= now - row.at < after


def was_lost(session: Session, store: str) -> bool:
    """Whether the store's last probe failed after an earlier one showed it enforcing locks."""
    row = latest(session, store)
    if row is None or row.assurance == Assurance.ENFORCED:
        return False
    query = select(StoreProbeRow.id).where(
        StoreProbeRow.store == store, StoreProbeRow.assurance == Assurance.ENFORCED.value
    )
    return session.scalar(query.limit(1)) is not None


def now_proven(database: Database, store: ProbedStore, clock: Clock) -> Assurance:
    """Return the assurance that the store's last probe proves now."""
    with database.read() as session:
        return proven(session, store.name, clock())


def probe_again(database: Database, store: ProbedStore, clock: Clock, *, after: timedelta) -> Probe | None:
    """Probe the store and store the result; None when the last probe is younger than ``after``.

    Raises:
        Unavailable: The store or the database did not answer: no result is stored.
    """
    with database.read() as session:
        if not is_due(session, store.name, clock(), after):
            return None
    shown = run(store, clock)
    with database.write() as session:
        record(session, shown)
    return shown
