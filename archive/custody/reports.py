"""Reports: the latest run of each check of all holdings, for pages, doctor and metrics."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from archive.database.tables import CustodyReportRow

RUNNING, AGREED, DIFFERS = "running", "agreed", "differs"


def begin(session: Session, name: str, at: datetime) -> CustodyReportRow:
    """Note that a run begins, or goes on after it was killed; return its row."""
    row = session.get(CustodyReportRow, name)
    if row is None:
        row = CustodyReportRow(name=name, started_at=at, ended_at=None, verdict=RUNNING, facts={})
        session.add(row)
    elif row.ended_at is not None:
        row.started_at, row.ended_at, row.verdict = at, None, RUNNING
    session.flush()
    return row


def end(session: Session, name: str, at: datetime, *, agreed: bool, facts: dict[str, Any]) -> None:
    """Note that a run ended."""
    row = begin(session, name, at)
    row.ended_at, row.verdict, row.facts = at, AGREED if agreed else DIFFERS, facts
    session.flush()


def latest(session: Session, name: str) -> CustodyReportRow | None:
    """Return the latest run; None if there was none."""
    return session.get(CustodyReportRow, name)
