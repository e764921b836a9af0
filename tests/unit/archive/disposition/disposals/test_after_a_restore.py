"""A restored database or store is judged against the newest journal: the dead stay dead."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from archive.database.tables import JournalEntryRow, RecordRow
from archive.holdings import dispose
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from signing.ground.errors import Refused
from tests.bordereaux import ANNE, Town, Watch
from tests.holdings import lose_database, opened, rows, system_at

RARE = "xylophonequadrature"


class Restored:
    """A town in which one record was destroyed and one is kept, with what backups hold of before.

    Attributes:
        before: Database, store and copy as they were when it was still there.
    """

    def __init__(self, town: Town, folder: Path) -> None:
        self.town = town
        self.home, self.copy, self.before = folder / "home", folder / "copy", folder / "before"
        self.gone = town.keep(title=f"Bon {RARE}")
        self.kept = town.keep("2020-01-01")
        town.runs_until("2026-06-01")
        disposal = town.approved([self.gone])
        with town.acting(ANNE) as act:
            dispose.confirm(act, disposal, None)
        self.publish()
        Custody(town.system).copy_everything()
        self._save()
        town.runs_until("2026-06-17", 13)
        town.system.disposer.run()
        self.publish()
        assert town.system.dispose().destroyed == 1
        self.publish()
        Custody(town.system).copy_everything()
        assert self.traces() == []

    @property
    def system(self) -> System:
        return self.town.system

    def publish(self) -> None:
        self.system.statements.settle()
        self.system.publisher.publish(force_token=True)
        self.system.follower.catch_up()

    def _save(self) -> None:
        self.before.mkdir()
        with (
            closing(sqlite3.connect(self.home / "chartrier.db")) as source,
            closing(sqlite3.connect(self.before / "chartrier.db")) as target,
        ):
            source.backup(target)
        for folder in (self.home / "store", self.copy):
            shutil.copytree(folder, self.before / folder.name)

    def again(self) -> System:
        """The service starts again, over what is there now."""
        self.town.system.close()
        self.town.system = system_at(self.home, clock=self.town.watch, CHARTRIER_COPY_PATH=str(self.copy))
        return self.town.system

    def bytes_back(self, folder: Path) -> None:
        """The files of the record that is gone come back into one store, as from its backup."""
        for path in (self.before / folder.name).rglob("*"):
            if path.is_file() and self.gone in str(path):
                there = folder / path.relative_to(self.before / folder.name)
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, there)
        assert self.files()

    def files(self) -> list[str]:
        """The files of the record that is gone, in store and copy."""
        found = [path for folder in (self.home / "store", self.copy) for path in folder.rglob("*") if path.is_file()]
        return [str(path) for path in found if self.gone in str(path)]

    def traces(self) -> list[str]:
        """Where its rare word is found, byte for byte."""
        paths = [path for folder in (self.home, self.copy) for path in folder.rglob("*") if path.is_file()]
        return [str(path) for path in paths if RARE.encode() in path.read_bytes().lower()]

    def told(self) -> list[str]:
        with self.system.database.read() as session:
            asked = select(JournalEntryRow.type).where(JournalEntryRow.subject == f"record:{self.gone}")
            return list(session.scalars(asked.order_by(JournalEntryRow.n)))[-3:]

    def row(self) -> RecordRow:
        return self.town.record(self.gone)


@pytest.fixture
def restored(tmp_path: Path, keys: Path) -> Iterator[Restored]:
    watch = Watch()
    with opened(tmp_path / "home", keys, clock=watch, CHARTRIER_COPY_PATH=str(tmp_path / "copy")) as system:
        town = Town(system, tmp_path, watch)
        town.rule("BON", 10)
        made = Restored(town, tmp_path)
        yield made
        made.system.close()


def about(report: dict[str, object], record: str) -> list[tuple[str, str, str, bool]]:
    found: list[dict[str, object]] = report["findings"]  # type: ignore[assignment]
    told = [one for one in found if one["record_id"] == record]
    return [(str(one["kind"]), str(one["place"]), str(one["detail"]), bool(one["repaired"])) for one in told]


def reconcile(restored: Restored, *, repair: bool) -> list[tuple[str, str, str, bool]]:
    return about(Custody(restored.system).reconcile(repair=repair, pause=lambda _s: None), restored.gone)


def test_a_store_that_brings_the_bytes_back_is_told_and_loses_them_again(restored: Restored) -> None:
    restored.bytes_back(restored.home / "store")
    assert reconcile(restored, repair=False) == [("untracked", "store", "disposed", False)]
    assert restored.files(), "a look destroys nothing"
    assert reconcile(restored, repair=True) == [("untracked", "store", "disposed", True)]
    assert (restored.files(), restored.traces()) == ([], [])
    assert restored.told() == ["DestructionDecided", "RecordDisposed", "RemainsDestroyed"]
    restored.publish()
    assert reconcile(restored, repair=False) == []


def test_a_copy_that_brings_the_bytes_back_loses_them_at_the_daily_copy(restored: Restored) -> None:
    restored.bytes_back(restored.copy)
    report = Custody(restored.system).copy_everything()
    assert about(report, restored.gone) == [("untracked", "copy", "disposed", True)]
    assert (restored.files(), restored.traces()) == ([], [])
    assert restored.told()[-1] == "RemainsDestroyed"


def test_what_came_back_and_is_locked_stays_and_is_told(restored: Restored) -> None:
    restored.bytes_back(restored.home / "store")
    store = restored.system.store
    item = next(one for one in store.list("tenants/") if restored.gone in one.key)
    store.extend_lock(item.key, item.version, restored.town.watch.now.date().replace(year=2027))
    assert reconcile(restored, repair=True) == [("untracked", "store", "disposed", False)]
    assert [path for path in restored.files() if path.endswith(item.key)]


def test_a_false_row_destroys_nothing(restored: Restored) -> None:
    """Whoever may write into the database says that a kept record is gone: its bytes stay."""
    before = [path for path in (restored.home / "store").rglob("*") if restored.kept in str(path)]
    with restored.system.database.write() as session:
        session.get_one(RecordRow, restored.kept).state = "disposed"
    report = Custody(restored.system).reconcile(repair=True, pause=lambda _s: None)
    assert about(report, restored.kept), "it is told"
    Custody(restored.system).copy_everything()
    assert [path for path in (restored.home / "store").rglob("*") if restored.kept in str(path)] == before


def older_database(restored: Restored) -> None:
    """The database of before the execution is put in place of the present one."""
    restored.system.close()
    for path in restored.home.glob("chartrier.db*"):
        path.unlink()
    shutil.copyfile(restored.before / "chartrier.db", restored.home / "chartrier.db")
    restored.again()
    assert restored.row().title == f"Bon {RARE}"


def test_an_older_database_is_judged_against_the_journal_of_the_store(restored: Restored) -> None:
    older_database(restored)
    assert ("changed", "database", "disposed", False) in reconcile(restored, repair=False)
    assert ("changed", "database", "disposed", True) in reconcile(restored, repair=True)
    assert (restored.row().state, restored.row().title) == ("disposed", "")
    assert restored.traces() != []
    assert restored.system.forgetting.run() == ["demo"]
    assert restored.system.forgetting.run() == []
    assert restored.traces() == []


def test_an_older_database_writes_nothing_back_from_the_copy(restored: Restored) -> None:
    restored.bytes_back(restored.copy)
    older_database(restored)
    with pytest.raises(Refused) as refused:
        Custody(restored.system).restore("demo", restored.gone, agent="user:1")
    assert refused.value.code == "record_not_kept"
    Custody(restored.system).copy_everything()
    assert [path for path in restored.files() if "/store/" in path] == []


def test_an_older_database_copies_nothing_of_it(restored: Restored) -> None:
    restored.bytes_back(restored.home / "store")
    older_database(restored)
    Custody(restored.system).copy_everything()
    assert [path for path in restored.files() if path.startswith(str(restored.copy))] == []


def test_a_rebuild_from_a_store_with_the_bytes_back_writes_no_row_of_them(restored: Restored) -> None:
    before = rows(restored.system, "records", "disposal_lines")
    restored.bytes_back(restored.home / "store")
    lose_database(restored.system)
    again = restored.again()
    again.prepare_rebuild()
    report = Custody(again).rebuild()
    assert about(report, restored.gone) == [("untracked", "store", "disposed", False)]
    assert rows(again, "records", "disposal_lines") == before
    assert reconcile(restored, repair=True) == [("untracked", "store", "disposed", True)]
    assert (restored.files(), restored.traces()) == ([], [])


def test_a_rebuild_from_an_older_store_asks_the_journal_of_the_copy(restored: Restored) -> None:
    lose_database(restored.system)
    shutil.rmtree(restored.home / "store")
    shutil.copytree(restored.before / "store", restored.home / "store")
    assert restored.files()
    again = restored.again()
    again.prepare_rebuild()
    report = Custody(again).rebuild()
    assert about(report, restored.gone) == [("untracked", "store", "disposed", False)]
    assert (restored.row().state, restored.row().title) == ("disposed", "")
    assert restored.town.record(restored.kept).state == "kept"


def test_a_clock_set_forward_ten_years_destroys_nothing_that_came_back(restored: Restored) -> None:
    restored.bytes_back(restored.home / "store")
    before = restored.files()
    restored.town.watch.at("2036-06-17")
    restored.system.time_sense.look()
    assert reconcile(restored, repair=True) == [("untracked", "store", "disposed", False)]
    assert restored.files() == before
    assert restored.told()[-1] == "RecordDisposed"
