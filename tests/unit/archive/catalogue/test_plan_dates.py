"""Dates that follow from closing, reopening and moving files; the plan after a lost database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from archive.catalogue import plan_changes
from archive.catalogue.plan_changes import PlanChange
from archive.database.tables import RecordRow
from archive.disposition.holds.effects import HeldPlaces
from archive.holdings.recompute import recompute_stale
from ingestion.operations.custody import Custody
from tests.holdings import lose_database, opened, rows, system_at
from tests.plan_town import Town
from tests.servers.postgres import Databases

D = date.fromisoformat


@pytest.fixture
def town(databases: Databases, tmp_path: Path, keys: Path) -> Iterator[Town]:
    fresh = databases.fresh(tmp_path / "home")
    settings = fresh.settings if fresh.url.startswith("postgresql") else {}
    with opened(tmp_path / "home", keys, **settings) as system:
        yield Town(system, tmp_path)


def test_r6_a_file_closed_reopened_and_closed_again(town: Town) -> None:
    """Each effect is told before it is made, and is what then comes."""
    town.rule("R10", 10, "calendar_year_end")
    file = town.create("file", "F", retention={"rules": ["R10"]})
    record, other = town.keep(file="F", document_date=D("2019-01-15")), town.keep(document_date=D("2019-01-15"))
    assert town.due(record) is None

    def closing(number: int, day: str) -> Any:
        return lambda change: plan_changes.close(change, file, number, D(day))

    def reopening(change: PlanChange) -> Any:
        return plan_changes.reopen(change, file, 2, "Une pièce")

    told = town.effect(file, closing(1, "2019-06-30"))
    assert (told.records, told.due_before, told.due_after, told.whole) == (1, None, D("2030-01-01"), True)
    assert town.due(record) is None
    town.change(closing(1, "2019-06-30"))
    assert town.due(record) == D("2030-01-01")
    told = town.effect(file, reopening)
    assert (told.due_before, told.due_after) == (D("2030-01-01"), None)
    town.change(reopening)
    assert town.due(record) is None
    town.change(closing(3, "2025-11-20"))
    assert town.due(record) == D("2036-01-01")
    assert town.due(other) is None


def test_r1_a_file_that_is_moved_has_the_rule_of_its_new_class(town: Town) -> None:
    town.rule("R10", 10, "file_closing")
    town.rule("R30", 30, "file_closing", "keep")
    two = town.create("class", "2", retention={"rules": ["R10"]})
    three = town.create("class", "2.3", parent_id=two, retention={"rules": ["R30"]})
    file = town.create("file", "F", parent_id=two, closed_on="2020-02-29")
    record = town.keep(file="F")
    assert town.due(record) == D("2030-03-01"), "D3"

    def moving(change: PlanChange) -> Any:
        return plan_changes.amend(change, file, 1, {"parent_id": three})

    told = town.effect(file, moving)
    assert (told.due_before, told.due_after) == (D("2030-03-01"), D("2050-03-01"))
    town.change(moving)
    assert town.due(record) == D("2050-03-01")


def test_a_file_made_after_its_documents_dates_them(town: Town) -> None:
    town.rule("R10", 10, "file_closing")
    record = town.keep(file="F", document_date=D("2020-02-29"))
    assert town.due(record) is None
    town.create("file", "F", retention={"rules": ["R10"]}, closed_on="2020-02-29")
    assert town.due(record) == D("2030-03-01")
    with town.system.database.read() as session:
        assert "file_unknown" not in [one["code"] for one in session.get_one(RecordRow, record).warnings]


def test_the_plan_comes_back_from_the_store_alone(tmp_path: Path, keys: Path) -> None:
    with opened(tmp_path / "home", keys) as system:
        town = Town(system, tmp_path)
        above = town.create("class", "2", extent={"medium": "papier", "metres": "0,5"})
        file = town.create("file", "F", parent_id=above)
        gone = town.create("class", "3")
        town.keep(file="F", document_date=D("2020-02-29"))
        town.change(lambda change: plan_changes.close(change, file, 1, D("2020-03-01")))
        with system.database.write() as session:
            change = PlanChange(session, system.ledger, "demo", "user:1", system.clock(), HeldPlaces())
            plan_changes.remove(change, gone, 1, "Vide")
        assert recompute_stale(system.stores).failed == {}
        assert system.statements.settle().failed == {}
        system.publisher.publish(force_token=True)
        before = rows(system, "plan_nodes", "record_nodes")
        assert (len(before["plan_nodes"]), len(before["record_nodes"])) == (3, 1)
        lose_database(system)
    system = system_at(tmp_path / "home", keys)
    try:
        system.prepare_rebuild()
        assert Custody(system).rebuild()["equal"]
        assert rows(system, "plan_nodes", "record_nodes") == before
    finally:
        system.close()
