"""Sweeper: finds lost wake-ups, dead workers and files that nothing needs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import case, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.tables import RecordRow, RepresentationRow
from archive.objects.fixity import verified
from archive.objects.layout import STAGING, staging_key
from archive.objects.port import Listed, ObjectStore, Unreadable
from ingestion.deposits import outbox
from ingestion.deposits.states import STAGING_HOURS, UNFINISHED, DepositState, urgency
from ingestion.processing import leftovers
from ingestion.processing.workers import died
from ingestion.queue.port import TaskQueue
from ingestion.tables import DepositRow, OutboxRow, PageTaskRow
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt, Refused, Unavailable

log = structlog.get_logger(__name__)

STALE: Final = timedelta(minutes=10)
"""Age at which a wake-up is sent again even if it may still be in the queue."""

LOST: Final = timedelta(seconds=60)
"""The same age, when the queue holds fewer messages than rows wait."""

IN_HAND: Final = 4
"""Number of messages that workers may hold without having claimed their rows yet."""

YOUNG: Final = timedelta(seconds=2)
"""Age up to which a wake-up counts as on its way."""

SENT_KEPT: Final = timedelta(minutes=10)

STAGING_KEPT: Final = timedelta(hours=STAGING_HOURS)


class Sweeper:
    """Sweeper: wakes workers for lost work and removes what is proven useless."""

    def __init__(self, database: Database, queue: TaskQueue, store: ObjectStore, home: Path, clock: Clock) -> None:
        self._database = database
        self._queue = queue
        self._store = store
        self._home = home
        self._clock = clock

    def wake(self) -> int:
        """Add wake-ups for waiting rows that have none on its way; return the number of rows."""
        now = self._clock()
        with self._database.read() as session:
            due = list(_due_deposits(session, now)) + list(_due_pages(session, now))
            if not due:
                return 0
            subjects = [subject for _, subject, _, _ in due]
            last = _last_wake_ups(session, subjects)
        enough = self._patience(len(due))
        lost = []
        for kind, subject, priority, since in due:
            created_at, unsent, times = last.get(subject, (since, False, 1))
            age = now - max(created_at, since)
            if not unsent and age > _after(times, enough):
                lost.append((kind, subject, priority))
        if lost:
            with self._database.write() as session:
                for kind, subject, priority in lost:
                    outbox.add(session, kind, subject, priority, at=now)
            log.warning("woken_again", rows=len(lost))
        return len(lost)

    def clear_outbox(self) -> None:
        """Delete wake-ups that were sent long ago."""
        limit = self._clock() - SENT_KEPT
        old = exists().where(OutboxRow.sent_at < limit)
        with self._database.read() as session:
            if not session.scalar(select(old)):
                return
        with self._database.write() as session:
            session.execute(delete(OutboxRow).where(OutboxRow.sent_at < limit))

    def clear_folders(self) -> None:
        """Remove what crashed claims and interrupted deposits left on this machine's disk."""
        leftovers.clear(self._home)

    def clear_staging(self) -> int:
        """Delete staging of deposits that are intact records or were never acknowledged.

        Returns:
            Number of deposits cleared.
        """
        cleared, limit = 0, self._clock() - STAGING_KEPT
        for deposit_id, items in _by_deposit(self._store.list(STAGING)):
            with self._database.read() as session:
                row = session.get(DepositRow, deposit_id)
                kept = [] if row is None else _kept_for(session, deposit_id)
            if row is None:
                needed = max(item.modified_at for item in items) > limit
            else:
                done = row.state in {DepositState.KEPT, DepositState.UNPACKED}
                needed = not done or row.updated_at > limit
                needed = needed or (row.state == DepositState.KEPT and not self._record_holds(row, kept))
            if not needed:
                for item in items:
                    self._store.delete(item.key, item.version)
                cleared += 1
        return cleared

    def _record_holds(self, deposit: DepositRow, kept: list[RepresentationRow]) -> bool:
        """Whether every byte of the record can be read back and is unchanged."""
        try:
            for file in kept:
                for _ in verified(self._store, file.key, file.version, sha256=file.sha256, size=file.size):
                    pass
        except (Corrupt, Refused, Unreadable) as error:
            log.error("record_does_not_hold", record_id=deposit.record_id, code=error.code)
            return False
        return any(file.sha256 == deposit.sha256 for file in kept)

    def _patience(self, rows: int) -> timedelta:
        """Return the age at which a wake-up counts as lost.

        A queue with fewer messages than waiting rows has lost some.
        """
        try:
            waiting = self._queue.waiting()
        except Unavailable:
            return STALE
        if waiting == 0:
            return YOUNG
        return LOST if waiting + IN_HAND < rows else STALE


