"""Read the words of records' pages into the catalogue, where standing holds ask for them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from typing import IO, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue.words import described
from archive.database.hold_tables import RecordWordsRow
from archive.database.tables import RecordRow, RepresentationRow
from archive.disposition.holds import standing
from archive.holdings.stores import Stores
from archive.model.folding import packed
from archive.model.records import Kind
from archive.model.states import GONE
from archive.objects.fixity import verified
from archive.objects.port import Unreadable
from signing.ground.errors import Corrupt, Refused

TextOfPages = Callable[[IO[bytes]], Iterable[tuple[int, str]]]
"""Text representation -> (page number, plain text); this package can't read ALTO itself."""
BATCH: Final = 50
"""Records that are read before one transaction keeps their words."""
_IN_MEMORY: Final = 8 << 20


def read_words(stores: Stores, text_of_pages: TextOfPages) -> tuple[int, dict[str, str]]:
    """Read every text that was not read yet; a standing hold that asks for its words reaches it.

    What can't be read is tried again at the next call, and does not stop the rest.

    Returns:
        How many were read; error codes by record.

    Raises:
        Unavailable: The store or the database did not answer; call again.
    """
    done, failed, after = 0, dict[str, str](), ""
    while True:
        with stores.database.read() as session:
            batch = _unread(session, after)
        words: dict[str, tuple[str | None, str]] = {}
        for record_id, text in batch:
            try:
                words[record_id] = (text.sha256 if text else None, _words(stores, text_of_pages, text))
            except (Corrupt, Refused, Unreadable) as error:
                failed[record_id] = error.code
        if words:
            with stores.database.write() as session:
                done += _keep(stores, session, words)
        if len(batch) < BATCH:
            return done, failed
        after = batch[-1][0]


def _unread(session: Session, after: str) -> list[tuple[str, RepresentationRow | None]]:
    waiting = select(RecordWordsRow.record_id).where(RecordWordsRow.unread, RecordWordsRow.record_id > after)
    ids = list(session.scalars(waiting.order_by(RecordWordsRow.record_id).limit(BATCH)))
    texts = select(RepresentationRow).where(RepresentationRow.record_id.in_(ids), RepresentationRow.kind == Kind.TEXT)
    found = {row.record_id: row for row in session.scalars(texts)}
    return [(record_id, found.get(record_id)) for record_id in ids]


def _words(stores: Stores, text_of_pages: TextOfPages, text: RepresentationRow | None) -> str:
    if text is None:
        return ""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        for chunk in verified(stores.store, text.key, text.version, sha256=text.sha256, size=text.size):
            file.write(chunk)
        file.seek(0)
        return packed(page for _, page in text_of_pages(file))


def _keep(stores: Stores, session: Session, words: dict[str, tuple[str | None, str]]) -> int:
    """Keep words and let standing holds follow, in one transaction."""
    rows = select(RecordRow).where(RecordRow.id.in_(words)).order_by(RecordRow.id)
    records = session.scalars(rows.with_for_update()).all()
    stores.ledger.take_turn(session)  # no hold is placed between these words and what follows from them
    for row in records:
        digest, pages = words[row.id]
        text = session.get(RepresentationRow, (row.id, Kind.TEXT.value), populate_existing=True)
        kept = session.get_one(RecordWordsRow, row.id)
        kept.described = described(row)
        if (text.sha256 if text is not None else None) == digest:  # else it was read anew meanwhile
            kept.pages, kept.unread = pages, False
    session.flush()
    for tenant in sorted({row.tenant_id for row in records if row.state not in GONE}):
        standing.follow(session, stores.ledger, tenant, RecordRow.id.in_(words))
    return len(records)
