"""Records made under a wrong clock: in doubt with the reason, or explained, and never altered."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from archive.database.time_sense import TimeSense
from archive.evidence import verify
from archive.evidence.bundle import verify_bundle
from archive.journal.corrections import confirm
from signing.authority import ensure_generated
from signing.ground.clock import utc_now
from tests.servers.postgres import Databases
from tests.unit.archive.world import World

AWAY = timedelta(days=20)


class Clock:
    """The clock of the service, which a test moves."""

    def __init__(self) -> None:
        self.off = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.off


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(tmp_path: Path, databases: Databases, clock: Clock) -> World:
    keys = tmp_path / "keys"
    ensure_generated(keys, organisation="Commune de Test")
    return World(tmp_path / "world", keys, databases, clock=clock)


def judged(world: World, record: str, folder: Path) -> tuple[str, list[verify.Check]]:
    path = folder / "bundle.zip"
    path.write_bytes(world.bundle(record))
    checks = verify.Verifier(path, verify.read_trust(world.trust()), utc_now()).run()
    return verify.verdict_of(checks), [check for check in checks if check.name == "clock"]


@pytest.mark.parametrize("off", [AWAY, 365 * timedelta(days=1), 3650 * timedelta(days=1)], ids=str)
def test_entries_later_than_the_token_are_in_doubt_and_not_altered(
    world: World, clock: Clock, tmp_path: Path, off: timedelta
) -> None:
    clock.off = off
    record = world.keep(tmp_path, archival=False)
    clock.off = timedelta(0)
    verdict, (line,) = judged(world, record, tmp_path)
    assert verdict == "unverifiable"
    assert "wrong clock" in line.detail


def test_a_correction_that_names_them_explains_them(world: World, clock: Clock, tmp_path: Path) -> None:
    sense = TimeSense(world.database, clock)
    sense.look()
    before = world.keep(tmp_path, archival=False)
    clock.off = 365 * timedelta(days=1)
    record = world.keep(tmp_path, archival=False)
    assert not sense.look().trusted
    clock.off = timedelta(0)
    correction = confirm(world.database, world.ledger, clock, sense, agent="user:1")
    verdict, (line,) = judged(world, record, tmp_path)
    assert verdict == "intact"
    assert line.verdict == "intact"
    assert f"confirmed by {correction.n}" in line.detail
    assert judged(world, before, tmp_path) == ("intact", []), "a record of a right clock hears nothing of it"
    later = world.keep(tmp_path, archival=False)
    assert judged(world, later, tmp_path) == ("intact", [])


def test_what_a_page_says_of_a_wrong_clock_is_about_time(world: World, clock: Clock, tmp_path: Path) -> None:
    clock.off = AWAY
    record = world.keep(tmp_path, archival=False)
    clock.off = timedelta(0)
    assert judged(world, record, tmp_path)[0] == "unverifiable"
    found = verify_bundle(tmp_path / "bundle.zip", trust=world.trust())
    (line,) = [one for one in found["checks"] if one["verdict"] == "unverifiable"]
    assert line["detail"].startswith("Rien n’établit ici quand cela fut écrit (")


def test_a_clock_that_went_back_is_seen_in_the_order_of_entries(world: World, clock: Clock, tmp_path: Path) -> None:
    sense = TimeSense(world.database, clock)
    sense.look()
    clock.off = AWAY
    sense.look()
    package = world.package(tmp_path, archival=False)
    clock.off = timedelta(0)
    from archive.holdings.keep import keep

    record = keep(world.stores, package, lambda _session, _kept: None).record_id
    verdict, (line,) = judged(world, record, tmp_path)
    assert verdict == "unverifiable"
    assert "wrong clock" in line.detail
    assert not sense.look().trusted
    confirm(world.database, world.ledger, clock, sense, agent="user:1")
    assert judged(world, record, tmp_path)[0] == "intact"


def test_a_reader_whose_own_clock_is_behind_is_told_so(world: World, tmp_path: Path) -> None:
    record = world.keep(tmp_path, archival=False)
    path = tmp_path / "bundle.zip"
    path.write_bytes(world.bundle(record))
    checks = verify.Verifier(path, verify.read_trust(world.trust()), utc_now() - AWAY).run()
    assert "altered" not in {check.verdict for check in checks}
    assert any("this machine's clock" in check.detail for check in checks if check.verdict == "unverifiable")
