"""The store follows holds outside every transaction: nobody waits for it, no decision is missed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from archive.catalogue import rows as catalogue
from archive.database.engine import Database, is_writing
from archive.database.tables import HoldRow
from archive.holdings.describe import describe
from archive.holdings.verify import verify
from archive.objects.local import LocalObjectStore
from archive.objects.port import StoredObject
from ingestion.assembly import System
from signing.ground.errors import Unavailable
from tests.holdings import keep, opened
from tests.store_guard import StoreInTransaction


@pytest.fixture
def system(tmp_path: Path, keys: Path) -> Any:
    with opened(tmp_path / "home", keys) as made:
        yield made


def held(system: System, record: str) -> set[bool]:
    """What the store says of every object of a record."""
    with system.database.read() as session:
        pinned = catalogue.rows(session, record)
    return {system.store.stat(row.key, row.version).legal_hold for row in pinned}


def settled(system: System) -> list[bool]:
    with system.database.read() as session:
        return [row.settled_at is not None for row in session.scalars(select(HoldRow).order_by(HoldRow.id))]


def test_a_store_that_is_slow_to_hold_keeps_nobody_from_writing(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = keep(system, tmp_path, 1)
    hold = system.holds.place("demo", [record], reason="Contentieux", until=None, agent="user:1")
    begun, go_on = threading.Event(), threading.Event()
    real = LocalObjectStore.hold

    def slow(self: LocalObjectStore, key: str, version: str, *, on: bool) -> StoredObject:
        begun.set()
        assert go_on.wait(20)
        return real(self, key, version, on=on)

    monkeypatch.setattr(LocalObjectStore, "hold", slow)
    settling = threading.Thread(target=system.holds.settle, args=[hold])
    settling.start()
    assert begun.wait(20)
    since = time.monotonic()
    with system.database.write() as session:
        session.get_one(HoldRow, hold).problem = "written meanwhile"
    assert time.monotonic() - since < 5
    assert settled(system) == [False]
    go_on.set()
    settling.join(20)
    assert held(system, record) == {True}
    assert settled(system) == [True]


def test_a_hold_decided_while_another_is_lifted_is_followed_all_the_same(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = keep(system, tmp_path, 1)
    first = system.holds.place("demo", [record], reason="Premier", until=None, agent="user:1")
    system.holds.settle(first)
    system.holds.release("demo", first, reason="Fini", agent="user:1")
    real, lifted = LocalObjectStore.hold, 0

    def interrupted(self: LocalObjectStore, key: str, version: str, *, on: bool) -> StoredObject:
        nonlocal lifted
        lifted += not on
        if lifted == 1 and not on:
            system.holds.place("demo", [record], reason="Second", until=None, agent="user:1")
        return real(self, key, version, on=on)

    monkeypatch.setattr(LocalObjectStore, "hold", interrupted)
    system.holds.settle(first)
    assert lifted > 1, "it was being lifted"
    assert held(system, record) == {True}, "the decision of the last moment counts"
    system.holds.run()
    assert settled(system) == [True, True]
    assert verify(system.stores, "demo", record).verdict == "intact"


def test_a_version_written_while_a_hold_is_decided_is_held_by_the_next_run(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = keep(system, tmp_path, 1)
    real, placed = LocalObjectStore.put, []

    def meanwhile(self: LocalObjectStore, key: str, *given: Any, **named: Any) -> StoredObject:
        if key.endswith("/inventory.json") and "/v2/" not in key and not placed:  # the head is written last
            placed.append(system.holds.place("demo", [record], reason="Pendant", until=None, agent="user:1"))
        return real(self, key, *given, **named)

    monkeypatch.setattr(LocalObjectStore, "put", meanwhile)
    describe(system.stores, "demo", record, {"title": "Autre"}, agent="user:1", expected_revision=1)
    assert placed
    system.holds.run()
    assert held(system, record) == {True}
    assert settled(system) == [True]
    assert verify(system.stores, "demo", record).verdict == "intact"


def test_two_changes_of_one_record_are_written_one_after_the_other(system: System, tmp_path: Path) -> None:
    record, answers = keep(system, tmp_path, 1), []

    def change(title: str) -> None:
        try:
            answers.append(describe(system.stores, "demo", record, {"title": title}, agent="u:1", expected_revision=1))
        except Exception as error:
            answers.append(error)

    threads = [threading.Thread(target=change, args=[f"Titre {n}"]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    refused = [getattr(one, "code", None) for one in answers if isinstance(one, Exception)]
    assert refused == ["precondition_failed"] * 3
    assert verify(system.stores, "demo", record).verdict == "intact"


def test_a_turn_excludes_others_and_ends_with_its_holder(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive.database.turns.WAIT", 0.2)
    with database.turn("record:1"):
        with database.turn("record:2"):
            pass
        with pytest.raises(Unavailable) as busy, database.turn("record:1"):
            pass
        assert busy.value.code == "turn_taken"
    script = (
        "import sys, time; from archive.database.engine import Database\n"
        "with Database(sys.argv[1]).turn('record:1'):\n    print('mine', flush=True); time.sleep(60)"
    )
    url = database.url.render_as_string(hide_password=False)
    with subprocess.Popen([sys.executable, "-c", script, url], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "mine\n"
            with pytest.raises(Unavailable), database.turn("record:1"):
                pass
        finally:
            os.kill(other.pid, signal.SIGKILL)
    monkeypatch.setattr("archive.database.turns.WAIT", 10.0)
    with database.turn("record:1"):
        pass


def test_a_turn_is_never_taken_in_a_write_transaction(database: Database) -> None:
    assert not is_writing()
    with database.write():
        assert is_writing()
        with pytest.raises(RuntimeError, match="never in one"), database.turn("record:1"):
            pass
    with database.read():
        assert not is_writing()


def test_the_guard_of_these_tests_refuses_every_call_of_a_store_in_a_transaction(system: System) -> None:
    listing = system.store.list("")
    with system.database.write():
        for call in (
            lambda: system.store.stat("layout.json"),
            lambda: system.store.put("staging/x", b"x", sha256="0"),
            lambda: next(system.store.read("layout.json")),
            lambda: next(listing),
        ):
            with pytest.raises(StoreInTransaction):
                call()
    assert system.store.stat("layout.json")
