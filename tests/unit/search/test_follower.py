"""The follower on a real database and a real index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from archive.objects.port import unreadable
from search.engines.elastic import ElasticIndex
from search.engines.elastic_link import Link
from search.engines.tantivy import TantivyIndex
from search.follower import Follower
from signing.ground.errors import Refused, Unavailable
from tests.servers.postgres import Databases
from tests.servers.process import free_port
from tests.unit.search.town import TOWNS, Town


@pytest.fixture
def town(tmp_path: Path, databases: Databases) -> Iterator[Town]:
    made = Town(tmp_path, databases)
    yield made
    made.index.close()
    made.database.dispose()


def test_kept_records_are_found_in_their_tenant(town: Town) -> None:
    town.note("RecordKept", "r1")
    last = town.note("RecordKept", "r2", "aubusson")
    town.note("DepositReceived", "d1")
    assert town.follower.lag() == {"felletin": 1, "aubusson": 1}
    assert town.follower.step() == 2
    assert town.follower.step() == 0
    assert (town.found("voirie"), town.found("voirie", "aubusson")) == (["r1"], ["r2"])
    assert (town.index.position("felletin"), town.index.position("aubusson")) == (0, last)
    assert town.follower.lag() == {}


def test_described_records_are_shown_as_they_are_now_and_destroyed_ones_not_at_all(town: Town) -> None:
    town.note("RecordKept", "r1")
    town.note("RecordKept", "r2")
    town.note("RecordKept", "r3")
    town.follower.catch_up()
    town.note("RecordDescribed", "r1", words="budget", revision=2)
    town.note("RecordDisposed", "r2")
    town.note("RecordTransferred", "r3")
    assert town.follower.catch_up() == 3
    assert (town.found("voirie"), town.found()) == (["r3"], ["r1", "r3"]), "what was handed over is still read"


def test_a_record_noted_twice_in_a_batch_is_read_once(town: Town) -> None:
    town.note("RecordKept", "r1")
    town.note("RecordDescribed", "r1", revision=2)
    assert town.follower.step() == 2
    assert town.loads == ["r1"]
    town.note("RecordDescribed", "r1", revision=3)
    town.note("RecordDisposed", "r1")
    town.follower.catch_up()
    assert town.found() == []


def test_many_entries_take_several_steps(town: Town) -> None:
    for number in range(450):
        town.note("RecordKept", f"r{number:03}")
    assert [town.follower.step() for _ in range(4)] == [200, 200, 50, 0]
    assert len(town.found()) == 450


def test_a_store_that_is_away_moves_nothing_and_stops_nobody_else(town: Town) -> None:
    town.note("RecordKept", "r1")
    town.note("RecordKept", "r2", "aubusson")
    town.broken["r1"] = Unavailable("store_away", "Le dépôt ne répond pas.")
    for _ in range(5):
        town.follower.step()
    assert town.index.position("felletin") == -1
    assert town.found(tenant="aubusson") == ["r2"]
    town.broken.clear()
    town.follower.step()
    assert town.found() == ["r1"]


def test_a_version_that_its_store_cannot_read_does_not_hide_later_ones(town: Town) -> None:
    town.note("RecordKept", "r1")
    town.note("RecordKept", "r2")
    town.broken["r1"] = unreadable("tenants/felletin/r1")
    for _ in range(4):
        town.follower.step()
    assert town.found() == ["r2"]


def test_a_record_that_cannot_be_read_does_not_hide_later_ones(town: Town) -> None:
    town.note("RecordKept", "r1")
    town.broken["r1"] = ValueError("not ALTO")
    town.note("RecordKept", "r2")
    assert [town.follower.step() for _ in range(2)] == [0, 0], "first it tries again"
    town.follower.step()
    assert town.found() == ["r2"]
    assert town.follower.lag() == {}


def test_a_record_never_vanishes_for_a_fault_of_the_database(town: Town) -> None:
    """A statement that failed spoils the session that all records of the batch share, on
    PostgreSQL.
    """
    town.note("RecordKept", "r1")
    town.faults["r1"] = 8
    for _ in range(8):
        town.follower.step()
    assert town.index.position("felletin") == -1
    town.follower.step()
    assert town.found() == ["r1"]


def test_following_again_after_a_crash_changes_nothing(town: Town, tmp_path: Path) -> None:
    town.note("RecordKept", "r1")
    town.follower.catch_up()
    town.index.close()
    second = TantivyIndex(tmp_path / "index")
    follower = Follower(town.database, second, lambda session, tenant, record: town.entries[record])
    assert follower.step() == 0
    town.note("RecordKept", "r2")
    assert follower.step() == 1
    assert town.found() == ["r1", "r2"]
    second.close()


def test_rebuild_follows_everything_into_a_new_index(town: Town) -> None:
    for number in range(250):
        town.note("RecordKept", f"r{number:03}")
    town.note("RecordDisposed", "r000")
    town.follower.catch_up()
    before = town.found("voirie")
    told: list[tuple[int, int]] = []
    town.follower.rebuild("felletin", lambda done, total: told.append((done, total)))
    assert told[-1] == (251, 251)
    assert town.found("voirie") == before
    assert len(before) == 249
    town.note("RecordKept", "later")
    assert town.follower.step() == 1


def test_a_rebuild_that_fails_leaves_the_old_index(town: Town) -> None:
    town.note("RecordKept", "r1")
    town.follower.catch_up()
    town.broken["r1"] = Unavailable("store_away", "Le dépôt ne répond pas.")
    with pytest.raises(Unavailable):
        town.follower.rebuild("felletin")
    assert town.found() == ["r1"]
    town.broken.clear()
    town.follower.rebuild("felletin")
    held = town.index.begin_rebuild("felletin")
    with pytest.raises(Refused):
        town.follower.rebuild("felletin")
    held.close()


def test_an_engine_that_is_away_is_told_once_and_without_a_traceback(town: Town) -> None:
    away = ElasticIndex(Link(f"http://127.0.0.1:{free_port()}"), "t")
    follower = Follower(town.database, away, town._load)
    with capture_logs() as lines:
        assert [follower.step() for _ in range(3)] == [0, 0, 0]
    assert [(line["event"], line["log_level"], line.get("code")) for line in lines] == [
        ("index_waits", "warning", "search_away")
    ]
    assert "exc_info" not in lines[0]


class Asked(ElasticIndex):
    """Counts the tenants that it was asked for."""

    def __init__(self, link: Link, prefix: str) -> None:
        super().__init__(link, prefix)
        self.tenants: list[str] = []

    def position(self, tenant: str) -> int:
        self.tenants.append(tenant)
        return super().position(tenant)


def test_an_engine_that_answers_nobody_is_not_asked_for_every_tenant(town: Town) -> None:
    """Two hundred towns, each waiting for a time-out of its own, would hold the follower up for
    half an hour.
    """
    away = Asked(Link(f"http://127.0.0.1:{free_port()}"), "t")
    follower = Follower(town.database, away, town._load)
    follower.step()
    assert len(away.tenants) == 1


def test_what_goes_on_again_is_told_and_so_is_the_next_outage(town: Town) -> None:
    town.note("RecordKept", "r1")
    town.note("RecordKept", "r2", "aubusson")
    away = Unavailable("store_away", "Le magasin ne répond pas.")
    with capture_logs() as lines:
        for _ in range(2):
            town.broken = {"r1": away, "r2": away}
            town.follower.step()
            town.follower.step()
            town.broken = {"r1": away}
            town.follower.step()
            town.broken = {}
            town.follower.step()
            town.note("RecordKept", "r1")
            town.note("RecordKept", "r2", "aubusson")
    assert [line["event"] for line in lines] == ["index_waits", "index_followed_again"] * 2


def test_an_unforeseen_error_keeps_its_traceback_but_is_not_repeated(town: Town) -> None:
    town.note("RecordKept", "r1")
    follower = Follower(town.database, Breaking(town.index), town._load)  # type: ignore[arg-type]
    with capture_logs() as lines:
        follower.step()
        follower.step()
    told = [(line["event"], line["tenant"], "exc_info" in line) for line in lines]
    assert sorted(told) == [("index_not_followed", name, True) for name in sorted(TOWNS)]


class Breaking:
    """An index with a fault of ours in it."""

    def __init__(self, index: TantivyIndex) -> None:
        self._index = index

    def position(self, tenant: str) -> int:
        raise ZeroDivisionError(tenant)

    def release(self) -> None:
        self._index.release()
