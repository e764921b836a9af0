"""Locks follow retention: a daily run extends those that would end too soon.

``retain_until = min(end of retention, today + horizon)``: a lock never reaches further than the
horizon, so that a rule that is corrected downwards can still be honoured, and never ends while
retention runs. After that a record stays locked while its decision is awaited (``awaiting``). The
store is changed first, then the catalogue; a run that dies resumes where it stopped, because locks
already extended are no longer due.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.database.batches import batches
from archive.database.engine import Database
from archive.database.tables import RecordRow
from archive.disposition import awaiting
from archive.disposition.awaiting import Wanted
from archive.model.final_actions import FinalAction
from archive.objects.layout import EVIDENCE, is_kept_for_ever
from archive.objects.port import ObjectStore, StoredObject
from archive.retention.dates import farthest_lock
from archive.retention.rules import Retention
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt, Refused

MARGIN_DAYS: Final = 200
"""A lock that ends within so many days is extended; half of the horizon where that is less."""
PATIENCE_DAYS: Final = 7
"""A lock due for so many days means that the daily run does not do its work."""
BATCH: Final = 100
"""Records read at once."""
_LISTED: Final = 20_000
"""Records listed by one statement."""


@dataclass
class Extended:
    """The result of one run.

    Attributes:
        records: Records whose locks were extended.
        published: Objects of the journal whose locks were extended.
        failed: Error code by record or key.
    """

    records: int = 0
    published: int = 0
    failed: dict[str, str] = field(default_factory=dict)


class Locks:
    """Extend locks.

    Args:
        horizon_days: How far ahead locks reach; 0 = the whole retention at once.
    """

    def __init__(self, database: Database, store: ObjectStore, clock: Clock, horizon_days: int) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._horizon = horizon_days

    def extend(self) -> Extended:
        """Extend every lock that is due.

        A single failure (object gone, or not locked by the store) is reported and does not stop the
        rest.

        Raises:
            Unavailable: The store or the database did not answer; call again.
        """
        done = Extended()
        today = self._clock().date()
        after = ""
        while True:
            with self._database.read() as session:
                late = awaiting.late(today, self._horizon, margin(self._horizon)).where(RecordRow.id > after)
                listed = list(session.scalars(late.order_by(RecordRow.id).limit(_LISTED)))
            for some in batches(listed, BATCH):
                with self._database.read() as session:
                    rows = session.execute(awaiting.told(some)).all()
                for row, changed, visaed in rows:
                    lock = awaiting.wanted(row, today, self._horizon, changed=changed, visaed=visaed)
                    try:
                        self._extend_record(row, lock)
                        done.records += 1
                    except (Corrupt, Refused) as error:
                        done.failed[row.id] = error.code
            if len(listed) < _LISTED:
                break
            after = listed[-1]
        self._extend_published(today, done)
        return done

    def _extend_record(self, record: RecordRow, lock: Wanted) -> None:
        until = lock.until
        with self._database.read() as session:
            pinned = [row for row in catalogue.rows(session, record.id) if _is_short(row, until)]
        if not pinned:
            return
        locks = {row.key: self._store.extend_lock(row.key, row.version, until).locked_until for row in pinned}
        versions = {row.key: row.version for row in pinned}
        with self._database.write() as session:
            row = session.get_one(RecordRow, record.id, with_for_update=True)  # first, as everybody does
            if lock.awaits:
                row.awaiting_until = max(locks.values(), key=lambda day: day or date.min)
                session.flush()  # before its lock, so that no count tells it as withheld meanwhile
            for one in catalogue.rows(session, record.id):
                if versions.get(one.key) == one.version and _is_short(one, until):
                    one.locked_until = locks[one.key]

    def _extend_published(self, today: date, done: Extended) -> None:
        """Extend journal and register, then ``layout.json``, whose lock marks a complete run."""
        until = farthest_lock(today, self._horizon)
        limit = today + timedelta(days=margin(self._horizon))
        for prefix in reversed(EVIDENCE):
            for item in self._store.list(prefix):
                if item.marker or not is_kept_for_ever(item.key):
                    continue
                try:
                    lock = self._store.stat(item.key, item.version).locked_until
                    if lock is None or lock < limit:
                        self._store.extend_lock(item.key, item.version, until)
                        done.published += 1
                except (Corrupt, Refused) as error:
                    done.failed[item.key] = error.code


def margin(horizon_days: int) -> int:
    """Return how many days before its end a lock is due to be extended."""
    return min(MARGIN_DAYS, horizon_days // 2) if horizon_days else MARGIN_DAYS


def overdue(session: Session, today: date, horizon_days: int) -> int:
    """Count records whose locks should have been extended days ago."""
    query = awaiting.late(today, horizon_days, margin(horizon_days), patience=PATIENCE_DAYS)
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def is_overdue(head: StoredObject, today: date, horizon_days: int) -> bool:
    """Whether no run was complete for days, by the lock of ``layout.json``, extended last."""
    limit = today + timedelta(days=margin(horizon_days) - PATIENCE_DAYS)
    return head.locked_until is None or head.locked_until < limit


def retention_of(record: RecordRow) -> Retention:
    """Return the retention that a catalogue row states."""
    return Retention(
        record.rule_code,
        record.rule_version,
        record.starts_on,
        record.ends_on,
        FinalAction(record.final_action),
        record.retention_explanation,
    )


def _is_short(row: Any, until: date) -> bool:
    return row.locked_until is None or row.locked_until < until
