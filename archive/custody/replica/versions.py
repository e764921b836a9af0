"""Pairs of versions in the two stores: the table ``copies``, by the catalogue's pins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session, aliased

from archive.catalogue import rows as catalogue
from archive.database.tables import CopyRow, RepresentationRow, StoredFileRow
from signing.ground.clock import Clock

BATCH: Final = 100
"""Records read at once."""
UNVERIFIED: Final = "unverified"
"""Verdict of a copy that was not yet read since its store became the second."""


def rows_of(session: Session, record_id: str) -> Sequence[CopyRow]:
    """Return the copied objects of a record."""
    return session.scalars(select(CopyRow).where(CopyRow.record_id == record_id)).all()


def forget_former(session: Session, record_id: str) -> None:
    """Delete pairs that nothing pins any more: superseded heads, restored objects."""
    pinned = {(item.key, item.version) for item in catalogue.placed(session, record_id)}
    for row in rows_of(session, record_id):
        if (row.key, row.version) not in pinned:
            session.delete(row)


def behind(after: str, clock: Clock) -> Any:
    """Select the records after an id with an object not copied, or with a changed lock or hold."""
    held_form, held_file = aliased(RepresentationRow), aliased(StoredFileRow)
    queries, today = [], clock().astimezone(UTC).date()
    for table in (RepresentationRow, StoredFileRow):
        copied = select(CopyRow.key).where(CopyRow.key == table.key, CopyRow.version == table.version)
        shorter = or_(CopyRow.locked_until.is_(None), CopyRow.locked_until < table.locked_until)
        held = or_(
            exists().where(held_form.record_id == CopyRow.record_id, held_form.legal_hold).correlate(CopyRow),
            exists().where(held_file.record_id == CopyRow.record_id, held_file.legal_hold).correlate(CopyRow),
        )
        late = or_(
            copied.where(table.locked_until >= today, shorter).exists(),
            copied.where(CopyRow.legal_hold != held).exists(),  # a hold on one object is a hold on the whole copy
        )
        queries.append(select(table.record_id).where(table.record_id > after, or_(~copied.exists(), late)))
    return queries[0].union(queries[1]).order_by("record_id").limit(BATCH)
