"""Words of a record, folded: what the database can be asked without the index.

The index is a view that may be late or away; what is held is decided in the transaction that
changes the record. So the catalogue keeps the distinct words of a description, and those of the
pages once they were read.
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.hold_tables import RecordWordsRow
from archive.database.tables import RecordRow
from archive.model.folding import packed


def described(row: RecordRow) -> str:
    """Return the words of a record's description."""
    return packed((row.title, row.description, row.external_reference, row.filename))


def note_description(session: Session, row: RecordRow) -> None:
    """Keep the words of a description as it is written; those of the pages are read later."""
    kept = session.get(RecordWordsRow, row.id)
    if kept is None:
        kept = RecordWordsRow(record_id=row.id)
        session.add(kept)
    kept.described, kept.unread = described(row), True
    session.flush()


def count_unread(session: Session, tenant: str) -> int:
    """Count a tenant's records whose text was not read into the catalogue as it is now."""
    query = select(func.count()).select_from(RecordWordsRow).join(RecordRow, RecordRow.id == RecordWordsRow.record_id)
    return session.scalar(query.where(RecordWordsRow.unread, RecordRow.tenant_id == tenant)) or 0
