"""Locks follow retention, no further than the horizon, on files and on a real MinIO."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from archive.catalogue import rows as catalogue
from archive.database.tables import RecordRow, RepresentationRow, StoredFileRow
from archive.disposition import locks
from archive.disposition.locks import Locks
from archive.objects.layout import is_kept_for_ever
from archive.objects.local import LocalObjectStore
from archive.objects.minio import MinioObjectStore
from archive.objects.port import ObjectStore
from archive.retention.dates import FOREVER
from signing.ground.clock import utc_now
from signing.ground.errors import Unavailable
from tests.servers.buckets import S3Server
from tests.unit.archive.world import Make, Watch, World


def extended(world: World) -> locks.Extended:
    return Locks(world.database, world.store, world.clock, world.horizon).extend()


def overdue(world: World) -> int:
    with world.database.read() as session:
        return locks.overdue(session, world.clock().date(), world.horizon)


def locks_of(world: World, record: str) -> set[date | None]:
    """As the catalogue says and as the store says: they must agree."""
    with world.database.read() as session:
        rows = catalogue.rows(session, record)
    said = {row.locked_until for row in rows}
    assert said == {world.store.stat(row.key, row.version).locked_until for row in rows}
    return said


def retain(world: World, record: str, ends_on: date | None, final_action: str = "destroy", state: str = "kept") -> None:
    with world.database.write() as session:
        row = session.get_one(RecordRow, record)
        row.ends_on, row.final_action, row.state = ends_on, final_action, state


def check_a_horizon(world: World, watch: Watch, tmp_path: Path) -> None:
    """What is kept without an end: locked for the horizon, extended when half of it is left."""
    record = world.keep(tmp_path)
    retain(world, record, None)
    begun = world.clock().date()
    assert locks_of(world, record) == {begun + timedelta(400)}
    assert extended(world).records == 0
    watch.days = 200
    assert extended(world).records == 0  # it ends in 200 days exactly
    watch.days = 201
    done = extended(world)
    assert (done.records, done.failed) == (1, {})
    assert locks_of(world, record) == {begun + timedelta(201 + 400)}
    assert extended(world).records == 0


def test_what_has_no_end_is_always_locked(world: World, watch: Watch, tmp_path: Path) -> None:
    check_a_horizon(world, watch, tmp_path)


@pytest.mark.services
def test_what_has_no_end_is_always_locked_by_a_real_store(
    make: Make, tmp_path: Path, watch: Watch, minio: S3Server
) -> None:
    """The adapter keeps the true time: it locks nothing while its clock and the server's are far
    apart.
    """
    check_a_horizon(make(store=MinioObjectStore(minio.settings(), utc_now)), watch, tmp_path)


def test_a_lock_ends_with_retention(world: World, watch: Watch, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    ends = world.clock().date() + timedelta(450)
    retain(world, record, ends)
    watch.days = 300
    assert extended(world).records == 1
    assert locks_of(world, record) == {ends}
    watch.days = 440
    assert extended(world).records == 0
    assert overdue(world) == 0


@pytest.mark.parametrize(
    ("ends_in", "action", "state"),
    [(250, "destroy", "kept"), (None, "destroy", "disposed"), (None, "destroy", "transferred")],
)
def test_what_need_not_be_kept_is_not_locked_again(
    world: World, watch: Watch, tmp_path: Path, ends_in: int | None, action: str, state: str
) -> None:
    record = world.keep(tmp_path)
    before = locks_of(world, record)
    ends = world.clock().date() + timedelta(ends_in) if ends_in else None
    retain(world, record, ends, action, state)
    watch.days = 300
    assert extended(world).records == 0
    assert overdue(world) == 0
    assert locks_of(world, record) == before


def test_what_is_kept_for_ever_has_no_end_whatever_its_date(world: World, watch: Watch, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    retain(world, record, world.clock().date() + timedelta(250), "keep")
    watch.days = 300
    assert overdue(world) == 1
    assert extended(world).records == 1
    assert overdue(world) == 0


def test_without_a_horizon_the_whole_is_locked_at_once(make: Make, tmp_path: Path, watch: Watch) -> None:
    world = make(horizon=0)
    record = world.keep(tmp_path)
    retain(world, record, None)
    watch.days = 4000
    extended(world)
    assert locks_of(world, record) == {FOREVER}


def test_a_short_horizon_is_extended_at_its_half(make: Make, tmp_path: Path, watch: Watch) -> None:
    world = make(horizon=30)
    record = world.keep(tmp_path)
    retain(world, record, None)
    watch.days = 15
    assert extended(world).records == 0
    watch.days = 16
    assert extended(world).records == 1
    assert locks_of(world, record) == {world.clock().date() + timedelta(30)}


def test_the_journal_and_what_explains_the_store_stay_locked(world: World, watch: Watch, tmp_path: Path) -> None:
    world.keep(tmp_path)
    world.publisher.publish(force_token=True)
    watch.days = 250
    assert locks.is_overdue(world.store.stat("layout.json"), world.clock().date(), 400)
    done = extended(world)
    forever = [item for item in world.store.list("") if is_kept_for_ever(item.key)]
    assert {"layout.json", "journal/log-key.p7s"} <= {item.key for item in forever}
    assert done.published == len(forever) >= 4
    until = world.clock().date() + timedelta(400)
    assert {world.store.stat(item.key, item.version).locked_until for item in forever} == {until}
    assert world.store.stat("journal/checkpoint").locked_until is None  # a head
    assert not locks.is_overdue(world.store.stat("layout.json"), world.clock().date(), 400)
    assert extended(world).published == 0


class _Interrupted(LocalObjectStore):
    """Goes away after some extensions."""

    left = 10**9

    def extend_lock(self, key: str, version: str, until: date) -> object:  # type: ignore[override]
        if self.left == 0:
            raise Unavailable("store_away", "Le magasin ne répond pas.")
        self.left -= 1
        return super().extend_lock(key, version, until)


def test_a_run_that_was_cut_short_is_taken_up(make: Make, tmp_path: Path, watch: Watch) -> None:
    store = _Interrupted(tmp_path / "store", watch)
    world = make(store=store)
    records = [world.keep(tmp_path) for _ in range(3)]
    for record in records:
        retain(world, record, None)
    watch.days = 250
    assert overdue(world) == 3
    store.left = 20
    with pytest.raises(Unavailable):
        extended(world)
    assert 0 < overdue(world) < 3
    store.left = 10**9
    assert extended(world).failed == {}
    assert overdue(world) == 0
    until = world.clock().date() + timedelta(400)
    assert [locks_of(world, record) for record in records] == [{until}] * 3


def test_what_cannot_be_locked_is_told_and_stops_nothing_else(world: World, watch: Watch, tmp_path: Path) -> None:
    lost, sound = world.keep(tmp_path), world.keep(tmp_path)
    retain(world, lost, None)
    retain(world, sound, None)
    with world.database.read() as session:
        row = session.scalars(select(StoredFileRow).where(StoredFileRow.record_id == lost)).first()
    assert row is not None
    _destroy(world.store, tmp_path, row.key)
    watch.days = 250
    done = extended(world)
    assert (done.records, done.failed) == (1, {lost: "object_missing"})
    assert overdue(world) == 1
    assert locks_of(world, sound) == {world.clock().date() + timedelta(400)}


def _destroy(store: ObjectStore, home: Path, key: str) -> None:
    assert isinstance(store, LocalObjectStore)
    (home / "store" / key).unlink()


def test_more_records_than_a_batch_are_all_extended(
    world: World, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "BATCH", 2)
    records = [world.keep(tmp_path) for _ in range(5)]
    for record in records:
        retain(world, record, None)
    watch.days = 250
    assert extended(world).records == 5
    with world.database.read() as session:
        dates = set(session.scalars(select(RepresentationRow.locked_until)).all())
    assert dates == {world.clock().date() + timedelta(400)}