def _kept_for(session: Session, deposit_id: str) -> list[RepresentationRow]:
    joined = select(RepresentationRow).join(RecordRow, RecordRow.id == RepresentationRow.record_id)
    return list(session.scalars(joined.where(RecordRow.deposit_id == deposit_id)))


Due = tuple[str, str, int, datetime]
"""Due work: kind, subject, priority, due since."""


def _due_deposits(session: Session, now: datetime) -> Iterable[Due]:
    pages_open = exists().where(PageTaskRow.deposit_id == DepositRow.id, PageTaskRow.state.in_(("waiting", "running")))
    pages = select(func.max(PageTaskRow.last_page)).where(PageTaskRow.deposit_id == DepositRow.id).scalar_subquery()
    for row, count in session.execute(
        select(DepositRow, pages).where(DepositRow.state.in_(UNFINISHED), ~pages_open).limit(5000)
    ):
        since = _due_since(row.lease_owner, row.lease_until, row.updated_at, now)
        if since is not None:
            yield outbox.ADVANCE, row.id, urgency(row.priority, count), since


def _due_pages(session: Session, now: datetime) -> Iterable[Due]:
    for task, deposit in session.execute(
        select(PageTaskRow, DepositRow)
        .join(DepositRow, DepositRow.id == PageTaskRow.deposit_id)
        .where(PageTaskRow.state.in_(("waiting", "running")), DepositRow.state == DepositState.WORKING)
        .limit(5000)
    ):
        since = _due_since(task.lease_owner, task.lease_until, None, now)
        if since is not None:
            subject = f"{task.deposit_id}:{task.first_page}"
            yield outbox.PAGES, subject, urgency(deposit.priority, 41), since


def _due_since(
    owner: str | None, until: datetime | None, updated_at: datetime | None, now: datetime
) -> datetime | None:
    """Return since when work is possible; None while a worker does it or it rests."""
    long_ago = now - timedelta(days=1)
    if owner is not None and died(owner):
        return long_ago
    if until is not None:
        return until if until <= now else None
    return updated_at or long_ago


def _after(times: int, enough: timedelta) -> timedelta:
    """Double the wait after each wake-up: the queue does not count messages in workers' hands."""
    return max(enough, min(LOST, enough * (1 << min(times, 10) - 1)))


def _last_wake_ups(session: Session, subjects: list[str]) -> dict[str, tuple[datetime, bool, int]]:
    """Return for each subject: time of the last wake-up, whether one is unsent, their number."""
    unsent = func.max(case((OutboxRow.sent_at.is_(None), 1), else_=0))
    rows = session.execute(
        select(OutboxRow.subject, func.max(OutboxRow.created_at), unsent, func.count())
        .where(or_(OutboxRow.sent_at.is_(None), OutboxRow.subject.in_(subjects)))
        .group_by(OutboxRow.subject)
    )
    return {subject: (created_at, bool(waiting), times) for subject, created_at, waiting, times in rows}


def _by_deposit(items: Iterable[Listed]) -> Iterable[tuple[str, list[Listed]]]:
    """Group keys of ``staging/<tenant>/<deposit>/…`` by deposit; they come in order.

    Other keys are not ours to delete, such as the empty ``staging/`` by which consoles of stores
    show a folder.
    """
    staged = ((key.folder, item) for item in items if (key := staging_key(item.key)))
    for folder, group in groupby(staged, key=lambda one: one[0]):
        yield folder.deposit, [item for _, item in group]
