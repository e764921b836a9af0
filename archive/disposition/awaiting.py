"""Locks after the end of retention: short ones, renewed while a decision is awaited.

A record that is due stays locked until the last visa of its line, in steps of at most 15 days. A
lock that a last visa finds is over with the cooling-off period, which is as long. What nobody may
destroy for now (to be sorted, held, refused until a day, changed since its line was frozen) is
locked as what has no end, no further than the day that is known. A hold that comes after the last
visa guards by itself, so that its line goes on soon after its release.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, not_, or_, select, union

from archive.database.disposal_tables import DisposalLineRow, DisposalRow
from archive.database.tables import RecordRow, RepresentationRow, StoredFileRow
from archive.disposition.disposals.terms import COOLING_DAYS
from archive.model.disposals import OPEN_DISPOSALS, DisposalAction, DisposalState, LineState
from archive.model.final_actions import FinalAction
from archive.model.states import GONE
from archive.retention.dates import farthest_lock
from archive.retention.resolution import Basis

AWAITING_DAYS: Final = COOLING_DAYS
"""Days that a lock lasts at most while a decision is awaited."""
_RENEWED_DAYS: Final = 8
"""One that ends within so many days is renewed."""
_DECIDED: Final = tuple(
    state.value for state in (DisposalState.COOLING_OFF, DisposalState.APPROVED, DisposalState.EXECUTING)
)
"""States of a disposal whose last visa is given, and whose lines go on."""
_OPEN: Final = tuple(state.value for state in LineState if not state.is_final)
_GOING: Final = tuple(state.value for state in (LineState.INCLUDED, LineState.WAITING, LineState.FAILED))
_ENDLESS: Final = (FinalAction.KEEP.value, FinalAction.SORT.value)


@dataclass(frozen=True)
class Wanted:
    """The lock that a record must have.

    Attributes:
        awaits: Whether nothing is known to keep it any more but a decision.
    """

    until: date
    awaits: bool


def late(today: date, horizon_days: int, margin_days: int, *, patience: int = 0) -> Select[Any]:
    """Select the ids of records with a lock that is due to be extended.

    Found from the locks, by their index: those that end soon are few, records are many.

    Args:
        patience: Select those that were due so many days ago. Of the short ones: those that are
            over, since each record begins with one.
    """
    row = RecordRow
    limit = today + timedelta(days=margin_days - patience)
    step = min(AWAITING_DAYS, horizon_days or AWAITING_DAYS)
    soon = today - timedelta(days=1) if patience else today + timedelta(days=min(_RENEWED_DAYS, (step + 1) // 2))
    endless = or_(row.ends_on.is_(None), row.outcome.in_(_ENDLESS), row.basis != Basis.DATED.value, _is_changed())
    decided = _in_line(_DECIDED, DisposalLineRow.state.in_(_GOING))
    removed = _in_line(_DECIDED, DisposalLineRow.state.in_(_GOING), DisposalRow.action == DisposalAction.REMOVE.value)

    def short(table: type[RepresentationRow | StoredFileRow]) -> Select[Any]:
        ends = table.locked_until
        known = or_(
            endless,
            and_(row.ends_on > today, ends < row.ends_on),
            and_(row.held_until >= today, ends < row.held_until, not_(_is_visaed())),
            and_(row.not_before > today, ends < row.not_before),
        )
        waits = and_(ends < soon, row.ends_on <= today, not_(decided))
        due = and_(ends < max(limit, soon), or_(and_(ends < limit, known), waits))
        found = select(table.record_id).join(row, row.id == table.record_id)
        return found.where(or_(ends.is_(None), due), not_(removed))

    found = union(short(RepresentationRow), short(StoredFileRow))
    return select(row.id).where(row.id.in_(found), row.state.not_in(GONE))


def told(records: Sequence[str]) -> Select[RecordRow, bool, bool]:
    """Select records, in order, each with the two facts that ``wanted`` asks for."""
    facts = _is_changed().label("changed"), _is_visaed().label("visaed")
    return select(RecordRow, *facts).where(RecordRow.id.in_(records)).order_by(RecordRow.id)


def wanted(record: RecordRow, today: date, horizon_days: int, *, changed: bool, visaed: bool) -> Wanted:
    """Return the lock that a record must have today.

    Args:
        changed: Whether its line in an open disposal says that it was changed.
        visaed: Whether all visas on its line are given.
    """
    farthest = farthest_lock(today, horizon_days)
    if changed or record.ends_on is None or record.outcome in _ENDLESS or _is_undated(record):
        return Wanted(farthest, awaits=False)
    held_until = None if visaed else record.held_until
    last = max(day for day in (record.ends_on, held_until, record.not_before) if day is not None)
    if last > today:
        return Wanted(min(last, farthest), awaits=False)
    return Wanted(min(today + timedelta(days=AWAITING_DAYS), farthest), awaits=True)


def _is_undated(record: RecordRow) -> bool:
    return record.basis is not None and record.basis != Basis.DATED


def _is_changed() -> ColumnElement[bool]:
    return _in_line(OPEN_DISPOSALS, DisposalLineRow.reason == "changed")


def _is_visaed() -> ColumnElement[bool]:
    return _in_line(_DECIDED, DisposalLineRow.state.in_(_OPEN))


def _in_line(states: Sequence[str], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a line of a record, in a disposal in one of these states, is as told."""
    line, disposal = DisposalLineRow, DisposalRow
    here = exists().where(line.record_id == RecordRow.id, *conditions)
    return here.where(disposal.id == line.disposal_id, disposal.state.in_(states))
