"""Standstill: nothing of a disposal can go for now, so that its mandate need not be proven again.

To prove a mandate, statements of up to 100,000 lines are read in database and store. While each
line that is left waits for a hold, a lock or a person, that is done once a day, and when the
bordereau or what stands in a line's way has changed: one statement over the open lines asks that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, not_, or_, select
from sqlalchemy.orm import Session

from archive.database.disposal_tables import DisposalLineRow, DisposalRow
from archive.database.tables import RecordRow
from archive.model.days import westernmost_day
from archive.model.disposals import FINAL_LINES, LineState
from archive.retention.civil import today_of
from archive.retention.states import DueState


@dataclass
class Standstill:
    """What was found at the last look, by disposal: the day, and the number of its statement."""

    _looked: dict[str, tuple[date, int]] = field(default_factory=dict)

    def lasts(self, session: Session, disposal_id: str, now: datetime) -> bool:
        """Whether a look today has found that nothing can go, and nothing has changed since."""
        row = session.get_one(DisposalRow, disposal_id)
        day = today_of(session, row.tenant_id, now).day
        if self._looked.get(disposal_id) != (day, row.number):
            return False
        line, record = DisposalLineRow, RecordRow
        open_ = select(line.record_id).join(record, record.id == line.record_id)
        moving = open_.where(
            line.disposal_id == disposal_id,
            line.state.not_in(FINAL_LINES),
            or_(line.committed_at.is_not(None), not_(_stands(day, westernmost_day(now)))),
        )
        return session.scalar(moving.limit(1)) is None

    def note(self, session: Session, disposal_id: str, now: datetime) -> None:
        """Note that each line of a disposal was judged today."""
        row = session.get_one(DisposalRow, disposal_id)
        self._looked[disposal_id] = today_of(session, row.tenant_id, now).day, row.number


def _stands(day: date, locked_day: date) -> ColumnElement[bool]:
    """Whether what stood in the way of a line stands there still, as far as its rows tell.

    Of a reason whose end the row of the record does not tell, a new look a day is enough.
    """
    line, record = DisposalLineRow, RecordRow
    blocked = line.state == LineState.BLOCKED
    followed = {
        DueState.HELD: and_(record.held_until.is_not(None), record.held_until >= day),
        DueState.STALE: record.stale_since.is_not(None),
        DueState.NOT_YET: and_(record.due_on.is_not(None), record.due_on > day),
        DueState.NOT_BEFORE: and_(record.not_before.is_not(None), record.not_before > day),
    }
    return or_(
        *(and_(blocked, line.reason == state.value, still) for state, still in followed.items()),
        and_(blocked, line.reason.is_not(None), line.reason.not_in([state.value for state in followed])),
        and_(line.state == LineState.WAITING, record.locked_until.is_not(None), record.locked_until >= locked_day),
    )
