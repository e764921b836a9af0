"""What every ObjectStore must do, whatever stands behind it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from archive.objects.port import ObjectStore, StoredObject, read_all
from signing.errors import Corrupt, Refused


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.code == code


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class ObjectStoreContract:
    """A subclass gives ``store`` (empty) and ``travel`` (moves the store's clock, or skips)."""

    @pytest.fixture
    def store(self) -> ObjectStore:
        raise NotImplementedError

    @pytest.fixture
    def travel(self) -> Callable[[date], None]:
        raise NotImplementedError

    @pytest.fixture
    def today(self) -> date:
        raise NotImplementedError

    @staticmethod
    def put(store: ObjectStore, key: str, content: bytes, **options: object) -> StoredObject:
        return store.put(key, content, sha256=sha(content), **options)  # type: ignore[arg-type]

    def test_what_was_put_is_read_back(self, store: ObjectStore, tmp_path: Path) -> None:
        content = bytes(range(256)) * 10_000
        source = tmp_path / "source"
        source.write_bytes(content)
        stored = store.put("a/b", source, sha256=sha(content))
        assert (stored.key, stored.size) == ("a/b", len(content))
        assert (stored.locked_until, stored.legal_hold) == (None, False)
        chunks = list(store.read("a/b", stored.version))
        assert b"".join(chunks) == content
        assert max(map(len, chunks)) <= 1 << 20
        assert store.stat("a/b") == store.stat("a/b", stored.version)

    def test_a_part_is_read(self, store: ObjectStore) -> None:
        stored = self.put(store, "a", b"0123456789")
        assert b"".join(store.read("a", stored.version, offset=3, length=4)) == b"3456"
        assert b"".join(store.read("a", stored.version, offset=8)) == b"89"
        assert b"".join(store.read("a", stored.version, offset=10)) == b""
        with refused("bad_range"):
            store.read("a", stored.version, offset=11)

    def test_other_bytes_than_announced_leave_nothing(self, store: ObjectStore) -> None:
        with pytest.raises(Corrupt) as caught:
            store.put("a", b"other", sha256=sha(b"announced"))
        assert caught.value.code == "digest_mismatch"
        assert list(store.list("")) == []

    def test_the_same_bytes_again_are_the_same_version(self, store: ObjectStore, today: date) -> None:
        first = self.put(store, "a", b"x")
        again = self.put(store, "a", b"x", retain_until=today + timedelta(30))
        assert again.version == first.version
        assert again.locked_until == today + timedelta(30)
        earlier = self.put(store, "a", b"x", retain_until=today + timedelta(3))
        assert earlier.locked_until == today + timedelta(30)

    def test_other_bytes_at_a_key_are_refused(self, store: ObjectStore) -> None:
        first = self.put(store, "a", b"one")
        for content in (b"two", b"longer"):
            with refused("object_exists"):
                self.put(store, "a", content)
        assert read_all(store, "a", first.version) == b"one"

    def test_a_head_is_replaced(self, store: ObjectStore) -> None:
        first = self.put(store, "head", b"one", replace=True)
        second = self.put(store, "head", b"two", replace=True)
        assert second.version != first.version
        assert read_all(store, "head") == b"two"
        assert read_all(store, "head", second.version) == b"two"
        try:
            earlier = read_all(store, "head", first.version)
        except Refused as gone:
            earlier = gone.code.encode()
        assert earlier in {b"one", b"object_missing"}  # never the bytes of another version

    def test_a_locked_head_outlives_its_replacement(
        self, store: ObjectStore, today: date, travel: Callable[[date], None]
    ) -> None:
        until = today + timedelta(10)
        first = self.put(store, "t/head", b"one", replace=True, retain_until=until)
        second = self.put(store, "t/head", b"two", replace=True, retain_until=until)
        assert [(o.key, o.version) for o in store.list("t/")] == [
            ("t/head", first.version),
            ("t/head", second.version),
        ]
        assert read_all(store, "t/head", first.version) == b"one"
        assert store.stat("t/head").version == second.version
        with refused("object_locked"):
            store.delete("t/head", first.version)
        travel(until + timedelta(1))
        store.delete("t/head", first.version)
        assert read_all(store, "t/head", second.version) == b"two"
        store.delete("t/head", second.version)
        assert list(store.list("")) == []

    def test_missing_is_said(self, store: ObjectStore) -> None:
        stored = self.put(store, "a", b"x")
        for key, version in (("b", None), ("b", stored.version), ("a", "v99"), ("a/c", None)):
            with refused("object_missing"):
                store.stat(key, version)
            with refused("object_missing"):
                store.read(key, version)

    def test_listing_is_in_order_and_complete(self, store: ObjectStore) -> None:
        keys = ["a/b", "a.b", "a/b.c", "a-b", "a/c/d", "b", "ab/x", "a/b2/0=x_1.1"]
        for key in keys:
            self.put(store, key, key.encode())
        assert [o.key for o in store.list("")] == sorted(keys)
        assert [o.key for o in store.list("a/")] == sorted(k for k in keys if k.startswith("a/"))
        assert [o.key for o in store.list("a/b")] == sorted(k for k in keys if k.startswith("a/b"))
        assert [o.key for o in store.list("zz")] == []

    def test_a_lock_holds_until_its_last_day(
        self, store: ObjectStore, today: date, travel: Callable[[date], None]
    ) -> None:
        until = today + timedelta(400)
        stored = self.put(store, "a", b"x", retain_until=until)
        assert stored.locked_until == until == store.stat("a", stored.version).locked_until
        for day in (today, until):
            travel(day)
            with refused("object_locked"):
                store.delete("a", stored.version)
        travel(until + timedelta(1))
        store.delete("a", stored.version)
        with refused("object_missing"):
            store.stat("a")

    def test_a_lock_only_grows(self, store: ObjectStore, today: date) -> None:
        stored = self.put(store, "a", b"x", retain_until=today + timedelta(100))
        shorter = store.extend_lock("a", stored.version, today + timedelta(50))
        assert shorter.locked_until == today + timedelta(100)
        longer = store.extend_lock("a", stored.version, today + timedelta(150))
        assert longer.locked_until == today + timedelta(150)
        assert longer.version == stored.version
        assert read_all(store, "a", stored.version) == b"x"

    def test_a_far_lock_is_remembered(self, store: ObjectStore) -> None:
        assert self.put(store, "a", b"x", retain_until=date(2399, 12, 31)).locked_until == date(2399, 12, 31)

    def test_a_hold_forbids_destruction_whatever_the_date(
        self, store: ObjectStore, today: date, travel: Callable[[date], None]
    ) -> None:
        stored = self.put(store, "a", b"x", retain_until=today)
        assert store.hold("a", stored.version, on=True).legal_hold
        travel(today + timedelta(4000))
        with refused("object_locked"):
            store.delete("a", stored.version)
        assert not store.hold("a", stored.version, on=False).legal_hold
        store.delete("a", stored.version)
        assert list(store.list("")) == []

    def test_what_is_not_locked_can_go(self, store: ObjectStore) -> None:
        stored = self.put(store, "a/b/c", b"x")
        store.delete("a/b/c", stored.version)
        assert list(store.list("")) == []
        with refused("object_missing"):
            store.delete("a/b/c", stored.version)
