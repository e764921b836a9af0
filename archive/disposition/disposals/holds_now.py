"""Holds that came since a line was last judged: what stands in its way is told at once.

A line's row says what its last judgement found: when it was drafted, submitted or executed. A hold
that was placed since then blocks it just the same, so whoever counts or lists lines asks here.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, select
from sqlalchemy.orm import Session, aliased

from archive.database.disposal_tables import DisposalLineRow, DisposalRow
from archive.database.tables import HeldRecordRow, HoldRow
from archive.model.disposals import OPEN_DISPOSALS, LineState
from archive.retention.states import DueState

_GOING: Final = (LineState.INCLUDED.value, LineState.WAITING.value)


def state_now() -> ColumnElement[Any]:
    """Return the state of a line, a hold of today counted in."""
    return case((_stopped(), LineState.BLOCKED.value), else_=DisposalLineRow.state)


def reason_now() -> ColumnElement[Any]:
    """Return the reason of that state."""
    return case((_stopped(), DueState.HELD.value), else_=DisposalLineRow.reason)


def stopped_among(session: Session, disposal_id: str, records: Collection[str]) -> set[str]:
    """Return those of these records whose lines a hold of today blocks."""
    line = DisposalLineRow
    asked = select(line.record_id).where(line.disposal_id == disposal_id, line.record_id.in_(list(records)))
    return set(session.scalars(asked.where(_stopped())))


def _stopped() -> ColumnElement[bool]:
    line, held, hold, disposal = DisposalLineRow, HeldRecordRow, HoldRow, aliased(DisposalRow)
    in_force = select(hold.id).where(hold.released_at.is_(None), hold.id == held.hold_id).exists()
    is_held = select(held.record_id).where(held.record_id == line.record_id, in_force).exists()
    is_open = select(disposal.id).where(disposal.id == line.disposal_id, disposal.state.in_(OPEN_DISPOSALS)).exists()
    return and_(line.state.in_(_GOING), is_open, is_held)
