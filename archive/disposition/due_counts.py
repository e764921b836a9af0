"""Counts of records by state as of a day: kept counts where nothing else is asked, else counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.catalogue.reading import may_be_read_by_all
from archive.database.counter_tables import SECOND, RetentionCounterRow
from archive.database.tables import RecordRow
from archive.disposition.due_query import MANY, DueQuery
from archive.disposition.due_tallies import tallies
from archive.model.final_actions import FinalAction
from archive.model.states import GONE
from archive.retention.resolution import Basis
from archive.retention.states import DueList, DueState, due_list_of


@dataclass(frozen=True)
class Count:
    """Number of records and size of their representations."""

    records: int = 0
    bytes: int = 0

    def __add__(self, other: Count) -> Count:
        """Add two counts."""
        return Count(self.records + other.records, self.bytes + other.bytes)


NONE: Final = Count()


@dataclass
class Analysis:
    """The counts of every state as of a day.

    Attributes:
        states: Of all records; each record has one state.
        due: Of the records whose due day is reached, by list and state.
    """

    day: date
    states: dict[DueState, Count] = field(default_factory=lambda: dict.fromkeys(DueState, NONE))
    due: dict[DueList, dict[DueState, Count]] = field(default_factory=lambda: {one: {} for one in DueList})

    @property
    def total(self) -> Count:
        """All records."""
        return sum(self.states.values(), NONE)

    def of(self, which: DueList) -> Count:
        """Return the count of one due list."""
        return sum(self.due[which].values(), NONE)


def analyse(session: Session, tenant: str, day: date, query: DueQuery | None = None) -> Analysis:
    """Count a tenant's records by state as of a day.

    Args:
        query: Only what it asks for; None: all records.
    """
    wanted, analysis = query or DueQuery(), Analysis(day)
    for one in tallies(session, tenant, day, wanted, counts=wanted.kept_in):
        count = Count(one.n, one.bytes)
        analysis.states[one.state] += count
        if one.is_due:
            due = analysis.due[due_list_of(one.action)]
            due[one.state] = due.get(one.state, NONE) + count
    for which, states in analysis.due.items():
        analysis.due[which] = {state: count for state, count in states.items() if count != NONE}
    return analysis


def are_many(session: Session, tenant: str, query: DueQuery) -> bool:
    """Whether a question leaves so many records that counting them one by one takes long."""
    if query.is_counted:
        return False
    asked = query.planned(session, tenant)
    if asked.many_below:
        return True
    some = select(RecordRow.id).where(RecordRow.tenant_id == tenant, *asked.conditions(tenant)).limit(MANY)
    return (session.scalar(select(func.count()).select_from(some.subquery())) or 0) >= MANY


@dataclass(frozen=True)
class Falling:
    """The records that fall due on the first of a month, or on its other days together.

    Attributes:
        day: The first; or the second, for all days but the first.
    """

    day: date
    action: FinalAction
    count: Count


def falling_due(session: Session, tenant: str, since: date, until: date, *, read_by_all: bool = False) -> list[Falling]:
    """Return what falls due between two days, by the kept counts: months are not cut.

    Args:
        read_by_all: Without the records whose reading something restricts.
    """
    row = RetentionCounterRow
    query = (
        select(row.due_on, row.final_action, func.sum(row.n), func.sum(row.bytes))
        .where(row.tenant_id == tenant, row.basis == Basis.DATED, row.due_on.between(since, until))
        .group_by(row.due_on, row.final_action)
        .order_by(row.due_on, row.final_action)
    )
    found = {(day, action): (int(n), int(size)) for day, action, n, size in session.execute(query)}
    if read_by_all:
        for key, (n, size) in _restricted(session, tenant, since, until).items():
            found[key] = (found[key][0] - n, found[key][1] - size)
    return [Falling(day, FinalAction(action), Count(n, size)) for (day, action), (n, size) in found.items() if n]


def _restricted(session: Session, tenant: str, since: date, until: date) -> dict[tuple[date, str], tuple[int, int]]:
    """Return the counts, under the days of the kept counts, of what not all may read."""
    row, found = RecordRow, dict[tuple[date, str], tuple[int, int]]()
    asked = select(row.due_on, row.outcome, func.count(), func.sum(row.bytes)).where(
        row.tenant_id == tenant,
        row.state.not_in(GONE),
        row.basis == Basis.DATED,
        row.due_on >= since,
        ~may_be_read_by_all(tenant),
    )
    for due_on, action, n, size in session.execute(asked.group_by(row.due_on, row.outcome)):
        if due_on is None:
            continue
        day = due_on if due_on.day == 1 else due_on.replace(day=SECOND)
        if since <= day <= until:
            before = found.get((day, action), (0, 0))
            found[day, action] = (before[0] + int(n), before[1] + int(size))
    return found
