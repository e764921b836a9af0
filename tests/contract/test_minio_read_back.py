"""A bucket that says yes to a lock and sets a shorter one is found out at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from archive.objects.minio import MinioObjectStore
from archive.objects.minio_client import Connection
from archive.objects.minio_locks import Locks, StoreLocks
from archive.objects.port import StoredObject
from signing.ground.clock import utc_now
from signing.ground.errors import Corrupt
from tests.contract.suite_objects import sha
from tests.servers.buckets import S3Server

pytestmark = pytest.mark.services
DAY = timedelta(days=1)


@dataclass
class Short(StoreLocks):
    """The real locks of the real bucket, a few days too short; None: asked for and not set."""

    connection: Connection
    by: timedelta | None

    def __post_init__(self) -> None:
        super().__init__(self.connection)

    def options(self, until: date | None) -> dict[str, object]:
        return {} if until is None or self.by is None else super().options(until - self.by)

    def extend(self, key: str, version: str, until: date) -> None:
        if self.by is not None:
            super().extend(key, version, until - self.by)


class Lenient(MinioObjectStore):
    """Believes that its bucket locks, and has it lock too short once it is told to."""

    by: timedelta | None = timedelta()

    def open(self) -> tuple[Connection, Locks]:
        connection, _ = super().open()
        return connection, Short(connection, self.by)


@pytest.fixture
def store(minio: S3Server) -> Lenient:
    return Lenient(minio.settings(), utc_now)


def put(store: MinioObjectStore, until: date, content: bytes = b"x") -> StoredObject:
    return store.put("a", content, sha256=sha(content), retain_until=until)


def extend(store: MinioObjectStore, until: date) -> StoredObject:
    return store.extend_lock("a", store.stat("a").version, until)


@pytest.mark.parametrize("by", [None, DAY, 30 * DAY], ids=["none", "a day", "a month"])
@pytest.mark.parametrize("again", [put, extend], ids=["put again", "extended"])
def test_a_lock_that_does_not_reach_its_day_is_no_lock(
    store: Lenient, by: timedelta | None, again: Callable[[MinioObjectStore, date], StoredObject]
) -> None:
    today = utc_now().date()
    put(store, today + DAY)
    store.by = by
    with pytest.raises(Corrupt, check=lambda error: error.code == "lock_missing"):
        again(store, today + 60 * DAY)
    store.by = timedelta()
    assert again(store, today + 60 * DAY).locked_until == today + 60 * DAY


@pytest.mark.parametrize("by", [None, DAY], ids=["none", "a day"])
def test_a_new_object_without_its_whole_lock_is_not_written(store: Lenient, by: timedelta | None) -> None:
    store.by = by
    with pytest.raises(Corrupt, check=lambda error: error.code == "lock_missing"):
        put(store, utc_now().date() + 60 * DAY)
