"""Words of a record, folded: what the database can be asked without the index.

The index is a view that may be late or away; what is held is decided in the transaction that
changes the record. So the catalogue keeps the distinct words of a description, and those of the
pages once they were read.
"""

from __future__ import annotations

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from archive.database.hold_tables import RecordWordsRow
from archive.database.tables import RecordRow, RepresentationRow
from archive.model.folding import packed
from archive.model.records import Kind
from archive.model.states import GONE


def described(row: RecordRow) -> str:
    """Return the words of a record's description."""
    return packed((row.title, row.description, row.external_reference, row.filename))


def note_description(session: Session, row: RecordRow) -> None:
    """Keep the words of a description, in the transaction that writes it."""
    kept = session.get(RecordWordsRow, row.id)
    if kept is None:
        session.add(RecordWordsRow(record_id=row.id, described=described(row)))
    else:
        kept.described = described(row)
    session.flush()


def unread(limit: int | None = None) -> Select[str]:
    """Select the records whose words, or those of their pages, are not kept as they are now."""
    text, kept = RepresentationRow, RecordWordsRow
    current = and_(
        kept.record_id == RecordRow.id,
        or_(text.sha256.is_(None), kept.text_sha256 == text.sha256),
    )
    return (
        select(RecordRow.id)
        .outerjoin(text, and_(text.record_id == RecordRow.id, text.kind == Kind.TEXT.value))
        .where(RecordRow.state.not_in(GONE), ~exists().where(current))
        .order_by(RecordRow.id)
        .limit(limit)
    )


def count_unread(session: Session, tenant: str) -> int:
    """Count a tenant's records whose words are not kept yet."""
    query = unread().where(RecordRow.tenant_id == tenant).subquery()
    return session.scalar(select(func.count()).select_from(query)) or 0
