"""After a destruction: no word is left in an index, at a bounded cost, whatever dies in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive.holdings import dispose
from archive.holdings.describe import describe
from ingestion.deposits import forgetting
from ingestion.operations.custody import Custody
from signing.ground.errors import Unavailable
from tests.bordereaux import ANNE, Town, Watch
from tests.holdings import PowerCut, opened, system_at


@pytest.fixture
def town(tmp_path: Path, keys: Path) -> Iterator[Town]:
    watch = Watch()
    with opened(tmp_path / "home", keys, clock=watch) as system:
        made = Town(system, tmp_path, watch)
        made.rule("BON", 10)
        yield made


def publish(town: Town) -> None:
    town.system.statements.settle()
    town.system.publisher.publish(force_token=True)
    town.system.follower.catch_up()


def confirmed(town: Town, records: list[str]) -> str:
    """A bordereau that was confirmed, on a day on which its execution has begun."""
    disposal = town.approved(records)
    with town.acting(ANNE) as act:
        dispose.confirm(act, disposal, None)
    town.runs_until(str(town.watch.now.date().replace(day=28)), 13)
    town.system.disposer.run()
    publish(town)
    return disposal


def containing(folder: Path, word: str) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return [str(path.relative_to(folder)) for path in paths if word.encode() in path.read_bytes().lower()]


def owing(town: Town) -> list[str]:
    with town.system.database.read() as session:
        return forgetting.owing(session)


class Made:
    """Counts how often an index is made again."""

    def __init__(self, town: Town, patch: pytest.MonkeyPatch) -> None:
        self.times = 0
        self._real = town.system.follower.rebuild
        patch.setattr(town.system.follower, "rebuild", self)

    def __call__(self, tenant: str) -> int:
        self.times += 1
        return self._real(tenant)


def test_an_index_is_made_again_although_the_service_died_before(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = town.keep(title="Bon xylophonequadrature")
    town.keep("2020-01-01")
    publish(town)
    town.at("2026-06-01")
    confirmed(town, [one])

    def cut(_tenant: str) -> Any:
        raise PowerCut

    monkeypatch.setattr(town.system.follower, "rebuild", cut)
    with pytest.raises(PowerCut):
        town.system.dispose()
    town.system.follower.catch_up()
    assert any("index" in path for path in containing(tmp_path / "home", "xylophonequadrature"))
    again = system_at(tmp_path / "home", clock=town.watch)
    assert again.dispose().destroyed == 0
    assert containing(tmp_path, "xylophonequadrature") == []
    again.close()


def test_an_index_is_made_again_at_most_a_twentieth_of_the_time_and_once_a_day(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.keep("2020-01-01")
    one, other, third = town.due(3)
    publish(town)
    made = Made(town, monkeypatch)
    confirmed(town, [one])
    assert (town.system.dispose().destroyed, made.times, owing(town)) == (1, 1, [])
    for _ in range(3):
        town.system.dispose()
    assert made.times == 1, "nothing is owed"
    with town.system.database.write() as session:
        told = forgetting.known_of(session)
        told["tenants"]["demo"]["seconds"] = 7200.0  # a department of a million records
        forgetting.reports.end(session, forgetting.FORGETTING, town.watch(), agreed=True, facts=told)
    town.watch.now = town.watch.now.replace(month=7, day=1)
    town.at("2026-07-01")
    told["tenants"]["demo"]["at"] = forgetting.stamp(town.watch.now.replace(day=28))
    with town.system.database.write() as session:
        forgetting.reports.end(session, forgetting.FORGETTING, town.watch(), agreed=True, facts=told)
    confirmed(town, [other])
    assert (town.system.dispose().destroyed, made.times, owing(town)) == (1, 1, ["demo"]), "its turn has not come"
    town.runs_until("2026-07-29", 14)
    assert (town.system.dispose().destroyed, made.times, owing(town)) == (0, 2, [])
    assert town.record(third).state == "kept"


def test_the_mandate_of_what_waits_is_proven_once_a_day_and_when_something_changed(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, changed, going = town.due(3)
    disposal = town.approved([held, changed, going])
    with town.acting(ANNE) as act:
        dispose.confirm(act, disposal, None)
    hold = town.system.holds.place("demo", [held], reason="Contentieux", until=None, agent="user:1")
    describe(town.system.stores, "demo", changed, {"title": "Autre"}, agent="user:1", expected_revision=1)
    town.runs_until("2026-06-17", 13)
    town.system.disposer.run()
    publish(town)
    proven: list[str] = []
    real = dispose.mandate
    monkeypatch.setattr(dispose, "mandate", lambda stores, one: proven.append(one) or real(stores, one))
    assert town.system.disposer.run().destroyed == 1
    assert town.lines(disposal)[held] == ("blocked", "held")
    assert len(proven) == 1
    for _ in range(5):
        town.system.disposer.run()
    assert len(proven) == 1, "nothing can go"
    town.runs_until("2026-06-18", 13)
    town.system.disposer.run()
    town.system.disposer.run()
    assert len(proven) == 2, "once a day"
    town.system.holds.release("demo", hold, reason="Jugé", agent="user:1")
    town.system.holds.run()
    assert town.system.disposer.run().destroyed == 1, "at once"
    assert len(proven) == 3
    town.system.disposer.run()
    assert len(proven) == 3
    assert town.lines(disposal)[changed] == ("blocked", "changed")


@pytest.fixture
def copied(tmp_path: Path, keys: Path) -> Iterator[Town]:
    watch = Watch()
    with opened(tmp_path / "home", keys, clock=watch, CHARTRIER_COPY_PATH=str(tmp_path / "copy")) as system:
        made = Town(system, tmp_path, watch)
        made.rule("BON", 10)
        yield made


def files_of(folder: Path, record: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and record in str(path)]


def test_a_copy_that_is_not_mounted_is_not_taken_for_one_that_holds_nothing(copied: Town, tmp_path: Path) -> None:
    one = copied.keep()
    copied.at("2026-06-01")
    Custody(copied.system).copy_everything()
    disposal = confirmed(copied, [one])
    (tmp_path / "copy").rename(tmp_path / "unmounted")
    (tmp_path / "copy").mkdir()
    with pytest.raises(Unavailable) as away:
        copied.system.disposer.run()
    assert away.value.code == "store_away"
    assert copied.record(one).state == "in_disposal", "nothing is decided that can't be done"
    (tmp_path / "copy").rmdir()
    (tmp_path / "unmounted").rename(tmp_path / "copy")
    assert copied.system.disposer.run().destroyed == 1
    assert files_of(tmp_path, one) == []
    assert copied.row(disposal).state == "executed"


def test_a_copy_that_goes_away_in_the_midst_leaves_lines_that_the_next_run_finishes(
    copied: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = copied.due(4)
    Custody(copied.system).copy_everything()
    disposal = confirmed(copied, records)
    real, seen = dispose.erase, []

    def erase(store: Any, prefix: str) -> Any:
        seen.append(prefix)
        if len(seen) == 3:
            (tmp_path / "copy").rename(tmp_path / "unmounted")
            (tmp_path / "copy").mkdir()
        return real(store, prefix)

    monkeypatch.setattr(dispose, "erase", erase)
    with pytest.raises(Unavailable):
        copied.system.disposer.run()
    assert {copied.record(one).state for one in records} == {"disposed"}, "decided: gone for every reader"
    assert {state for state, _ in copied.lines(disposal).values()} == {"included"}, "and not shown gone"
    monkeypatch.undo()
    (tmp_path / "copy").rmdir()
    (tmp_path / "unmounted").rename(tmp_path / "copy")
    assert copied.system.disposer.run().destroyed == 4
    assert [files_of(tmp_path, one) for one in records] == [[]] * 4
    assert copied.row(disposal).state == "executed"
