"""The contract over local files, and what is particular to them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from archive.objects.local import LocalObjectStore
from archive.objects.port import Assurance, StoredObject, Unreadable, read_all
from signing.ground.errors import Refused, Unavailable
from tests.contract.suite_objects import Brief, ObjectStoreContract, refused, sha

TODAY = date(2026, 11, 24)


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.day = TODAY

    def __call__(self) -> datetime:
        return datetime.combine(self.day, time(23, 59, 59), UTC)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


class TestLocalObjects(ObjectStoreContract):
    @pytest.fixture
    def store(self, root: Path, watch: Watch) -> LocalObjectStore:
        return LocalObjectStore(root, watch)

    @pytest.fixture
    def today(self) -> date:
        return TODAY

    @pytest.fixture
    def brief(self, store: LocalObjectStore, watch: Watch) -> Brief:
        def put(key: str, content: bytes) -> tuple[StoredObject, Callable[[], None]]:
            stored = store.put(key, content, sha256=sha(content), retain_until=watch.day)

            def ended() -> None:
                watch.day = TODAY + timedelta(1)

            return stored, ended

        return put


def test_a_lock_holds_until_its_last_day(root: Path, watch: Watch) -> None:
    store = LocalObjectStore(root, watch)
    until = TODAY + timedelta(400)
    stored = store.put("a", b"x", sha256=sha(b"x"), retain_until=until)
    for day in (TODAY, until):
        watch.day = day
        with refused("object_locked"):
            store.delete("a", stored.version)
    watch.day = until + timedelta(1)
    store.delete("a", stored.version)
    with refused("object_missing"):
        store.stat("a")


def test_it_claims_no_more_than_it_can(root: Path, watch: Watch) -> None:
    assert LocalObjectStore(root, watch).assurance is Assurance.ADVISORY


def test_a_locked_file_is_read_only_and_dated(root: Path, watch: Watch) -> None:
    LocalObjectStore(root, watch).put("t/a", b"x", sha256=sha(b"x"), retain_until=date(2036, 12, 31))
    state = (root / "t/a").stat()
    assert stat.S_IMODE(state.st_mode) == 0o444
    assert datetime.fromtimestamp(state.st_mtime, UTC) == datetime(2036, 12, 31, tzinfo=UTC)
    assert sorted(p.name for p in root.rglob("*") if p.is_file()) == ["a"]  # nothing beside it


def test_an_unlocked_object_written_at_midnight_is_not_locked(root: Path) -> None:
    store = LocalObjectStore(root, lambda: datetime(2026, 11, 24, tzinfo=UTC))
    assert store.put("a", b"x", sha256=sha(b"x")).locked_until is None


def test_keys_cannot_leave_the_store(root: Path, watch: Watch) -> None:
    store = LocalObjectStore(root, watch)
    outside = ["../x", "a/../../x", "/x", "a//b", "", "a/./b", "é", "a\0b"]
    for key in [*outside, "holds/a", "superseded/a/v1", ".writing/x"]:
        with pytest.raises(ValueError, match="not a key"):
            store.put(key, b"x", sha256=sha(b"x"))


def test_a_writer_that_died_between_two_steps_of_a_replacement_changed_nothing(
    root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalObjectStore(root, watch)
    first = store.put("h", b"one", sha256=sha(b"one"), replace=True, retain_until=date(2030, 1, 1))

    def dies(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        store.put("h", b"two", sha256=sha(b"two"), replace=True, retain_until=date(2030, 1, 1))
    monkeypatch.undo()
    assert [o.version for o in store.list("")] == [first.version]
    second = store.put("h", b"two", sha256=sha(b"two"), replace=True, retain_until=date(2030, 1, 1))
    assert read_all(store, "h", first.version) == b"one"
    assert read_all(store, "h", second.version) == b"two"


def test_a_store_that_cannot_be_written_is_away_not_wrong(
    root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalObjectStore(root, watch)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable) as caught:
        store.put("a", b"x", sha256=sha(b"x"))
    assert caught.value.code == "store_away"
    monkeypatch.undo()
    with pytest.raises(Refused):
        store.stat("a")


def test_a_sector_that_the_disk_cannot_read_is_told_of_its_file_alone(root: Path, watch: Watch) -> None:
    """The kernel answers a read of this file with the error of a failing disk."""
    store = LocalObjectStore(root, watch)
    store.put("a", b"", sha256=sha(b""))
    (root / "a").unlink()
    (root / "a").symlink_to("/proc/self/mem")
    with pytest.raises(Unreadable, check=lambda error: error.values["key"] == "a"):
        read_all(store, "a")
    with pytest.raises(Unreadable):
        store.put("a", b"", sha256=sha(b""))
    store.put("a", b"", sha256=sha(b""), replace=True)
    assert read_all(store, "a") == b""
