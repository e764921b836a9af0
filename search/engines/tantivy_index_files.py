"""Read and write one tantivy index in one folder: reloaded on change, one writer."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import tantivy

from search.engines.tantivy_schema import documents, make_schema, position_document
from search.entry_layout import POSITION, RECORD
from search.port import Change, Upsert
from signing.ground.errors import Unavailable

_WRITER_BYTES: Final = 20_000_000
_META: Final = "meta.json"


@contextmanager
def engine_errors() -> Iterator[None]:
    """Translate tantivy's failures (files absent, damaged, locked) into our errors.

    Raises:
        Unavailable: ``search_away``.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        raise Unavailable(
            "search_away",
            "L’index de recherche ne répond pas.",
            kept="Les documents ne sont pas touchés.",
            action="Réessayez ; si cela dure, reconstruisez l’index (chartrier rebuild index).",
        ) from error


class IndexFiles:
    """One index in one folder.

    Args:
        create: Whether to make an empty index if there is none.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        self.schema = make_schema()
        self._guard = threading.Lock()
        self._writer: tantivy.IndexWriter | None = None
        if create:
            folder.mkdir(parents=True, exist_ok=True)
            self._index = tantivy.Index(self.schema, str(folder))
        else:
            self._index = tantivy.Index.open(str(folder))
        self._index.config_reader("manual")
        self._seen = self._stamp()
        self._index.reload()

    def _stamp(self) -> tuple[int, int, int]:
        status = (self.folder / _META).stat()
        return status.st_ino, status.st_mtime_ns, status.st_size

    def searcher(self) -> tantivy.Searcher:
        """Return a snapshot of all that is committed now, also by another process.

        Raises:
            OSError: If the folder is gone: another index replaced it.
        """
        with self._guard:
            stamp = self._stamp()
            if stamp != self._seen:
                self._index.reload()
                self._seen = stamp
            return self._index.searcher()

    def known(self, searcher: tantivy.Searcher, field: str, term: str) -> int:
        """Return how many documents hold a term."""
        return searcher.doc_freq(field, term)

    def position(self) -> int:
        """Return the journal entry up to which this index has followed; -1 for none."""
        searcher = self.searcher()
        hits = searcher.search(self._term("kind", POSITION), 1, count=False).hits
        if not hits:
            return -1
        value = searcher.doc(hits[0][1]).get_first("position")
        assert isinstance(value, int)  # noqa: S101 -- written by position_document
        return value

    def revisions(self) -> Iterable[tuple[str, int]]:
        """Return (record id, revision) of every record."""
        searcher = self.searcher()
        query = self._term("kind", RECORD)
        for offset in range(0, searcher.num_docs, 10_000):
            hits = searcher.search(query, 10_000, count=False, offset=offset).hits
            for _, address in hits:
                stored = searcher.doc(address)
                yield str(stored.get_first("record")), int(stored.get_first("revision") or 0)
            if len(hits) < 10_000:
                return

    def apply(self, changes: Sequence[Change], position: int) -> None:
        """Commit changes and position together.

        Nothing is done when the position is below the index's own: the changes were applied before.
        """
        with self._guard:
            self._index.reload()
        held = self.position()
        if position < held:
            return
        searcher = self.searcher()
        last = {_record_id(change): change for change in self._newest(changes, searcher)}
        writer = self._writer or self._index.writer(_WRITER_BYTES, 1)
        self._writer = writer
        try:
            for record_id, change in last.items():
                writer.delete_documents_by_term("record", record_id)
                if isinstance(change, Upsert):
                    for document in documents(change.entry):
                        writer.add_document(document)
            writer.delete_documents_by_term("kind", POSITION)
            writer.add_document(position_document(position))
            writer.commit()
        except BaseException:
            self._writer = None  # a writer that failed is not used again; the next one starts from the last commit
            writer.rollback()
            raise

    def _newest(self, changes: Sequence[Change], searcher: tantivy.Searcher) -> Iterator[Change]:
        """Leave out entries older than those in the index or earlier in the batch."""
        revisions: dict[str, int] = {}
        for change in changes:
            if isinstance(change, Upsert):
                entry = change.entry
                if entry.record_id not in revisions:
                    revisions[entry.record_id] = self._revision(searcher, entry.record_id)
                if entry.revision < revisions[entry.record_id]:
                    continue
                revisions[entry.record_id] = entry.revision
            yield change

    def _revision(self, searcher: tantivy.Searcher, record_id: str) -> int:
        both = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Must, self._term("record", record_id)),
                (tantivy.Occur.Must, self._term("kind", RECORD)),
            ]
        )
        hits = searcher.search(both, 1, count=False).hits
        return int(searcher.doc(hits[0][1]).get_first("revision") or 0) if hits else 0

    def _term(self, field: str, value: str) -> tantivy.Query:
        return tantivy.Query.term_query(self.schema, field, value, "basic")

    def release(self) -> None:
        """Close the writer once its merges are done; this frees memory and lock."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.wait_merging_threads()


def _record_id(change: Change) -> str:
    return change.entry.record_id if isinstance(change, Upsert) else change.record_id
