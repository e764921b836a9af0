"""Records counted by state, and by a value beside it, from kept counts where these tell enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session

from archive.catalogue.reading import may_be_read_by_all
from archive.database.counter_tables import SECOND, CounterRow, RetentionCounterRow
from archive.database.tables import RecordRow
from archive.disposition.due_query import DueQuery
from archive.disposition.due_states import Validated, state_of_counted, state_of_record
from archive.model.final_actions import FinalAction
from archive.model.states import GONE
from archive.retention.resolution import Basis
from archive.retention.states import DueState

Sql = ColumnElement[Any]
Value = Callable[[Any], Sql]
"""The value beside the state, of a table of records or of kept counts; empty for none."""
Narrow = Callable[[Any], list[Sql]]
"""Conditions on such a table, beside those of the question."""


@dataclass(frozen=True)
class Tally:
    """How many records of one value are in one state.

    Attributes:
        is_due: Whether their due day is reached.
    """

    value: str
    state: DueState
    action: FinalAction
    is_due: bool
    n: int
    bytes: int


def tallies(
    session: Session,
    tenant: str,
    day: date,
    query: DueQuery,
    *,
    value: Value | None = None,
    counts: type[CounterRow] | None = None,
    narrow: Narrow = lambda _table: [],
) -> list[Tally]:
    """Count the records that a question leaves; several tallies may be of one value and state.

    Args:
        value: What they are counted by, beside their state.
        counts: Kept counts that tell the question and the value; None: records are counted one by
            one.
    """
    asked = _Asked(tenant, day, Validated.load(session, tenant), value, narrow)
    query = query.planned(session, tenant)
    if counts is None:
        conditions = query.conditions(tenant)
        return asked.read(session, asked.of_records().where(*conditions))
    whole = replace(query, read_by_all=False)
    found = asked.read(session, asked.of_counts(counts).where(*whole.conditions_on_counts(counts)))
    within = days_within(counts, day)
    if within is not None:
        some = asked.of_records().where(RecordRow.due_on.between(*within), *whole.conditions(tenant))
        found += asked.read(session, some)
    if query.read_by_all:
        hidden = asked.of_records().where(~may_be_read_by_all(tenant), *whole.conditions(tenant))
        found += [replace(one, n=-one.n, bytes=-one.bytes) for one in asked.read(session, hidden)]
    return found


@dataclass(frozen=True)
class _Asked:
    tenant: str
    day: date
    validated: Validated
    value: Value | None
    narrow: Narrow

    def of_counts(self, row: type[CounterRow]) -> Select[Any]:
        """Select from kept counts, without the days that are counted one by one."""
        query = self._select(row, state_of_counted(row, self.day, self.validated), func.sum(row.n), func.sum(row.bytes))
        within = days_within(row, self.day)
        return query if within is None else query.where(row.due_on != within[0])

    def of_records(self) -> Select[Any]:
        """Select from the records."""
        row = RecordRow
        query = self._select(row, state_of_record(self.day, self.validated), func.count(), func.sum(row.bytes))
        return query.where(row.state.not_in(GONE))

    def _select(self, row: Any, word: Sql, n: Any, size: Any) -> Select[Any]:
        due = case((and_(row.basis == Basis.DATED, row.due_on <= self.day), 1), else_=0)
        action = row.outcome if row is RecordRow else row.final_action
        by = [] if self.value is None else [self.value(row).label("value")]
        told = [*by, word.label("word"), action.label("action"), due.label("is_due")]
        query = select(*told, n.label("n"), size.label("bytes")).where(row.tenant_id == self.tenant, *self.narrow(row))
        return query.group_by(*(one.name for one in told))

    def read(self, session: Session, query: Select[Any]) -> list[Tally]:
        """Return what a query found, without counts of nothing."""
        return [
            Tally(
                "" if self.value is None else row.value,
                DueState(row.word),
                FinalAction(row.action),
                bool(row.is_due),
                int(row.n),
                int(row.bytes),
            )
            for row in session.execute(query)
            if row.n or row.bytes
        ]


_LAST: Final = (12, 31)


def days_within(row: type[CounterRow], day: date) -> tuple[date, date] | None:
    """Return the days of a period that are counted together, where only some of them are reached.

    Args:
        row: Kept counts; their periods are months, or years.
    """
    if row is RetentionCounterRow:
        if day.day < SECOND or day == date.max or (day + timedelta(days=1)).day == 1:
            return None
        return day.replace(day=SECOND), last_of_month(day)
    if (day.month, day.day) in {(1, 1), _LAST}:
        return None
    return date(day.year, 1, SECOND), date(day.year, *_LAST)


def last_of_month(day: date) -> date:
    """Return the last day of the month of a day."""
    if (day.year, day.month) == (date.max.year, date.max.month):
        return date.max
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following - timedelta(days=1)
