"""Lines of the analysis: one record each, in its state on a day, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, literal_column, or_, select
from sqlalchemy.orm import Session

from archive.database.record_conditions import DISPOSING, ENDLESS
from archive.database.tables import RecordRow
from archive.disposition.due_query import DueQuery
from archive.disposition.due_states import Validated, state_of_record
from archive.model.final_actions import FinalAction
from archive.model.states import GONE
from archive.retention.resolution import Basis
from archive.retention.states import DueState

Place = tuple[str | None, str]
"""Place of a line: its due day, None where the list is in order of ids alone; and its record."""


@dataclass(frozen=True)
class DueLine:
    """One record in its state on a day."""

    record: RecordRow
    state: DueState


_UNDATED: Final = frozenset(DueState(basis.value) for basis in Basis if basis is not Basis.DATED)


def lines(
    session: Session,
    tenant: str,
    day: date,
    query: DueQuery,
    *,
    state: DueState | None = None,
    after: Place | None = None,
    latest_first: bool = False,
    limit: int = 50,
) -> list[DueLine]:
    """Return a page of lines: those due by a day; with a state, all records in that state.

    Args:
        after: Place of the last line of the page before.
        latest_first: The latest due day first.
    """
    validated, query = Validated.load(session, tenant), query.planned(session, tenant)
    word = state_of_record(day, validated)
    found: list[DueLine] = []
    for part in query.parts():
        asked = select(RecordRow, word.label("word")).where(*scope_of(tenant, day, part, state, word))
        if after is not None:
            asked = asked.where(_beyond(after, latest_first=latest_first))
        if is_by_id(state):
            asked = asked.order_by(RecordRow.id)
        elif latest_first:
            asked = asked.order_by(RecordRow.due_on.desc(), RecordRow.id.desc())
        else:
            asked = asked.order_by(RecordRow.due_on, RecordRow.id)
        found += [DueLine(row, DueState(told)) for row, told in session.execute(asked.limit(limit))]
    found.sort(key=lambda line: _order(line, state), reverse=latest_first and not is_by_id(state))
    return found[:limit]


def _order(line: DueLine, state: DueState | None) -> tuple[str, str]:
    due_on, record_id = place_of(line, state)
    return due_on or "", record_id


def place_of(line: DueLine, state: DueState | None) -> Place:
    """Return the place of a line in the list of this state."""
    due_on = line.record.due_on
    return (None if is_by_id(state) or due_on is None else due_on.isoformat(), line.record.id)


def is_by_id(state: DueState | None) -> bool:
    """Whether a list is in order of ids: its records have no due day."""
    return state in _UNDATED


def every_line(
    session: Session, tenant: str, day: date, query: DueQuery, *, state: DueState | None = None, batch: int = 1000
) -> Iterator[DueLine]:
    """Return all lines, a page at a time."""
    after: Place | None = None
    while found := lines(session, tenant, day, query, state=state, after=after, limit=batch):
        yield from found
        after = place_of(found[-1], state)
        session.expunge_all()  # a list of a million lines does not stay in memory


def in_state(session: Session, tenant: str, day: date, query: DueQuery, state: DueState) -> list[ColumnElement[Any]]:
    """Return the conditions of the records in a state on a day."""
    return scope_of(tenant, day, query, state, state_of_record(day, Validated.load(session, tenant)))


def scope_of(
    tenant: str,
    day: date,
    query: DueQuery,
    state: DueState | None,
    word: ColumnElement[Any],
    *,
    looked_up: bool = False,
) -> list[ColumnElement[Any]]:
    """Return the conditions of a list's records.

    Args:
        word: State of a record, as SQL.
        looked_up: Whether the question looks its few records up by itself.
    """
    row = RecordRow
    owner = row.tenant_id.concat("") if query.looks_up or looked_up else row.tenant_id
    scope: list[ColumnElement[Any]] = [owner == tenant, row.state.not_in(GONE)]
    scope += query.conditions(tenant)
    if state is None:
        return [*scope, row.basis == Basis.DATED, row.due_on <= day]
    narrow = _narrow(state, day)
    return [*scope, *narrow, word == state.value]


def _narrow(state: DueState, day: date) -> list[ColumnElement[Any]]:
    """Return what a state implies, so that an index finds its records."""
    row = RecordRow
    if state is DueState.NO_END:
        return [literal_column(ENDLESS)]
    if state in _UNDATED:
        return [row.basis == state.value]
    implied: dict[DueState, list[ColumnElement[Any]]] = {
        DueState.HELD: [row.held_until >= day],
        DueState.IN_DISPOSAL: [literal_column(DISPOSING)],
        DueState.STALE: [row.stale_since.is_not(None)],
        DueState.NOT_YET: [row.due_on > day],
        DueState.TO_SORT: [row.final_action == FinalAction.SORT, row.sorted.is_(None), row.due_on <= day],
        DueState.NOT_BEFORE: [row.not_before.is_not(None), row.not_before > day, row.due_on <= day],
        DueState.LOCKED_UNTIL: [row.locked_until >= day, row.due_on <= day],
        DueState.READY: [row.due_on <= day],
    }
    return [row.due_on.is_not(None), *implied.get(state, [])]


def _beyond(place: Place, *, latest_first: bool) -> ColumnElement[Any]:
    due_on, record_id = place
    row = RecordRow
    if due_on is None:
        return row.id > record_id
    day = date.fromisoformat(due_on)
    if latest_first:
        return and_(row.due_on <= day, or_(row.due_on < day, row.id < record_id))
    return and_(row.due_on >= day, or_(row.due_on > day, row.id > record_id))
