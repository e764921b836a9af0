"""Figures of the archivist's home: what falls due, came in, takes room; what is lacking."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.counter_tables import RetentionCounterRow, ServiceCounterRow
from archive.database.tables import RecordRow
from archive.disposition.due_counts import NONE, Count, falling_due
from archive.model.final_actions import FinalAction
from archive.model.states import GONE

MOST: Final = 10_000
"""Numbers of what is lacking are counted up to here."""
_LARGEST: Final = 10


@dataclass(frozen=True)
class Lacking:
    """How many records lack a type, a date, a file; ``MOST`` means so many or more."""

    type: int
    date: int
    file: int


def lacking(session: Session, tenant: str) -> Lacking:
    """Count the records that lack something, by indexes of theirs alone."""
    row = RecordRow
    found = []
    # each in the order of its own index, so that SQLite takes that one
    for column, order in (
        (row.document_type, (row.due_on, row.id)),
        (row.document_date, (row.id,)),
        (row.file, (row.document_type, row.id)),
    ):
        some = select(row.id).where(row.tenant_id == tenant, column.is_(None), row.state.not_in(GONE))
        some = some.order_by(*order).limit(MOST)
        found.append(session.scalar(select(func.count()).select_from(some.subquery())) or 0)
    return Lacking(*found)


def by_year(session: Session, tenant: str, first: int, years: int) -> dict[int, dict[FinalAction, int]]:
    """Return how many records fall due in each year, by final action."""
    found: dict[int, dict[FinalAction, int]] = {year: dict.fromkeys(FinalAction, 0) for year in _years(first, years)}
    for one in falling_due(session, tenant, date(first, 1, 1), date(max(found), 12, 31)):
        found[one.day.year][one.action] += one.count.records
    return found


def _years(first: int, years: int) -> range:
    return range(first, min(first + years, date.max.year + 1))


def by_month(session: Session, tenant: str, today: date, months: int = 12) -> list[tuple[date, int]]:
    """Return how many records were kept in each of the last months, the present one last.

    Months of universal time: a record of the last hours of a month may count in the next.
    """
    count, row, found = today.year * 12 + today.month - 1, RecordRow, []
    for month in range(count - months + 1, count + 1):
        start, end = (datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in (month, month + 1))
        query = select(func.count()).where(row.tenant_id == tenant, row.kept_at >= start, row.kept_at < end)
        found.append((start.date(), session.scalar(query) or 0))
    return found


def by_rule(session: Session, tenant: str) -> list[tuple[str | None, Count]]:
    """Return the room that the records of each rule take, the largest first; None: no rule."""
    row = RetentionCounterRow
    query = select(row.rule_code, func.sum(row.n), func.sum(row.bytes)).where(row.tenant_id == tenant)
    found = [(code or None, Count(int(n), int(size))) for code, n, size in session.execute(query.group_by("rule_code"))]
    return _largest(found)


def by_producer(session: Session, tenant: str) -> list[tuple[str | None, Count]]:
    """Return the room that the records of each service take, the largest first."""
    row = ServiceCounterRow
    query = select(row.producer, func.sum(row.n), func.sum(row.bytes)).where(row.tenant_id == tenant)
    found = session.execute(query.group_by(row.producer))
    return _largest([(name or None, Count(int(n), int(size))) for name, n, size in found])


def _largest(found: list[tuple[str | None, Count]]) -> list[tuple[str | None, Count]]:
    """Return the largest by name, in one order for equal ones."""
    kept: dict[str | None, Count] = defaultdict(lambda: NONE)
    for name, count in found:
        kept[name] += count
    ordered = sorted(kept.items(), key=lambda one: (-one[1].bytes, one[0] or ""))
    return [(name, count) for name, count in ordered if count.records][:_LARGEST]
