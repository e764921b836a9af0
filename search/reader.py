"""Read a record as its index wants it: the catalogue's row, and the text of its pages from the
store.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from typing import IO, Final

from sqlalchemy.orm import Session

from archive.database.tables import RecordRow, RepresentationRow
from archive.model.records import Kind
from archive.model.states import RecordState
from archive.objects.fixity import verified
from archive.objects.port import ObjectStore
from search.port import Entry
from search.projection import project

TextOfPages = Callable[[IO[bytes]], Iterable[tuple[int, str]]]
"""A text representation -> (page number, plain text); this package knows no ALTO."""

_IN_MEMORY: Final = 8 << 20
"""Bytes of a text representation above which it goes through a file."""


class RecordReader:
    """Reads records for the index.

    Args:
        store: Where their text is.
        text_of_pages: Reads a text representation.
    """

    def __init__(self, store: ObjectStore, text_of_pages: TextOfPages) -> None:
        self._store = store
        self._text_of_pages = text_of_pages

    def entry(self, session: Session, tenant: str, record_id: str) -> Entry | None:
        """The entry of a record as it is now; None when it is gone.

        Raises:
            Corrupt: Its text is not what was kept.
            Unavailable: The store does not answer.
        """
        record = session.get(RecordRow, record_id)
        if record is None or record.tenant_id != tenant or RecordState(record.state).gone:
            return None
        text = session.get(RepresentationRow, (record_id, Kind.TEXT))
        return project(record, () if text is None else self._pages(text))

    def _pages(self, text: RepresentationRow) -> list[str]:
        """Text of every page, page 1 first; empty where there is none."""
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            for chunk in verified(self._store, text.key, text.version, sha256=text.sha256, size=text.size):
                file.write(chunk)
            file.seek(0)
            pages = dict(self._text_of_pages(file))
        return [pages.get(number, "") for number in range(1, max(pages, default=0) + 1)]
