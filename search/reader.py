"""Read a record's index entry: its catalogue row, and the text of its pages from the store."""

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
"""Text representation -> (page number, plain text); this package can't read ALTO itself."""

_IN_MEMORY: Final = 8 << 20
"""Bytes of a text representation above which it is copied to a file first."""


class RecordReader:
    """Reader of records for the index.

    Args:
        store: Holds their text.
        text_of_pages: Reads a text representation.
    """

    def __init__(self, store: ObjectStore, text_of_pages: TextOfPages) -> None:
        self._store = store
        self._text_of_pages = text_of_pages

    def entry(self, session: Session, tenant: str, record_id: str) -> Entry | None:
        """Return the entry of a record as it is now; None when it is gone.

        Raises:
            Corrupt: Its text differs from what was kept.
            Unavailable: The store does not answer.
        """
        record = session.get(RecordRow, record_id)
        if record is None or record.tenant_id != tenant or RecordState(record.state).destroyed:
            return None
        text = session.get(RepresentationRow, (record_id, Kind.TEXT))
        return project(record, () if text is None else self._pages(text))

    def _pages(self, text: RepresentationRow) -> list[str]:
        """Return the text of every page, page 1 first; empty where there is none."""
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            for chunk in verified(self._store, text.key, text.version, sha256=text.sha256, size=text.size):
                file.write(chunk)
            file.seek(0)
            pages = dict(self._text_of_pages(file))
        return [pages.get(number, "") for number in range(1, max(pages, default=0) + 1)]
