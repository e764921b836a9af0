"""Nothing is signed that the store does not give back as it was written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from archive.database.engine import Database
from archive.database.tables import CheckpointRow
from archive.journal.publisher import Publisher
from archive.journal.sequencer import Ledger
from archive.objects.local import LocalObjectStore
from archive.objects.port import StoredObject, found, read_all
from signing.ground.errors import Corrupt
from tests.holdings import alter, flipped
from tests.servers.postgres import owned, unguarded

CHECKPOINT = "journal/checkpoint"


class Garbles(LocalObjectStore):
    """Says that it wrote, and wrote one bit otherwise, below a prefix."""

    prefix = "-"

    def put(self, key: str, *args: Any, **options: Any) -> StoredObject:
        stored = super().put(key, *args, **options)
        if key.startswith(self.prefix):
            alter(self._path(key), flipped)
        return stored


@pytest.fixture
def store(tmp_path: Path, clock: Any) -> Garbles:
    return Garbles(tmp_path / "store", clock)


def append(database: Database, ledger: Ledger, count: int = 1) -> None:
    with database.write() as session:
        for _ in range(count):
            ledger.append(session, type="RecordKept", tenant="brest", subject="record:1", agent=None, facts={})


def signs_nothing(publisher: Publisher, store: LocalObjectStore, database: Database, code: str) -> None:
    before = found(store, CHECKPOINT)
    with pytest.raises(Corrupt) as caught:
        publisher.publish()
    assert caught.value.code == code
    assert found(store, CHECKPOINT) == before
    with database.read() as session:
        assert (session.scalar(select(func.count()).select_from(CheckpointRow)) or 0) == (before is not None)


@pytest.mark.parametrize("prefix", ["journal/tile/entries/", "journal/tile/0/"])
@pytest.mark.parametrize("published", [False, True], ids=["first", "later"])
def test_what_is_read_back_otherwise_is_not_signed(
    publisher: Publisher, store: Garbles, database: Database, ledger: Ledger, prefix: str, published: bool
) -> None:
    append(database, ledger, 3)
    if published:
        assert publisher.publish() is not None
        append(database, ledger)
    store.prefix = prefix
    signs_nothing(publisher, store, database, "journal_damaged")


@pytest.mark.parametrize("gone", [2, 5], ids=["within", "the last"])
def test_a_journal_with_a_gap_is_not_signed(
    publisher: Publisher, store: Garbles, database: Database, ledger: Ledger, gone: int
) -> None:
    append(database, ledger, 5)
    with unguarded(database) as session:
        session.execute(text("DELETE FROM journal_entries WHERE n = :n"), {"n": gone})
        later = "UPDATE journal_entries SET n = 7 WHERE n = :n"
        session.execute(text(later), {"n": 5 if gone != 5 else 4})
    signs_nothing(publisher, store, database, "journal_damaged")


def forge(store: LocalObjectStore, key: str, content: bytes) -> None:
    store.put(key, content, sha256=hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("forged", [lambda note: b"another note", lambda note: note + b"x"], ids=["other", "longer"])
def test_a_head_that_was_stamped_otherwise_at_this_size_is_a_fork(
    publisher: Publisher, store: Garbles, database: Database, ledger: Ledger, forged: Callable[[bytes], bytes]
) -> None:
    made = publisher.publish()
    assert made is not None
    append(database, ledger)
    key = f"journal/checkpoints/{made.size + 1}"
    forge(store, key, forged(made.note.encode()))
    forge(store, f"{key}.tsr", b"a token")
    signs_nothing(publisher, store, database, "journal_forked")


def test_the_token_of_an_attempt_that_died_is_taken_up(
    publisher: Publisher, store: Garbles, database: Database, ledger: Ledger
) -> None:
    """It is over this very note: it stays the one token of this head."""
    first = publisher.publish()
    assert first is not None
    assert first.token is not None
    store._path(CHECKPOINT).unlink()
    with owned(database) as session:
        session.execute(text("DELETE FROM journal_checkpoints"))
    again = publisher.publish()
    assert again is not None
    assert (again.note, again.token) == (first.note, first.token)
    assert read_all(store, CHECKPOINT).decode() == first.note
