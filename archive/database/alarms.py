"""Alarms: what the journal contradicts, remembered until it is put right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.tables import AlarmRow
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt

log = structlog.get_logger(__name__)

CONTRADICTS = "journal_contradicts"
HISTORY, RECEIPT = "history:", "receipt:"
"""Subjects of alarms that a document raises which somebody showed: a checkpoint, a receipt."""


@contextmanager
def alarmed(database: Database, clock: Clock, subject: str) -> Iterator[None]:
    """Raise an alarm about a subject if the journal contradicts what the block does.

    An alarm about that subject ends when the block succeeds again.
    """
    try:
        yield
    except Corrupt as error:
        if error.code == CONTRADICTS:
            log.error(CONTRADICTS, subject=subject, what=str(error.values.get("what", "")))
            with database.write() as session:
                _remember(session, subject, str(error.values.get("what", "")), clock())
        raise
    settle(database, clock, subject)


def settle(database: Database, clock: Clock, subject: str) -> None:
    """End the alarm about a subject, if there is one: what raised it was found in order."""
    with database.read() as session:
        row = session.get(AlarmRow, (CONTRADICTS, subject))
        over = row is not None and row.ended_at is None
    if over:
        with database.write() as session:
            session.get_one(AlarmRow, (CONTRADICTS, subject)).ended_at = clock()


def _remember(session: Session, subject: str, detail: str, at: datetime) -> None:
    row = session.get(AlarmRow, (CONTRADICTS, subject))
    if row is None:
        row = AlarmRow(code=CONTRADICTS, subject=subject, first_at=at, times=0)
        session.add(row)
    row.detail, row.last_at, row.ended_at = detail, at, None
    row.times += 1
    session.flush()


def open_alarms(session: Session) -> list[AlarmRow]:
    """Return the alarms that have not ended, oldest first."""
    query = select(AlarmRow).where(AlarmRow.ended_at.is_(None)).order_by(AlarmRow.first_at, AlarmRow.subject)
    return list(session.scalars(query))
