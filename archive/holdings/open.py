"""Open representations of a record: their bytes, checked on the way."""

from __future__ import annotations

from collections.abc import Iterator

from archive.catalogue import rows as catalogue
from archive.database.tables import RecordRow, RepresentationRow
from archive.holdings.stores import Stores
from archive.objects import fixity


def open_form(
    stores: Stores,
    record: RecordRow,
    kind: str,
    *,
    offset: int | None = None,
    length: int | None = None,
) -> tuple[RepresentationRow, Iterator[bytes]]:
    """Return the bytes of one representation, whole or in part, checked on the way.

    For a part, too, the whole is checked first (see ``fixity``).

    Raises:
        Refused: ``record_not_found``, ``representation_missing``; ``bad_range`` with the first
            byte.
    """
    with stores.database.read() as session:
        row = catalogue.representation(session, record.tenant_id, record.id, kind)
    if offset is None and length is None:
        return row, fixity.verified(stores.store, row.key, row.version, sha256=row.sha256, size=row.size)
    first = offset or 0
    count = row.size - first if length is None else length
    return row, fixity.verified_range(
        stores.store, row.key, row.version, sha256=row.sha256, size=row.size, offset=first, length=count
    )
