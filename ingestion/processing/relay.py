"""Relay: send the wake-ups in the outbox.

After a crash between sending and noting it, a wake-up is sent twice, which does no harm.
"""

from __future__ import annotations

from sqlalchemy import select, update

from archive.database.engine import Database
from ingestion.queue.port import TaskQueue
from ingestion.tables import OutboxRow
from signing.ground.clock import Clock
from signing.ground.errors import Unavailable


class Relay:
    """Relay from the outbox to the queue, most urgent first."""

    def __init__(self, database: Database, queue: TaskQueue, clock: Clock) -> None:
        self._database = database
        self._queue = queue
        self._clock = clock

    def step(self, limit: int = 200) -> int:
        """Send waiting wake-ups; return the number sent.

        Raises:
            Unavailable: The broker does not answer; what was sent before is noted, the rest stays.
        """
        with self._database.read() as session:
            rows = session.scalars(
                select(OutboxRow)
                .where(OutboxRow.sent_at.is_(None))
                .order_by(OutboxRow.priority, OutboxRow.id)
                .limit(limit)
            ).all()
        sent: list[int] = []
        away: Unavailable | None = None
        for row in rows:
            try:
                self._queue.send(row.kind, row.subject, priority=row.priority)
            except Unavailable as error:
                away = error
                break
            sent.append(row.id)
        if sent:
            with self._database.write() as session:
                session.execute(update(OutboxRow).where(OutboxRow.id.in_(sent)).values(sent_at=self._clock()))
        if away is not None:
            raise away
        return len(sent)
