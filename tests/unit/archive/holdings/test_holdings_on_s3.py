"""Records in real buckets: kept, served, and found out when somebody touched what lies there."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from minio.commonconfig import Tags
from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.database.tables import RepresentationRow
from archive.holdings.checks import Aspect
from archive.holdings.describe import describe
from archive.holdings.guards import HOLD, LOCKS
from archive.holdings.keep import Kept, keep
from archive.holdings.open import open_form
from archive.holdings.restore_guards import restore_guards
from archive.holdings.verify import verify
from archive.model.settings import S3Store
from archive.objects.fixity import Fixity
from archive.objects.layout import CHECKPOINT
from archive.objects.minio import MinioObjectStore
from signing.ground.clock import utc_now
from signing.ground.errors import Unavailable
from tests.servers.buckets import S3Server
from tests.servers.postgres import Databases
from tests.unit.archive.world import World

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def databases(migrated_file: Path) -> Databases:
    """SQLite alone: this is about the stores."""
    return Databases(None, migrated_file)


@pytest.fixture(params=["minio", "seaweedfs"])
def server(request: pytest.FixtureRequest) -> S3Server:
    running: S3Server = request.getfixturevalue(request.param)
    return running


@pytest.fixture
def settings(server: S3Server) -> S3Store:
    return server.settings()


@pytest.fixture
def world(tmp_path: Path, keys: Path, databases: Databases, settings: S3Store) -> World:
    return World(tmp_path, keys, databases, store=MinioObjectStore(settings, utc_now))


def verdicts(world: World, record: str) -> dict[str, tuple[Fixity, str]]:
    return {check.name: (check.verdict, check.detail) for check in verify(world.stores, "demo", record).checks}


def original(world: World, record: str) -> RepresentationRow:
    with world.database.read() as session:
        return catalogue.representation(session, "demo", record, "original")


def test_a_record_is_kept_locked_described_and_intact(world: World, tmp_path: Path, settings: S3Store) -> None:
    record = world.keep(tmp_path)
    found = verify(world.stores, "demo", record)
    assert found.verdict is Fixity.INTACT, found.as_json()
    describe(world.stores, "demo", record, {"title": "Autre"}, agent="user:1", expected_revision=1)
    found = verify(world.stores, "demo", record)
    assert found.verdict is Fixity.INTACT, found.as_json()
    with world.database.read() as session:
        rows = catalogue.rows(session, record)
    until = utc_now().date() + timedelta(400)
    assert {world.store.stat(row.key, row.version).locked_until for row in rows} == {until}
    heads = [item.key for item in world.store.list("tenants/") if item.key.endswith("%3a" + record + "/inventory.json")]
    assert len(heads) == 2  # one for each version of the object
    assert world.bundle(record)


class _Interrupted(MinioObjectStore):
    """Goes away after some writes."""

    left = 10**9

    def put(self, *args: Any, **options: Any) -> Any:
        if self.left == 0:
            raise Unavailable("store_away", "Le magasin ne répond pas.")
        self.left -= 1
        return super().put(*args, **options)


def test_what_a_crash_left_is_adopted_version_by_version(
    tmp_path: Path, keys: Path, databases: Databases, settings: S3Store
) -> None:
    """Locked bytes can't be taken back: a retry that wrote them again would leave versions that
    nobody announced.
    """
    store = _Interrupted(settings, utc_now)
    world = World(tmp_path, keys, databases, store=store)
    package = world.package(tmp_path)

    def nothing(_session: Session, _kept: Kept) -> None: ...

    for left in (1, 4, 9, 11, 5, 7):  # the last two when only its end is missing
        store.left = left
        with pytest.raises(Unavailable):
            keep(world.stores, package, nothing)
    store.left = 10**9
    record = keep(world.stores, package, nothing).record_id
    listed = [item.key for item in store.list("tenants/")]
    assert len(set(listed)) == len(listed)
    assert verify(world.stores, "demo", record).verdict is Fixity.INTACT


@pytest.mark.parametrize("damage", ["overwritten", "hidden"])
def test_a_damaged_published_journal_accuses_no_bytes(
    world: World, server: S3Server, settings: S3Store, tmp_path: Path, damage: str
) -> None:
    record = world.keep(tmp_path)
    world.publisher.publish()
    assert verify(world.stores, "demo", record).is_whole
    if damage == "overwritten":
        server.client().put_object(settings.bucket, CHECKPOINT, io.BytesIO(b"other"), 5)
    else:
        server.client().remove_object(settings.bucket, CHECKPOINT)
    found = verify(world.stores, "demo", record)
    assert (found.verdict, found.of(Aspect.JOURNAL)) == (Fixity.INTACT, Fixity.ALTERED), found.as_json()


Touch = Callable[[S3Server, S3Store, RepresentationRow], None]


def _overwrite(server: S3Server, settings: S3Store, row: RepresentationRow) -> None:
    server.client().put_object(settings.bucket, row.key, io.BytesIO(b"other"), 5)


def _hide(server: S3Server, settings: S3Store, row: RepresentationRow) -> None:
    server.client().remove_object(settings.bucket, row.key)


@pytest.mark.parametrize("touch", [_overwrite, _hide])
def test_what_lies_over_a_kept_version_is_found_out_and_never_served(
    world: World, server: S3Server, settings: S3Store, tmp_path: Path, touch: Touch
) -> None:
    record = world.keep(tmp_path)
    row = original(world, record)
    touch(server, settings, row)
    found = verdicts(world, record)
    assert found["Original"][0] is Fixity.INTACT  # the pinned version is what it was
    verdict, detail = found["Inventaire"]
    assert verdict is Fixity.ALTERED
    assert "original/original.pdf" in detail
    assert b"".join(open_form(world.stores, _record(world, record), "original")[1]).startswith(b"%PDF")


def _record(world: World, record: str):  # type: ignore[no-untyped-def]
    with world.database.read() as session:
        return catalogue.get(session, "demo", record)


def test_a_hold_that_somebody_lifted_in_the_store_is_found_out(
    world: World, server: S3Server, settings: S3Store, tmp_path: Path
) -> None:
    record = world.keep(tmp_path)
    row = original(world, record)
    assert world.store.hold(row.key, row.version, on=True).legal_hold
    with world.database.write() as session:
        session.get_one(RepresentationRow, (record, "original")).legal_hold = True
    assert verdicts(world, record)["Original"][0] is Fixity.INTACT
    server.client().disable_object_legal_hold(settings.bucket, row.key, version_id=row.version)
    found = verdicts(world, record)
    assert found["Original"][0] is Fixity.INTACT, "no byte changed"
    verdict, detail = found[HOLD]
    assert verdict is Fixity.MISSING
    assert "original/original.pdf" in detail


def test_a_lock_that_somebody_shortened_is_found_out(
    server: S3Server, tmp_path: Path, keys: Path, databases: Databases
) -> None:
    """Only where the store lets it: in a bucket without Object Lock, where the dates are tags."""
    settings = server.settings()
    server.client().make_bucket(settings.bucket)
    world = World(tmp_path, keys, databases, store=MinioObjectStore(settings, utc_now))
    record = world.keep(tmp_path)
    assert verify(world.stores, "demo", record).verdict is Fixity.INTACT
    row = original(world, record)
    tags = Tags.new_object_tags()
    tags["chartrier-retain-until"] = (utc_now().date() + timedelta(1)).isoformat()
    server.client().set_object_tags(settings.bucket, row.key, tags, version_id=row.version)
    found = verdicts(world, record)
    assert found["Original"][0] is Fixity.INTACT, "no byte changed"
    verdict, detail = found[LOCKS]
    assert verdict is Fixity.MISSING
    assert "original/original.pdf" in detail
    assert restore_guards(world.stores, "demo", record)
    assert verdicts(world, record)[LOCKS][0] is Fixity.INTACT
    assert world.store.stat(row.key, row.version).locked_until == row.locked_until
