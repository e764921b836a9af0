"""Find in the second store what came back of records that are gone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from sqlalchemy import select

from archive.custody.rebuild.records import grouped
from archive.custody.reconcile.store import End, end_of
from archive.database.engine import Database
from archive.database.tables import RecordRow
from archive.model.states import RecordState
from archive.objects.layout import TENANTS, RecordFolder
from archive.objects.port import ObjectStore

_BATCH: Final = 500


def remains_in(database: Database, copy: ObjectStore) -> Iterator[RecordFolder]:
    """Return the folders there of records that are gone, by the journal.

    Raises:
        Unavailable: The store or the database did not answer.
    """
    folders = (folder for folder, _ in grouped(copy.list(TENANTS)) if folder is not None)
    while some := list(islice(folders, _BATCH)):
        with database.read() as session:
            asked = select(RecordRow.id).where(
                RecordRow.id.in_([one.record_id for one in some]), RecordRow.state == RecordState.DISPOSED
            )
            gone = {one for one in session.scalars(asked) if end_of(session, one) is End.DONE}
        yield from (one for one in some if one.record_id in gone)
