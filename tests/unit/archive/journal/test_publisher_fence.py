"""A publisher that was away for too long signs nothing over what its successor published."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from archive.database.engine import Database
from archive.database.tables import CheckpointRow, LeaseRow
from archive.journal.publisher import LEASE, Checkpoint, Publisher
from archive.journal.sequencer import Ledger
from archive.objects.local import LocalObjectStore
from archive.objects.port import read_all
from signing.ground.errors import Unavailable
from signing.port import Timestamper

CHECKPOINT = "journal/checkpoint"
LONG = timedelta(minutes=6)
"""Longer than a lease."""


class Away:
    """A true authority; while it is asked, something else happens."""

    def __init__(self, inner: Timestamper, meanwhile: Callable[[], None]) -> None:
        self._inner = inner
        self._meanwhile = meanwhile

    def token(self, digest: bytes) -> bytes:
        self._meanwhile()
        return self._inner.token(digest)


def append(database: Database, ledger: Ledger) -> None:
    with database.write() as session:
        ledger.append(session, type="RecordKept", tenant="brest", subject="record:1", agent=None, facts={})


def published(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(CheckpointRow)) or 0


def test_who_was_taken_over_signs_nothing_and_leaves_the_later_head(
    publisher: Publisher, database: Database, ledger: Ledger, store: LocalObjectStore, clock: Any
) -> None:
    authority = publisher._timestamper
    later: list[Checkpoint | None] = []

    def another() -> None:
        publisher._timestamper = authority
        clock.now += LONG
        append(database, ledger)
        later.append(publisher.publish(force_token=True))

    publisher._timestamper = Away(authority, another)
    with pytest.raises(Unavailable, check=lambda error: error.code == "publisher_busy"):
        publisher.publish(force_token=True)
    (present,) = later
    assert present is not None
    assert read_all(store, CHECKPOINT).decode() == present.note, "the head never goes back"
    assert published(database) == 1
    assert publisher.latest() == present
    append(database, ledger)
    assert publisher.publish() is not None, "the journal goes on"


def test_who_holds_the_lease_signs_however_slow_the_authority_was(
    publisher: Publisher, database: Database, store: LocalObjectStore, clock: Any
) -> None:
    def sleep() -> None:
        clock.now += LONG

    publisher._timestamper = Away(publisher._timestamper, sleep)
    made = publisher.publish(force_token=True)
    assert made is not None
    assert read_all(store, CHECKPOINT).decode() == made.note


def test_signing_takes_the_lease_for_longer(publisher: Publisher, database: Database, clock: Any) -> None:
    with publisher._lease() as fence:
        assert fence is not None
        clock.now += timedelta(minutes=4)
        publisher._still_mine(fence)
        clock.now += timedelta(minutes=4)
        with publisher._lease() as other:
            assert other is None, "eight minutes after it was taken, four after it was asked for"


def test_a_lease_that_was_taken_over_is_not_let_go_by_who_lost_it(publisher: Publisher, clock: Any) -> None:
    with ExitStack() as late, ExitStack() as present:
        first = late.enter_context(publisher._lease())
        clock.now += LONG
        second = present.enter_context(publisher._lease())
        assert first is not None
        assert second is not None
        assert second > first
        late.close()
        with publisher._lease() as third:
            assert third is None, "the second still holds it"
        publisher._still_mine(second)


def test_a_lease_let_go_is_free_at_once(publisher: Publisher, database: Database) -> None:
    with publisher._lease() as first, publisher._lease() as second:
        assert (first is None, second) == (False, None)
    with publisher._lease() as again:
        assert again is not None
        with database.read() as session:
            assert session.get_one(LeaseRow, LEASE).fence == again
