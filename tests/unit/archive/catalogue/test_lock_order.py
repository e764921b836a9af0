"""Rows before the journal's turn: no change waits for a writer who waits for its entry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from api.views import plan_node
from archive.catalogue import plan_changes, plan_exchange, rule_changes, rule_queries
from archive.catalogue.plan_changes import PlanChange
from archive.catalogue.rule_changes import RuleChange
from archive.database.retention_tables import PlanNodeRow
from archive.database.tables import DocumentTypeRow, RecordRow
from archive.disposition import sorting, sorting_units
from archive.disposition.act import Act
from archive.disposition.holds.effects import HeldPlaces
from archive.exchange.plan_lines import PlanLine
from archive.holdings import keep as holdings
from archive.holdings.describe import describe
from archive.journal.types import EntryType
from archive.model.records import ArchivalPackage
from ingestion.assembly import System
from signing.ground.errors import ChartrierError
from tests.holdings import opened, package
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.services
LIMIT: Final = 20


class Place:
    """A record in a file of the plan, under the rule of its type."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system = system
        self.folder = folder
        for kind, code, parent in (("class", "C", None), ("class", "D", None), ("file", "F", "C")):
            self.plan(
                lambda change, kind=kind, code=code, parent=parent: plan_changes.create(
                    change, {"kind": kind, "code": code, "title": code, "parent_id": self.nodes.get(parent or "")}
                )
            )
        self.record = self.keep(self.packed(1, "2020-01-02", file="F; G; H", document_type="deliberation"))
        self.companion = self.keep(self.packed(2, "2020-01-01", file="F"))
        self.coming = self.packed(3, "2026-03-02", file="F")

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

    def packed(self, n: int, dated: str, **fields: Any) -> ArchivalPackage:
        given = package(self.system, self.folder, n)
        return replace(given, description=replace(given.description, document_date=date.fromisoformat(dated), **fields))

    def keep(self, given: ArchivalPackage) -> str:
        return holdings.keep(self.system.stores, given, lambda _session, _kept: None).record_id

    def dated(self) -> None:
        """Describe another document of the file as its newest one: it dates all for access."""
        other = {"document_date": self.later()}
        describe(self.system.stores, "demo", self.companion, other, agent="user:1", expected_revision=1)

    def kept(self) -> None:
        self.keep(replace(self.coming, description=replace(self.coming.description, document_date=self.later())))

    def later(self) -> date:
        """A day after the newest document of the file, whichever act came first."""
        with self.system.database.read() as session:
            newest = session.scalar(select(func.max(RecordRow.document_date)).where(RecordRow.file.contains("F")))
        return (newest or date(2020, 1, 1)) + timedelta(days=1)

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


@pytest.mark.parametrize(
    "act", ["dated", "kept", "new_version", "other_type", "closed", "created", "moved", "imported"]
)
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


def test_what_a_change_would_do_is_told_while_a_record_is_written(place: Place) -> None:
    """It is taken back: it locks and marks nothing, so no writer keeps it waiting."""
    node, number, elsewhere = place.file()
    moved, lines = {"parent_id": place.nodes[elsewhere]}, f"code;title;parent\nF;F;{elsewhere}\n".encode()
    with place.system.database.write() as session:
        session.get_one(RecordRow, place.record, with_for_update=True)
        told = plan_node.foreseen(place.system, "demo", "user:1", plan_node.amending(node, number, moved), node)
        assert told["records"] >= 2
        done = plan_node.imported(place.system, "demo", "user:1", lines, "text/csv", dry_run=True)
        assert done["records"] >= 2


def test_a_draw_waits_for_nobody_once_it_has_its_turn(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record is filed into a frozen file between the draw's locks and its turn, then written."""
    system = place.system
    place.plan(lambda change: plan_changes.create(change, {"kind": "file", "code": "T", "title": "T"}))
    file, late = place.nodes["T"], place.keep(place.packed(4, "2020-01-01"))
    with system.database.write() as session:
        act = Act(session, system.ledger, "demo", "user:1", system.clock())
        criterion = {"method": "years", "endings": [0]}
        population = sorting.freeze(act, title="Tri", unit="file", units=[file], criterion=criterion)
    locked, go, told = threading.Event(), threading.Event(), list[str]()
    real = sorting_units.lock

    def lock(session: Session, unit: str, wanted: Sequence[str]) -> None:
        real(session, unit, wanted)
        locked.set()
        assert go.wait(LIMIT)

    def draw() -> None:
        try:
            with system.database.write() as session:
                sorting.draw(Act(session, system.ledger, "demo", "user:1", system.clock()), population)
            told.append("drawn")
        except ChartrierError as error:
            told.append(error.code)

    monkeypatch.setattr(sorting_units, "lock", lock)
    other = threading.Thread(target=draw)
    other.start()
    assert locked.wait(LIMIT)
    describe(system.stores, "demo", late, {"file": "T"}, agent="user:1", expected_revision=1)
    with system.database.write() as session:
        session.get_one(RecordRow, late, with_for_update=True)
        go.set()
        other.join(LIMIT)
        assert told == ["sorting_contended"]
        system.ledger.take_turn(session)
    draw()
    assert told[1:] == ["drawn"]
    with system.database.read() as session:
        assert session.get_one(RecordRow, late).sorted is not None


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
