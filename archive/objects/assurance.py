"""What the last probe of a store showed, and for how long that is believed."""

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
"""A day and one that was missed; what is older shows nothing."""
_SKEW: Final = timedelta(minutes=5)
"""How far the clocks of two machines may differ.

A probe from further ahead shows nothing, however long ago it was.
"""
SETTLED: Final = timedelta(minutes=15)
"""A service that starts again sooner does not probe again: each probe leaves a locked version for
two days.
"""


def record(session: Session, probe: Probe) -> None:
    """Keep what a probe showed."""
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
    """The last probe of the store of that name."""
    query = select(StoreProbeRow).where(StoreProbeRow.store == store)
    return session.scalar(query.order_by(StoreProbeRow.id.desc()).limit(1))


def proven(session: Session, store: str, now: datetime) -> Assurance:
    """What the store is known to enforce: nothing without a probe, or with an old one."""
    row = latest(session, store)
    if row is None or not -_SKEW <= now - row.at <= BELIEVED:
        return Assurance.ADVISORY
    return Assurance(row.assurance)


def is_due(session: Session, store: str, now: datetime, after: timedelta = PROBE_EVERY) -> bool:
    """Whether the last probe is older than that, was noted by a clock that ran ahead, or there was
    none.
    """
    row = latest(session, store)
    return row is None or not -_SKEW <= now - row.at < after


def was_lost(session: Session, store: str) -> bool:
    """Whether the store enforced once what it does not enforce now: somebody must look."""
    row = latest(session, store)
    if row is None or row.assurance == Assurance.ENFORCED:
        return False
    query = select(StoreProbeRow.id).where(
        StoreProbeRow.store == store, StoreProbeRow.assurance == Assurance.ENFORCED.value
    )
    return session.scalar(query.limit(1)) is not None


def now_proven(database: Database, store: ProbedStore, clock: Clock) -> Assurance:
    """What the store is known to enforce at this moment."""
    with database.read() as session:
        return proven(session, store.name, clock())


def probe_again(database: Database, store: ProbedStore, clock: Clock, *, after: timedelta) -> Probe | None:
    """Attack the store and keep what that showed.

    None when the last probe is younger than ``after``.

    Raises:
        Unavailable: The store or the database did not answer: nothing was shown.
    """
    with database.read() as session:
        if not is_due(session, store.name, clock(), after):
            return None
    shown = run(store, clock)
    with database.write() as session:
        record(session, shown)
    return shown
