"""Disposals of records: which one has a record, and what a visa has refused about it.

The state of a record (``in_disposal``) repeats the first; a rebuild and a reconciliation ask here.
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.disposal_tables import DisposalLineRow, DisposalRow, VisaRefusalRow
from archive.database.tables import RecordRow
from archive.model.disposals import FINAL_LINES, OPEN_DISPOSALS
from archive.model.states import RecordState
from signing.ground.clock import stamp
from signing.ground.errors import Refused


def line_of(session: Session, record_id: str) -> DisposalLineRow | None:
    """Return the line of the open disposal that has a record, if one has."""
    line, row = DisposalLineRow, DisposalRow
    asked = select(line).join(row, row.id == line.disposal_id)
    asked = asked.where(line.record_id == record_id, row.state.in_(OPEN_DISPOSALS))
    return session.scalars(asked.where(line.state.not_in(FINAL_LINES)).limit(1)).first()


def committed(session: Session, record_id: str) -> Refused | None:
    """Return the refusal of what comes after the destruction of a record was decided."""
    line = DisposalLineRow
    at = session.scalar(select(func.max(line.committed_at)).where(line.record_id == record_id))
    if at is None:
        return None
    return Refused(
        "disposal_committed",
        "La destruction de ce document est engagée depuis le {at}.",
        kept="Rien n’a été changé.",
        action="Relisez le bordereau : il dit ce qui est fait.",
        pointer="/records",
        at=stamp(at),
    )


def disposal_of(session: Session, record_id: str) -> DisposalRow | None:
    """Return the open disposal that has a record, if one has."""
    there = line_of(session, record_id)
    return session.get(DisposalRow, there.disposal_id) if there is not None else None


def state_of_kept(session: Session, record_id: str) -> RecordState:
    """Return the state of a record that is not gone."""
    return RecordState.IN_DISPOSAL if line_of(session, record_id) is not None else RecordState.KEPT


def follow_disposals(session: Session, row: RecordRow) -> None:
    """Write on a record that a rebuild brought back what disposals say of it."""
    refusal = refusal_of(session, row.id)
    row.state = state_of_kept(session, row.id).value
    row.not_before = refusal.not_before if refusal is not None else None


def refusal_of(session: Session, record_id: str) -> VisaRefusalRow | None:
    """Return what the last visa that refused a record asks for."""
    return session.get(VisaRefusalRow, record_id)
