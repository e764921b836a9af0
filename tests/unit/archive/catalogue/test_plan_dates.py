"""Dates that follow from closing, reopening and moving files; the plan after a lost database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from archive.catalogue import plan_changes, plan_effects
from archive.catalogue.plan_changes import PlanChange
from archive.database.tables import RecordRow, RetentionRuleRow
from archive.disposition.holds.effects import HeldPlaces
from archive.holdings import keep as holdings
from archive.holdings.recompute import recompute_stale
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from tests.holdings import lose_database, opened, package, rows, system_at
from tests.servers.postgres import Databases

D = date.fromisoformat


class Town:
    """A tenant with one rule of ten years, as an archivist works with its plan."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system = system
        self.folder = folder
        self.made = 0

    def rule(self, code: str, years: int, start: str, action: str = "destroy") -> None:
        with self.system.database.write() as session:
            now = self.system.clock()
            values: dict[str, Any] = {"label": code, "duration": years, "unit": "YEAR", "start_event": start}
            values |= {"final_action": action, "source": "[V] essai", "validated_at": now, "created_at": now}
            session.add(RetentionRuleRow(tenant_id="demo", code=code, version=1, **values))

    def keep(self, **fields: Any) -> str:
        self.made += 1
        given = package(self.system, self.folder, self.made)
        described = replace(given.description, **{"document_type": None, "document_date": None} | fields)
        package_ = replace(given, description=described)
        return holdings.keep(self.system.stores, package_, lambda _session, _kept: None).record_id

    def change(self, act: Any) -> str:
        with self.system.database.write() as session:
            change = PlanChange(session, self.system.ledger, "demo", "user:1", self.system.clock(), HeldPlaces())
            return str(act(change).id)

    def create(self, kind: str, code: str, **given: Any) -> str:
        values = {"kind": kind, "code": code, "title": code} | given
        return self.change(lambda change: plan_changes.create(change, values))

    def effect(self, node: str, act: Any) -> plan_effects.Effect:
        def rehearse(session: Any) -> plan_effects.Effect:
            before = plan_effects.due_now(session, "demo", [node])
            act(PlanChange(session, self.system.ledger, "demo", "user:1", self.system.clock(), HeldPlaces()))
            return plan_effects.effect(session, "demo", [node], before, self.system.clock())

        return plan_effects.rehearsed(self.system.database, rehearse)

    def due(self, record: str) -> date | None:
        assert recompute_stale(self.system.stores).failed == {}
        with self.system.database.read() as session:
            return session.get_one(RecordRow, record).due_on


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
