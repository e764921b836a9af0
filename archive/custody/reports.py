"""The latest run of each look at the whole, as États, doctor and metrics show it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from archive.database.tables import CustodyReportRow

RUNNING, AGREED, DIFFERS = "running", "agreed", "differs"


def begin(session: Session, name: str, at: datetime) -> CustodyReportRow:
    """A run starts, or goes on after it was killed."""
    row = session.get(CustodyReportRow, name)
    if row is None:
        row = CustodyReportRow(name=name, started_at=at, ended_at=None, verdict=RUNNING, facts={})
        session.add(row)
    elif row.ended_at is not None:
        row.started_at, row.ended_at, row.verdict = at, None, RUNNING
    session.flush()
    return row


def end(session: Session, name: str, at: datetime, *, agreed: bool, facts: dict[str, Any]) -> None:
    """A run ended."""
    row = begin(session, name, at)
    row.ended_at, row.verdict, row.facts = at, AGREED if agreed else DIFFERS, facts
    session.flush()


def latest(session: Session, name: str) -> CustodyReportRow | None:
    """The latest run; None if there was none."""
    return session.get(CustodyReportRow, name)
