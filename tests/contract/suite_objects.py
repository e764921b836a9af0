"""What every ObjectStore must do, whatever stands behind it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from archive.objects.port import ObjectStore, StoredObject, read_all
from signing.ground.errors import Corrupt, Refused


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.code == code


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


Brief = Callable[[str, bytes], tuple[StoredObject, Callable[[], None]]]
"""Puts a version whose lock ends soon; calling what comes with it returns when it has ended."""


class ObjectStoreContract:
    """A subclass gives ``store`` (empty), the store's ``today``, and ``brief`` (see ``Brief``)."""

    @pytest.fixture
    def store(self) -> ObjectStore:
        raise NotImplementedError

    @pytest.fixture
    def brief(self) -> Brief:
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

    def test_a_locked_head_outlives_its_replacement(self, store: ObjectStore, today: date, brief: Brief) -> None:
        first, first_ended = brief("t/head", b"one")
        second = self.put(store, "t/head", b"two", replace=True)
        assert [(o.key, o.version) for o in store.list("t/")] == [
            ("t/head", first.version),
            ("t/head", second.version),
        ]
        assert read_all(store, "t/head", first.version) == b"one"
        assert store.stat("t/head").version == second.version
        with refused("object_locked"):
            store.delete("t/head", first.version)
        first_ended()
        store.delete("t/head", first.version)
        assert read_all(store, "t/head", second.version) == b"two"
        store.delete("t/head", second.version)
        assert list(store.list("")) == []

    def test_heads_without_a_lock_do_not_pile_up(self, store: ObjectStore) -> None:
        for content in (b"one", b"two", b"three"):
            last = self.put(store, "head", content, replace=True)
        assert [o.version for o in store.list("")] == [last.version]

    def test_of_many_writers_of_one_key_one_wins(self, store: ObjectStore) -> None:
        def write(number: int) -> str:
            try:
                return self.put(store, "race", b"writer %d" % number).version
            except Refused as error:
                return error.code

        with ThreadPoolExecutor(8) as pool:
            ends = list(pool.map(write, range(8)))
        assert ends.count("object_exists") == 7
        assert len(list(store.list(""))) == 1

    def test_many_writers_of_the_same_bytes_make_one_version(self, store: ObjectStore, today: date) -> None:
        until = today + timedelta(9)
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: self.put(store, "same", b"x", retain_until=until), range(8)))
        assert len({item.version for item in made}) == 1
        assert {item.locked_until for item in made} == {until}
        assert len(list(store.list(""))) == 1

    def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        stored = self.put(store, "empty", b"")
        assert stored.size == 0
        assert read_all(store, "empty", stored.version) == b""
        assert b"".join(store.read("empty", stored.version, offset=0, length=5)) == b""
        with refused("bad_range"):
            store.read("empty", stored.version, offset=1)

    def test_a_large_object_is_whole_locked_and_adopted(self, store: ObjectStore, today: date, tmp_path: Path) -> None:
        block = random.Random(7).randbytes(1 << 20)
        source = tmp_path / "large"
        with source.open("wb") as target:
            for number in range(70):
                target.write(block[number:] + block[:number])
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        until = today + timedelta(30)
        stored = store.put("large", source, sha256=digest, retain_until=until)
        assert (stored.size, stored.locked_until) == (70 << 20, until)
        again = hashlib.sha256()
        for chunk in store.read("large", stored.version):
            again.update(chunk)
        assert again.hexdigest() == digest
        part = b"".join(store.read("large", stored.version, offset=(64 << 20) - 3, length=6))
        assert part == (block[63:] + block[:63])[-3:] + (block[64:] + block[:64])[:3]
        assert store.put("large", source, sha256=digest) == stored
        with pytest.raises(Corrupt):
            store.put("other", source, sha256=sha(b"announced"))
        with refused("object_exists"):
            source.write_bytes(b"x" * (70 << 20))
            store.put("large", source, sha256=hashlib.sha256(b"x" * (70 << 20)).hexdigest())
        assert [o.key for o in store.list("")] == ["large"]

    def test_missing_is_said(self, store: ObjectStore) -> None:
        stored = self.put(store, "a", b"x")
        for key, version in (("b", None), ("b", stored.version), ("a", "v99"), ("a/c", None)):
            with refused("object_missing"):
                store.stat(key, version)
            with refused("object_missing"):
                store.read(key, version)

    def test_listing_is_in_order_and_complete(self, store: ObjectStore) -> None:
        keys = ["a/urn%3auuid%3a1/x", "a/b", "a.b", "a/b.c", "a-b", "a/c/d", "b", "ab/x", "a/b2/0=x_1.1"]
        for key in keys:
            self.put(store, key, key.encode())
        assert [o.key for o in store.list("")] == sorted(keys)
        assert [o.key for o in store.list("a/")] == sorted(k for k in keys if k.startswith("a/"))
        assert [o.key for o in store.list("a/b")] == sorted(k for k in keys if k.startswith("a/b"))
        assert [o.key for o in store.list("zz")] == []

    def test_a_lock_holds(self, store: ObjectStore, today: date) -> None:
        for days in (0, 1, 400):
            until = today + timedelta(days)
            stored = self.put(store, f"a{days}", b"x", retain_until=until)
            assert stored.locked_until == until == store.stat(f"a{days}", stored.version).locked_until
            with refused("object_locked"):
                store.delete(f"a{days}", stored.version)
            assert read_all(store, f"a{days}", stored.version) == b"x"

    def test_a_lock_ends(self, store: ObjectStore, brief: Brief) -> None:
        stored, ended = brief("a", b"x")
        with refused("object_locked"):
            store.delete("a", stored.version)
        ended()
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

    def test_a_hold_forbids_destruction_whatever_the_date(self, store: ObjectStore, brief: Brief) -> None:
        stored, ended = brief("a", b"x")
        assert store.hold("a", stored.version, on=True).legal_hold
        assert store.stat("a", stored.version).legal_hold
        ended()
        with refused("object_locked"):
            store.delete("a", stored.version)
        assert not store.hold("a", stored.version, on=False).legal_hold
        store.delete("a", stored.version)
        assert list(store.list("")) == []

    def test_a_hold_needs_no_lock_and_changes_none(self, store: ObjectStore, today: date) -> None:
        free = self.put(store, "free", b"x")
        assert store.hold("free", free.version, on=True) == replace(free, legal_hold=True)
        with refused("object_locked"):
            store.delete("free", free.version)
        until = today + timedelta(20)
        stored = self.put(store, "locked", b"x", retain_until=until)
        assert store.hold("locked", stored.version, on=True).locked_until == until
        assert store.extend_lock("locked", stored.version, until + timedelta(1)).legal_hold
        assert store.hold("locked", stored.version, on=False).locked_until == until + timedelta(1)

    def test_what_is_not_there_cannot_be_guarded(self, store: ObjectStore, today: date) -> None:
        stored = self.put(store, "a", b"x")
        for key, version in (("b", stored.version), ("a", "v99")):
            for act in (
                lambda k, v: store.extend_lock(k, v, today + timedelta(5)),
                lambda k, v: store.hold(k, v, on=True),
                store.delete,
            ):
                with refused("object_missing"):
                    act(key, version)
        assert store.stat("a", stored.version) == stored

    def test_what_is_not_locked_can_go(self, store: ObjectStore) -> None:
        stored = self.put(store, "a/b/c", b"x")
        store.delete("a/b/c", stored.version)
        assert list(store.list("")) == []
        with refused("object_missing"):
            store.delete("a/b/c", stored.version)
