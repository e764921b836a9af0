"""Rows before the journal's turn: no change waits for a writer who waits for its entry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from archive.catalogue import plan_changes, plan_exchange, rule_changes, rule_queries
from archive.catalogue.plan_changes import PlanChange
from archive.catalogue.rule_changes import RuleChange
from archive.database.retention_tables import PlanNodeRow
from archive.database.tables import DocumentTypeRow, RecordRow
from archive.disposition.holds.effects import HeldPlaces
from archive.exchange.plan_lines import PlanLine
from archive.holdings import keep as holdings
from archive.journal.types import EntryType
from ingestion.assembly import System
from tests.holdings import opened, package
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.services
LIMIT: Final = 20


class Place:
    """A record in a file of the plan, under the rule of its type."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system = system
        for kind, code, parent in (("class", "C", None), ("class", "D", None), ("file", "F", "C")):
            self.plan(
                lambda change, kind=kind, code=code, parent=parent: plan_changes.create(
                    change, {"kind": kind, "code": code, "title": code, "parent_id": self.nodes.get(parent or "")}
                )
            )
        given = package(system, folder, 1)
        described = replace(given.description, file="F; G; H", document_type="deliberation")
        self.record = holdings.keep(
            system.stores, replace(given, description=described), lambda _session, _kept: None
        ).record_id

    @property
    def nodes(self) -> dict[str, str]:
        with self.system.database.read() as session:
            found = session.execute(text("SELECT code, id FROM plan_nodes"))
            return {row.code: row.id for row in found}

    def plan(self, act: Callable[[PlanChange], Any]) -> None:
        with self.system.database.write() as session:
            act(PlanChange(session, self.system.ledger, "demo", "user:1", self.system.clock(), HeldPlaces()))

    @property
    def rules(self) -> RuleChange:
        return RuleChange(self.system.register, "demo", "user:1", self.system.clock())

    def rule(self) -> str:
        with self.system.database.read() as session:
            return str(session.get_one(RecordRow, self.record).rule_code)

    def new_version(self) -> None:
        code = self.rule()
        with self.system.database.read() as session:
            last = rule_queries.versions_of(session, "demo", code)[-1]
        rule_changes.validate(replace(self.rules, agent="user:2"), code, last.version)

    def prepared(self) -> None:
        """Make the version whose validation changes the rule in force."""
        code = self.rule()
        with self.system.database.read() as session:
            terms = rule_changes.terms_of(rule_queries.versions_of(session, "demo", code)[-1])
        rule_changes.amend(self.rules, code, None, replace(terms, duration=(terms.duration or 0) + 3))

    def other_type(self) -> None:
        def expected(_row: DocumentTypeRow | None) -> None:
            return None

        rule_changes.set_type(
            self.rules, "deliberation", expected, label="Actes", rule_code=self.rule(), access_rule=None
        )

    def file(self) -> tuple[str, int, str]:
        """Identifier and number of the file, and the class that it does not lie in."""
        nodes = self.nodes
        with self.system.database.read() as session:
            row = session.get_one(PlanNodeRow, nodes["F"])
        return row.id, row.number, "D" if row.parent_id == nodes["C"] else "C"

    def moved(self) -> None:
        node, number, elsewhere = self.file()
        parent = self.nodes[elsewhere]
        self.plan(lambda change: plan_changes.amend(change, node, number, {"parent_id": parent}))

    def closed(self) -> None:
        node, number, _ = self.file()
        self.plan(lambda change: plan_changes.close(change, node, number, date(2026, 3, 12)))

    def created(self) -> None:
        self.plan(lambda change: plan_changes.create(change, {"kind": "file", "code": "G", "title": "G"}))

    def imported(self) -> None:
        lines = [
            PlanLine(2, {"code": "F", "title": "F", "parent": self.file()[2]}),
            PlanLine(3, {"code": "H", "kind": "file", "title": "H"}),
        ]
        self.plan(lambda change: plan_exchange.take_in(change, lines))


@pytest.fixture(scope="module")
def place(postgres: Postgres, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder, fresh = tmp_path_factory.mktemp("place"), postgres.fresh()
    with opened(folder / "home", keys, **fresh.settings) as system:
        place = Place(system, folder)
        place.prepared()
        yield place
    postgres.drop(fresh)


@pytest.mark.parametrize("act", ["new_version", "other_type", "closed", "created", "moved", "imported"])
def test_a_change_waits_for_a_writer_before_its_entry(place: Place, act: str) -> None:
    """The writer holds its row, and wants the journal's turn once the change waits for the row."""
    made: list[BaseException | None] = []
    with place.system.database.read() as session:  # each act is tried from the same state
        before = session.scalar(text("SELECT MAX(n) FROM journal_entries"))

    def change() -> None:
        try:
            getattr(place, act)()
            made.append(None)
        except BaseException as error:
            made.append(error)

    other = threading.Thread(target=change)
    with place.system.database.write() as session:
        session.get_one(RecordRow, place.record, with_for_update=True)
        other.start()
        wait_until_one_waits(place.system)
        entry = place.system.ledger.append(
            session,
            type=EntryType.RECORD_DESCRIBED,
            tenant="demo",
            subject=f"record:{place.record}",
            agent="user:1",
            facts={},
        )
    other.join(LIMIT)
    assert made == [None]
    assert entry.n == (before or 0) + 1, "the writer's entry comes first"
    with place.system.database.read() as session:
        row = session.get_one(RecordRow, place.record)
        assert row.stale_since is not None
    with place.system.database.write() as session:
        session.get_one(RecordRow, place.record).stale_since = None


def wait_until_one_waits(system: System) -> None:
    """Until a transaction of this database waits for another."""
    waiting = text("SELECT COUNT(*) FROM pg_locks WHERE NOT granted")
    limit = time.monotonic() + LIMIT
    while time.monotonic() < limit:
        with system.database.read() as session:
            if session.scalar(waiting):
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")
