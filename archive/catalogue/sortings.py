"""Sortings of records: what was decided about one, or about the files it lies in.

Triggers keep the answer on the record (``records.sorted``); reconciliation asks here.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from archive.database.retention_tables import RecordNodeRow
from archive.database.sorting_tables import SortingRow
from archive.database.tables import RecordRow
from archive.model.final_actions import FinalAction


def is_sorted() -> ColumnElement[bool]:
    """Return the condition that somebody decided about a record, or about a file it lies in."""
    return RecordRow.sorted.is_not(None)


def decision_about(session: Session, record_id: str) -> str | None:
    """Return the decision about a record, else about its files: to keep, where one is kept."""
    own = session.scalar(select(SortingRow.decision).where(SortingRow.id == record_id))
    if own is not None:
        return own
    query = select(SortingRow.decision).join(RecordNodeRow, RecordNodeRow.node_id == SortingRow.id)
    found = set(session.scalars(query.where(RecordNodeRow.record_id == record_id))) - {None}
    return FinalAction.KEEP.value if FinalAction.KEEP.value in found else next(iter(found), None)
