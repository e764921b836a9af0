"""Sortings of records: whether somebody decided about one that is to be sorted."""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists, or_

from archive.database.retention_tables import RecordNodeRow
from archive.database.sorting_tables import SortingRow
from archive.database.tables import RecordRow


def is_sorted() -> ColumnElement[bool]:
    """Return the condition that somebody decided about a record, or about a file it lies in."""
    own = exists().where(SortingRow.id == RecordRow.id)
    through = exists().where(RecordNodeRow.record_id == RecordRow.id, RecordNodeRow.node_id == SortingRow.id)
    return or_(own, through)
