"""Groups of the analysis' lines: counted by rule, service, year or file, and by state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, String, case, cast, func, select
from sqlalchemy.orm import Session

from archive.database.counter_tables import FOR_EVER, CounterRow, RetentionCounterRow, ServiceCounterRow
from archive.database.tables import RecordRow
from archive.disposition.due_counts import NONE, Count
from archive.disposition.due_lines import scope_of
from archive.disposition.due_query import DueQuery
from archive.disposition.due_states import Validated, state_of_record
from archive.disposition.due_tallies import tallies
from archive.model.final_actions import FinalAction
from archive.retention.resolution import Basis
from archive.retention.states import DueState


class GroupBy(StrEnum):
    """What lines are grouped by."""

    RULE = "rule"
    PRODUCER = "producer"
    YEAR = "year"
    FILE = "file"


@dataclass
class DueGroup:
    """The lines with one value: counted, and by state.

    Attributes:
        key: The value; None for records without one.
    """

    key: str | None
    count: Count = NONE
    states: dict[DueState, Count] = field(default_factory=dict)

    def add(self, state: DueState, count: Count) -> None:
        """Count more lines in a state."""
        self.count += count
        self.states[state] = self.states.get(state, NONE) + count


def groups(
    session: Session,
    tenant: str,
    day: date,
    query: DueQuery,
    by: GroupBy,
    *,
    state: DueState | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[DueGroup]:
    """Return counts of the lines by value, in order of the values, none last.

    Args:
        after: Value of the last group of the page before; the group without one is the last of all.
    """
    if by is GroupBy.FILE:
        return _by_file(session, tenant, day, query, state, after, limit)
    found: dict[str | None, DueGroup] = {}
    narrow = (lambda row: [row.basis == Basis.DATED, row.due_on <= day]) if state is None else (lambda _row: [])
    told = tallies(
        session,
        tenant,
        day,
        query,
        value=lambda row: _value(row, by),
        counts=_counts(query, by),
        narrow=narrow,
    )
    for one in told:
        if state in {None, one.state}:
            key = one.value or None
            found.setdefault(key, DueGroup(key)).add(one.state, Count(one.n, one.bytes))
    for group in found.values():
        group.states = {word: count for word, count in group.states.items() if count != NONE}
    there = [group for group in found.values() if group.states]
    ordered = sorted(there, key=lambda group: (group.key is None, group.key or ""))
    return [group for group in ordered if after is None or group.key is None or group.key > after][:limit]


def _counts(query: DueQuery, by: GroupBy) -> type[CounterRow] | None:
    """Return the kept counts that tell the question and the value."""
    kept = query.kept_in
    return ServiceCounterRow if by is GroupBy.PRODUCER and kept is RetentionCounterRow else kept


def _value(row: Any, by: GroupBy) -> ColumnElement[Any]:
    """Return the value of a record, or of a kept count; empty for none."""
    match by:
        case GroupBy.RULE:
            return func.coalesce(row.rule_code, "")
        case GroupBy.PRODUCER:
            return func.coalesce(row.producer, "")
        case GroupBy.YEAR:
            year = func.coalesce(func.substr(cast(row.due_on, String), 1, 4), "")
            return year if row is RecordRow else case((row.due_on == FOR_EVER, ""), else_=year)
        case GroupBy.FILE:
            return func.coalesce(row.file, "")


def _by_file(
    session: Session, tenant: str, day: date, query: DueQuery, state: DueState | None, after: str | None, limit: int
) -> list[DueGroup]:
    """Count by file, of which there may be very many: those of one page alone."""
    word, asked = state_of_record(day, Validated.load(session, tenant)), query.planned(session, tenant)
    file, scope = RecordRow.file, scope_of(tenant, day, asked, state, word)
    values = _files(session, scope, after, limit)
    told = select(file, word.label("word"), func.count().label("n"), func.sum(RecordRow.bytes))
    rows: list[Any] = []
    if values and session.get_bind().dialect.name == "sqlite":
        # the records of these files alone are looked up, and no other index is walked for them
        ids = select(RecordRow.id).where(RecordRow.tenant_id == tenant, file.in_(values))
        if state is None:
            ids = ids.where(func.coalesce(RecordRow.due_on, FOR_EVER) <= day)
        if query.action is not None:
            ids = ids.where(RecordRow.final_action.concat("").in_((query.action, FinalAction.SORT)))
        these = told.where(*scope_of(tenant, day, asked, state, word, looked_up=True), RecordRow.id.in_(ids))
        rows += session.execute(these.group_by(file, "word"))
    elif values:
        rows += session.execute(told.where(*scope, file.in_(values)).group_by(file, "word"))
    if len(values) < limit:
        rows += session.execute(told.where(*scope, file.is_(None)).group_by(file, "word"))
    found: dict[str | None, DueGroup] = {value: DueGroup(value) for value in values}
    for value, state_, n, size in rows:
        found.setdefault(value, DueGroup(value)).add(DueState(state_), Count(int(n), int(size)))
    return list(found.values())


def _files(session: Session, scope: list[ColumnElement[Any]], after: str | None, limit: int) -> list[str]:
    """Return the next files with a record of a list, in order.

    Each is looked up from the one before, so that a file of a hundred thousand records costs no
    more than one of ten.
    """
    file = RecordRow.file

    def next_of(beyond: ColumnElement[bool]) -> ColumnElement[Any]:
        return select(file).where(*scope, beyond).order_by(file).limit(1).scalar_subquery()

    first = next_of(file > after if after is not None else file.is_not(None))
    found = select(first.label("file")).cte("files", recursive=True)
    found = found.union_all(select(next_of(file > found.c.file)).where(found.c.file.is_not(None)))
    return list(session.scalars(select(found.c.file).where(found.c.file.is_not(None)).limit(limit)))
