"""What is lawfully gone is not worked on any more, and nothing is built upon what was altered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archive.custody.replica.restore import Restoring
from archive.database.tables import RecordRow, VerificationRow
from archive.holdings.describe import describe
from archive.holdings.verify import verify
from archive.objects import layout
from archive.objects.local import LocalObjectStore
from signing.ground.errors import Corrupt, Refused
from tests.holdings import alter
from tests.unit.archive.world import World


def dispose(world: World, record: str, state: str) -> None:
    with world.database.write() as session:
        session.get_one(RecordRow, record).state = state


def test_what_was_handed_over_is_verified_and_not_described(world: World, tmp_path: Path) -> None:
    """It is no longer ours to change; its bytes are here, and read."""
    record = world.keep(tmp_path)
    dispose(world, record, "transferred")
    with pytest.raises(Refused, check=lambda error: error.code == "record_not_kept"):
        describe(world.stores, "demo", record, {"title": "x"}, agent="user:1", expected_revision=1)
    assert verify(world.stores, "demo", record).verdict.value == "intact"


def test_what_is_gone_is_neither_described_nor_verified_nor_restored(world: World, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    dispose(world, record, "disposed")
    copy = LocalObjectStore(tmp_path / "nas", world.clock)
    restoring = Restoring(world.database, world.ledger, world.store, copy, tmp_path, world.clock)
    for act in (
        lambda: describe(world.stores, "demo", record, {"title": "x"}, agent="user:1", expected_revision=1),
        lambda: verify(world.stores, "demo", record),
        lambda: restoring.record("demo", record, agent="service:cli"),
    ):
        with pytest.raises(Refused, check=lambda error: error.code == "record_not_kept"):
            act()
    with world.database.read() as session:
        assert session.get_one(RecordRow, record).revision == 1
        assert session.query(VerificationRow).count() == 0


def altered_in_place(content: bytes) -> bytes:
    return content.replace(b"Keep", b"Kept").replace("Délibération".encode(), b"Deliberation  ")


@pytest.mark.parametrize("name", ["v1/inventory.json", "v1/content/metadata/record.json"])
def test_no_description_is_written_upon_what_was_altered(world: World, tmp_path: Path, name: str) -> None:
    """What lies there is as well formed as what was kept, and is not what was kept."""
    record = world.keep(tmp_path)
    root = tmp_path / "store" / layout.record_folder("demo", record).root
    before = (root / name).read_bytes()
    alter(root / name, altered_in_place)
    assert len((root / name).read_bytes()) == len(before)
    assert json.loads((root / name).read_bytes()) != json.loads(before)
    with pytest.raises(Corrupt, check=lambda error: error.code == "altered"):
        describe(world.stores, "demo", record, {"title": "x"}, agent="user:1", expected_revision=1)
    assert not (root / "v2").exists()


def test_no_description_is_written_upon_what_is_missing(world: World, tmp_path: Path) -> None:
    record = world.keep(tmp_path)
    (tmp_path / "store" / layout.record_folder("demo", record).root / "v1/inventory.json").unlink()
    with pytest.raises(Corrupt, check=lambda error: error.code == "missing"):
        describe(world.stores, "demo", record, {"title": "x"}, agent="user:1", expected_revision=1)
