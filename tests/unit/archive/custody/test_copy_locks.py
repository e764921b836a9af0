"""A second copy counts only with the lock and the hold that it should have, to the day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from archive.catalogue import rows as catalogue
from archive.custody.findings import Findings
from archive.custody.replica.check import CopyCheck
from archive.custody.replica.restore import Restoring
from archive.custody.replica.sync import Copies
from archive.database.tables import CopyRow, JournalEntryRow
from archive.objects.local import LocalObjectStore
from archive.objects.port import StoredObject
from signing.ground.errors import Corrupt
from tests.holdings import alter, flipped, guard_pinned
from tests.unit.archive.world import Make, Watch, World

DAY = timedelta(days=1)


class Lax(LocalObjectStore):
    """A real store that locks ``short`` of what it is asked for, and does not hold while it is
    ``loose``.
    """

    short = timedelta()
    loose = False

    def put(self, key: str, source: Any, *, retain_until: date | None = None, **options: Any) -> StoredObject:
        until = retain_until - self.short if retain_until is not None else None
        return super().put(key, source, retain_until=until, **options)

    def extend_lock(self, key: str, version: str, until: date) -> StoredObject:
        return super().extend_lock(key, version, until - self.short)

    def hold(self, key: str, version: str, *, on: bool) -> StoredObject:
        return self.stat(key, version) if self.loose else super().hold(key, version, on=on)


class Pair:
    """A record, and a second store beside the first."""

    def __init__(self, world: World, store: Lax, folder: Path, clock: Watch) -> None:
        self.world, self.store, self.copy, self.folder = world, store, Lax(folder / "nas", clock), folder
        self.record = world.keep(folder)

    def copied(self) -> set[tuple[str, str, str]]:
        """Bring the copy in step; what was found wrong on the way."""
        return self._found(lambda w, found: Copies(w.database, w.store, self.copy, self.folder, w.clock).whole(found))

    def checked(self) -> set[tuple[str, str, str]]:
        return self._found(lambda w, found: CopyCheck(w.database, self.copy, w.clock).run(found))

    def _found(self, work: Any) -> set[tuple[str, str, str]]:
        findings = Findings()
        work(self.world, findings)
        return {(one["kind"], one["place"], one["detail"]) for one in findings.as_json()["findings"]}

    def paired(self) -> dict[str, CopyRow]:
        with self.world.database.read() as session:
            rows = session.scalars(select(CopyRow).where(CopyRow.record_id == self.record))
            return {row.key: row for row in rows}

    def original(self) -> catalogue.Placed:
        with self.world.database.read() as session:
            return next(item for item in catalogue.placed(session, self.record) if item.kind == "original")

    def restored(self) -> list[str]:
        w = self.world
        work = Restoring(w.database, w.ledger, w.store, self.copy, self.folder, w.clock)
        return [one.store for one in work.record("demo", self.record, agent="service:cli")]

    def damaged(self, store: LocalObjectStore) -> None:
        alter(store._path(self.original().key), flipped)

    def entries(self, kind: str) -> int:
        with self.world.database.read() as session:
            query = select(func.count()).select_from(JournalEntryRow).where(JournalEntryRow.type == kind)
            return session.scalar(query) or 0


@pytest.fixture
def pair(make: Make, watch: Watch, tmp_path: Path) -> Pair:
    store = Lax(tmp_path / "store", watch)
    return Pair(make(store=store), store, tmp_path, watch)


LOCK = {("changed", "copy", "lock")}


@pytest.mark.parametrize("short", [DAY, 400 * DAY], ids=["a day", "all of it"])
def test_a_copy_that_is_locked_too_short_is_no_copy(pair: Pair, short: timedelta) -> None:
    pair.copy.short = short
    assert pair.copied() == LOCK
    assert pair.paired() == {}
    pair.copy.short = timedelta()
    assert pair.copied() == set()
    assert {row.locked_until for row in pair.paired().values()} == {pair.original().locked_until}


def pinned(pair: Pair) -> Sequence[Any]:
    with pair.world.database.read() as session:
        return catalogue.rows(session, pair.record)


def test_a_copy_of_what_is_held_is_no_copy_unless_it_is_held(pair: Pair) -> None:
    item = pair.original()
    guard_pinned(pair.world.database, pinned(pair), partial(pair.store.hold, on=True))
    pair.copy.loose = True
    assert pair.copied() == LOCK
    assert pair.paired() == {}
    pair.copy.loose = False
    assert pair.copied() == set()
    assert pair.copy.stat(item.key).legal_hold


def test_a_copy_whose_lock_does_not_follow_to_the_day_is_told(pair: Pair) -> None:
    assert pair.copied() == set()
    before = pair.original()
    assert before.locked_until is not None
    later = before.locked_until + 30 * DAY
    guard_pinned(pair.world.database, pinned(pair), partial(pair.store.extend_lock, until=later))
    pair.copy.short = DAY
    assert pair.copied() == LOCK
    assert pair.paired()[before.key].locked_until == before.locked_until, "nothing is claimed that is not so"
    pair.copy.short = timedelta()
    assert pair.copied() == set()
    assert pair.paired()[before.key].locked_until == later


def test_a_check_finds_a_lock_that_lost_a_day(pair: Pair) -> None:
    pair.copied()
    assert pair.checked() == set()
    with pair.world.database.write() as session:
        row = session.scalars(select(CopyRow).where(CopyRow.key == pair.original().key)).one()
        row.locked_until += DAY
    assert pair.checked() == {("unguarded", "copy", "lock")}
    assert pair.paired()[pair.original().key].verdict == "intact", "no byte changed"
    assert pair.copied() == set()
    assert pair.checked() == set(), "it was set again"


@pytest.mark.parametrize("which", ["first", "second"])
def test_what_is_put_back_counts_only_with_its_whole_lock(pair: Pair, which: str) -> None:
    pair.copied()
    damaged = pair.store if which == "first" else pair.copy
    pair.damaged(damaged)
    before = pair.original()
    damaged.short = DAY
    with pytest.raises(Corrupt, check=lambda error: error.code == "lock_missing"):
        pair.restored()
    assert pair.original() == before, "the catalogue rests on what it rested on"
    assert pair.entries("ObjectRestored") == 0
    damaged.short = timedelta()
    assert pair.restored() == [which]
    assert pair.entries("ObjectRestored") == 1
    lock = damaged.stat(before.key).locked_until
    assert lock is not None
    assert lock >= (before.locked_until or date.max)
