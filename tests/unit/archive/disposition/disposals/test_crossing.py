"""Holds and executions that cross on one record: never held and destroyed, on both databases."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from archive.catalogue import rows as catalogue
from archive.database.tables import JournalEntryRow
from archive.holdings import dispose
from archive.objects.layout import record_folder
from signing.ground.errors import Refused
from tests.bordereaux import ANNE, Town, Watch
from tests.holdings import opened
from tests.servers.postgres import Databases

COUNT = 200 if os.environ.get("FAULT") == "long" else 12


@pytest.fixture
def town(databases: Databases, tmp_path: Path, keys: Path) -> Iterator[Town]:
    watch = Watch()
    fresh = databases.fresh(tmp_path / "home")
    settings = fresh.settings if fresh.url.startswith("postgresql") else {}
    with opened(tmp_path / "home", keys, clock=watch, **settings) as system:
        made = Town(system, tmp_path, watch)
        made.rule("BON", 10)
        yield made


def test_a_record_is_held_or_destroyed_and_never_both(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    records, system = town.due(COUNT), town.system
    disposal = town.approved(records)
    with town.acting(ANNE) as act:
        dispose.confirm(act, disposal, None)
    town.at("2026-06-17")
    publish(town)
    system.disposer.run()  # states that it begins
    publish(town)
    monkeypatch.setattr(dispose, "BATCH", 1)
    order, start = random.Random(7).sample(records, COUNT), Barrier(2)
    answers: dict[str, str] = {}

    def hold() -> None:
        start.wait()
        for record in order:
            try:
                system.holds.place("demo", [record], reason="Contentieux", until=None, agent="user:1")
                answers[record] = "held"
            except Refused as error:
                answers[record] = error.code

    holder = Thread(target=hold)
    holder.start()
    start.wait()
    system.disposer.run()
    holder.join()
    told = {record: outcome(town, record) for record in records}
    assert set(answers.values()) <= {"held", "disposal_committed"}
    assert told == {one: (True, False) if answer == "held" else (False, True) for one, answer in answers.items()}
    assert town.row(disposal).state == ("executing" if "held" in answers.values() else "executed")


def publish(town: Town) -> None:
    town.system.statements.settle()
    town.system.publisher.publish(force_token=True)


def outcome(town: Town, record: str) -> tuple[bool, bool]:
    """Whether a record is held, and whether it is destroyed: by rows, entries and bytes alike."""
    with town.system.database.read() as session:
        held = catalogue.is_held(session, record)
        asked = select(JournalEntryRow.type).where(JournalEntryRow.subject == f"record:{record}")
        gone = "RecordDisposed" in set(session.scalars(asked))
    there = any(town.system.store.list(record_folder("demo", record).prefix))
    assert there is not gone, record
    return held, gone
