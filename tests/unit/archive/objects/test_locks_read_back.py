"""A lock is what the store says that it is: one that ends a day too soon makes no record."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.database.tables import RecordRow
from archive.holdings.describe import describe
from archive.objects import layout
from archive.objects import ocfl_versions as versions
from archive.objects.local import LocalObjectStore
from archive.objects.ocfl_versions import Planned, Stored, Version
from archive.objects.port import StoredObject
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt
from tests.unit.archive.world import Make, Watch

DAY = timedelta(days=1)
UNTIL = date(2027, 3, 12)
RECORD = "0197c2f0-0000-7000-8000-000000000001"


def written(store: LocalObjectStore, clock: Clock) -> Version:
    return versions.write(
        store,
        layout.record_folder("demo", RECORD),
        [Planned.of("original.pdf", b"%PDF"), Planned.of("record.json", b"{}")],
        until=UNTIL,
        created=clock(),
        message="Keep",
    )


def code(store: LocalObjectStore, version: Version, until: date) -> str | None:
    try:
        versions.read_back(store, version, until)
    except Corrupt as error:
        return error.code
    return None


@pytest.mark.parametrize(
    ("lock", "verdict"),
    [
        (None, "lock_missing"),
        (UNTIL - 365 * DAY, "lock_missing"),
        (UNTIL - DAY, "lock_missing"),
        (UNTIL, None),
        (UNTIL + DAY, None),
    ],
)
@pytest.mark.parametrize("which", ["inventory.json", "inventory.json.sha512", "v1/content/original.pdf"])
def test_each_object_is_locked_to_the_day(
    store: LocalObjectStore, clock: Clock, which: str, lock: date | None, verdict: str | None
) -> None:
    version = written(store, clock)
    key = version.folder.key(which)
    one = version.stored[key]
    version.stored[key] = Stored(replace(one.object, locked_until=lock), one.sha256)
    assert code(store, version, UNTIL) == verdict


def test_each_object_is_read_again(store: LocalObjectStore, clock: Clock) -> None:
    version = written(store, clock)
    assert code(store, version, UNTIL) is None
    for key, one in version.stored.items():
        other = Stored(one.object, "0" * 64)
        assert code(store, replace(version, stored=version.stored | {key: other}), UNTIL) == "altered", key


def test_a_version_that_a_crash_left_is_locked_to_the_day_that_is_asked_for_now(
    store: LocalObjectStore, clock: Clock
) -> None:
    version = written(store, clock)
    later = UNTIL + 90 * DAY
    again = versions.finish(store, version.folder, version.inventory, until=later)
    assert set(again.stored) == set(version.stored)
    assert {store.stat(key).locked_until for key in again.stored} == {later}
    assert code(store, again, later) is None


class Hasty(LocalObjectStore):
    """Locks whatever it is given for one day less, once it is told to."""

    hasty = True

    def put(self, key: str, source: Any, *, retain_until: date | None = None, **options: Any) -> StoredObject:
        if self.hasty and retain_until is not None and key.startswith("tenants/"):
            retain_until -= DAY
        return super().put(key, source, retain_until=retain_until, **options)


def test_a_store_that_locks_for_a_day_less_keeps_nothing(make: Make, watch: Watch, tmp_path: Path) -> None:
    world = make(store=Hasty(tmp_path / "store", watch))
    with pytest.raises(Corrupt, check=lambda error: error.code == "lock_missing"):
        world.keep(tmp_path)
    with world.database.read() as session:
        assert session.query(RecordRow).count() == 0


def test_a_store_that_locks_for_a_day_less_takes_no_description(make: Make, watch: Watch, tmp_path: Path) -> None:
    store = Hasty(tmp_path / "store", watch)
    store.hasty = False
    world = make(store=store)
    record = world.keep(tmp_path)
    store.hasty = True
    with pytest.raises(Corrupt, check=lambda error: error.code == "lock_missing"):
        describe(world.stores, "demo", record, {"title": "Autre"}, agent="user:1", expected_revision=1)
    with world.database.read() as session:
        row = session.get_one(RecordRow, record)
    assert (row.revision, row.title) == (1, "Délibération n° 12")
