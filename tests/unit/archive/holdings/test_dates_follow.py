"""Dates follow the plan, the rules and the events, on both databases; examples by their number.

The examples are those of docs/retention.md: D13, D14 given dates; R1 to R6 plan and rules; E1 to E3
events; A2 to A4 access.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import select, text, update

from archive.catalogue import event_effects, events, record_json, rows, stale
from archive.database.retention_tables import RecordNodeRow
from archive.database.tables import DocumentTypeRow, JournalEntryRow, RecordRow, RetentionRuleRow
from archive.holdings import keep as holdings
from archive.holdings import recompute as job
from archive.holdings.describe import describe
from archive.holdings.recompute import is_any_stale, recompute, recompute_stale
from archive.holdings.revisions import revision_in_force
from archive.holdings.verify import verify
from archive.journal.types import EntryType
from archive.model.identifiers import new_id
from archive.objects import ocfl_versions
from archive.retention.admission import Occurrence
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from signing.ground.errors import Refused
from tests.holdings import lose_database, opened, package, system_at
from tests.servers.postgres import Databases
from tests.statements import state

D = date.fromisoformat


class Watch:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 12, 8, 15, 30, 123000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Town:
    """A tenant with a few rules, as an archivist works with it."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system = system
        self.folder = folder
        self.nodes: dict[str, tuple[str, int, dict[str, Any]]] = {}
        self.made = 0

    def rule(self, code: str, years: int, start: str, action: str = "destroy", **more: Any) -> None:
        """One more version of a rule, and the document type that has it."""
        with self.system.database.write() as session:
            known = session.scalars(select(RetentionRuleRow).where(RetentionRuleRow.code == code)).all()
            now = self.system.clock()
            values = {"duration": years, "unit": "YEAR", "start_event": start, "final_action": action}
            values |= {"validated_at": now} | more
            session.add(
                RetentionRuleRow(
                    tenant_id="demo",
                    code=code,
                    version=len(known) + 1,
                    label=code,
                    source="[V] essai",
                    created_at=now,
                    **values,
                )
            )
            if not known:
                row = DocumentTypeRow(tenant_id="demo", code=code, label=code, rule_code=code, access_rule=None)
                session.merge(row)
            stale.mark(session, RecordRow.tenant_id == "demo", now)

    def keep(self, **fields: Any) -> str:
        """A record that says this of itself."""
        self.made += 1
        given = package(self.system, self.folder, self.made)
        described = replace(given.description, **{"document_type": None, "document_date": None} | fields)
        return holdings.keep(
            self.system.stores, replace(given, description=described), lambda _session, _kept: None
        ).record_id

    def node(self, code: str, kind: str = "class", **body: Any) -> None:
        """State a node; what lies below it becomes stale."""
        identity, number, before = self.nodes.get(code, (new_id(), 0, {"kind": kind, "code": code, "title": code}))
        if "parent" in body:
            body["parent_id"] = self.nodes[body.pop("parent")][0]
        whole = before | body
        with self.system.database.write() as session:
            state(session, self.system, identity, whole, expected=number)
            stale.mark_late(session, stale.below("demo", [identity]), self.system.clock())
        self.nodes[code] = (identity, number + 1, whole)

    def event(self, name: str, reference: str, day: str, event_id: str | None = None) -> events.Event:
        """Declare an event."""
        with self.system.database.write() as session:
            occurrence, now = Occurrence(name, reference, D(day)), self.system.clock()
            ledger, given = self.system.ledger, event_id or new_id()
            return events.declare(session, ledger, "demo", given, occurrence, agent="user:1", now=now)[0]

    def correct(self, event_id: str, day: str | None, expected: int) -> events.Event:
        """Correct an event; None withdraws it."""
        with self.system.database.write() as session:
            return events.correct(
                session,
                self.system.ledger,
                "demo",
                event_id,
                occurred_on=D(day) if day else None,
                reason=None,
                expected=expected,
                agent="user:1",
                now=self.system.clock(),
            )

    def settle(self) -> int:
        """Let the job pass; return how many were revised."""
        done = recompute_stale(self.system.stores)
        assert done.failed == {}
        assert not is_any_stale(self.system.database)
        return done.revised

    def row(self, record: str) -> RecordRow:
        with self.system.database.read() as session:
            return session.get_one(RecordRow, record)

    def dates(self, record: str) -> tuple[date | None, date | None]:
        row = self.row(record)
        return row.ends_on, row.due_on


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def town(databases: Databases, tmp_path: Path, keys: Path, watch: Watch) -> Iterator[Town]:
    fresh = databases.fresh(tmp_path / "home")
    settings = fresh.settings if fresh.url.startswith("postgresql") else {}
    with opened(tmp_path / "home", keys, clock=watch, **settings) as system:
        yield Town(system, tmp_path)


def test_e1_e3_an_event_dates_every_document_of_its_case(town: Town) -> None:
    town.rule("marche", 10, "contract_end")
    three = [town.keep(document_type="marche", external_reference="MAR-2021-07") for _ in range(3)]
    other = town.keep(document_type="marche", external_reference="MAR-2021-08")
    assert {town.row(one).basis for one in three} == {"start_missing"}

    stated = town.event("contract_end", "MAR-2021-07", "2024-06-30", "fin")
    assert {town.row(one).stale_since is None for one in three} == {False}, "until the job has passed"
    assert town.row(other).stale_since is None
    assert town.settle() == 3
    fourth = town.keep(document_type="marche", external_reference="MAR-2021-07")
    assert {town.dates(one) for one in (*three, fourth)} == {(D("2034-06-30"), D("2034-07-01"))}, "E1"
    assert town.row(fourth).revision == 1
    assert town.dates(other) == (None, None)
    assert "la fin du contrat (30\xa0juin\xa02024)" in town.row(three[0]).retention_explanation
    entry = town.row(three[0]).last_entry
    with town.system.database.read() as session:
        assert session.get_one(JournalEntryRow, entry).type == "RecordRecomputed"
    assert verify(town.system.stores, "demo", three[0]).verdict.value == "intact"

    again = town.event("contract_end", "MAR-2021-07", "2024-06-30", "fin")
    assert (again.number, again.entry) == (stated.number, stated.entry), "the same declaration"
    with pytest.raises(Refused) as refused:
        town.event("contract_end", "MAR-2021-07", "2024-07-01", "fin")
    assert refused.value.code == "event_differs"

    town.correct("fin", "2024-07-31", 1)
    assert town.settle() == 4
    assert {town.dates(one)[1] for one in (*three, fourth)} == {D("2034-08-01")}, "E3"
    with pytest.raises(Refused) as refused:
        town.correct("fin", None, 1)
    assert refused.value.code == "precondition_failed"
    town.correct("fin", None, 2)
    assert town.settle() == 4
    assert {town.dates(one) for one in (*three, fourth)} == {(None, None)}, "E3, withdrawn"
    with town.system.database.read() as session:
        told = events.told_about(session, "demo", "MAR-2021-07")
    assert [(one.number, one.change) for one in told] == [(1, "declared"), (2, "corrected"), (3, "withdrawn")]


def test_e3_the_latest_statement_counts_and_of_last_decisions_the_latest_date(town: Town) -> None:
    town.rule("marche", 1, "contract_end")
    town.rule("aide", 1, "last_decision")
    contract = town.keep(document_type="marche", external_reference="A")
    aid = town.keep(document_type="aide", external_reference="A")
    for day in ("2024-06-30", "2023-06-30"):
        town.event("contract_end", "A", day)
        town.event("last_decision", "A", day)
    town.settle()
    assert town.dates(contract)[0] == D("2024-06-30")
    assert town.dates(aid)[0] == D("2025-06-30")


def test_d13_d14_a_year_and_an_end_that_were_given(town: Town) -> None:
    town.rule("facture", 10, "fiscal_year_end")
    town.rule("contrat", 10, "contract_end")
    invoice = town.keep(document_type="facture", document_date=D("2020-01-15"), fiscal_year="2019")
    assert town.dates(invoice) == (D("2029-12-31"), D("2030-01-01")), "D13"
    contract = town.keep(document_type="contrat", external_reference="C")
    town.event("contract_end", "C", "2029-06-30")  # told in 2026: fixed in advance
    town.settle()
    assert town.dates(contract) == (D("2039-06-30"), D("2039-07-01")), "D14"


def test_e2_an_event_that_cannot_be_true_changes_nothing(town: Town) -> None:
    tomorrow = (town.system.clock().date() + timedelta(1)).isoformat()
    for name, reference, day, pointer in (
        ("death_date", "X", tomorrow, "/occurred_on"),
        ("contract_end", "", "2024-06-30", "/reference"),
        ("document_date", "X", "2024-06-30", "/event"),
        ("contract_end", "X", "0999-06-30", "/occurred_on"),
    ):
        with pytest.raises(Refused) as refused:
            town.event(name, reference, day)
        assert (refused.value.code, refused.value.pointer) == ("bad_event", pointer)
    with town.system.database.read() as session:
        assert events.page(session, "demo") == []
    town.event("death_date", "X", town.system.clock().date().isoformat())


def test_r1_r2_r3_the_nearest_declaration_and_several_places(town: Town) -> None:
    for code, years, start, action in (
        ("D10", 10, "document_date", "destroy"),
        ("K30", 30, "document_date", "keep"),
        ("D5", 5, "calendar_year_end", "destroy"),
        ("K10", 10, "calendar_year_end", "keep"),
    ):
        town.rule(code, years, start, action)
    town.node("2", retention={"rules": ["D10"]})
    town.node("2.1", parent="2")
    town.node("2.3", parent="2", retention={"rules": ["K30"]})
    town.node("2.4", parent="2", retention={"block_all": True})
    town.node("F1", "file", closed_on="2020-12-31", retention={"rules": ["D5"]})
    town.node("F2", "file", closed_on="2018-12-31", retention={"rules": ["K10"]})
    day = D("2020-05-10")
    low, high, blocked = (town.keep(document_date=day, classification=code) for code in ("2.1", "2.3", "2.4"))
    row = town.row(low)
    assert (row.rule_code, row.ends_on, row.final_action) == ("D10", D("2030-05-10"), "destroy"), "R1"
    assert "la classe 2 «" in row.retention_explanation
    row = town.row(high)
    assert (row.rule_code, row.ends_on, row.final_action) == ("K30", D("2050-05-10"), "keep"), "R1"
    row = town.row(blocked)
    assert (row.basis, row.ends_on, row.final_action) == ("no_end", None, "keep"), "R2"
    both = town.row(town.keep(document_date=day, file="F1; F2"))
    assert (both.ends_on, both.final_action, both.basis) == (D("2028-12-31"), "keep", "final_action_conflict"), "R3"
    assert "final_action_conflict" in {remark["code"] for remark in both.warnings}
    assert [(part["rule"], part["file"], part["ends_on"]) for part in both.retention_parts or ()] == [
        ("D5", "F1", "2025-12-31"),
        ("K10", "F2", "2028-12-31"),
    ]
    unknown = town.row(town.keep(document_date=day, document_type="D10", file="F9"))
    assert (unknown.ends_on, [remark["code"] for remark in unknown.warnings]) == (D("2030-05-10"), ["file_unknown"])
    town.node("2", retention={"rules": ["K30"]})
    assert town.settle() == 1, "what is declared nearer stays"
    assert town.row(low).ends_on == D("2050-05-10")


def test_r4_r5_a_version_moves_the_end_and_shortens_no_lock(town: Town, watch: Watch) -> None:
    town.rule("dossier", 10, "file_closing")
    record = town.keep(document_type="dossier", closed_on=D("2019-12-31"))
    assert town.dates(record)[0] == D("2029-12-31")
    with town.system.database.read() as session:
        locks = {one.key: one.locked_until for one in rows.placed(session, record)}
    watch.now += timedelta(days=1)
    town.rule("dossier", 5, "file_closing")
    assert town.settle() == 1
    row = town.row(record)
    assert (row.ends_on, row.rule_version) == (D("2024-12-31"), 2), "R4"
    with town.system.database.read() as session:
        now = {one.key: one.locked_until for one in rows.placed(session, record)}
    assert all(now[key] >= lock for key, lock in locks.items() if lock), "no lock of the store is shortened"
    town.rule("dossier", 15, "file_closing")
    assert town.settle() == 1
    assert town.dates(record)[0] == D("2034-12-31"), "R5"
    town.rule("dossier", 1, "file_closing", validated_at=None)
    assert town.settle() == 0, "a draft takes no validated version's place"


def test_r6_a_file_that_is_opened_again_has_no_date(town: Town) -> None:
    town.rule("dossier", 10, "calendar_year_end")
    town.node("F", "file", closed_on="2019-06-30")
    record = town.keep(document_type="dossier", document_date=D("2018-01-01"), file="F")
    assert town.dates(record)[1] == D("2030-01-01")
    town.node("F", "file", closed_on=None)
    assert town.settle() == 1
    assert (town.dates(record), town.row(record).basis) == ((None, None), "start_missing")
    town.node("F", "file", closed_on="2029-11-20")
    assert town.settle() == 1
    assert town.dates(record)[1] == D("2040-01-01")


def test_a2_a3_births_and_deaths_are_events_that_feed_access(town: Town) -> None:
    medical = town.keep(external_reference="P", access_rule="AR043")
    person = town.keep(external_reference="P", access_rule="AR052", document_date=D("1960-01-01"))
    assert (town.row(medical).communicable_on, town.row(person).communicable_on) == (None, D("2035-01-02"))
    town.event("birth_date", "P", "1920-07-14")
    town.settle()
    assert town.row(medical).communicable_on == D("2040-07-15"), "A2, death unknown"
    town.event("death_date", "P", "1998-03-01", "mort")
    town.settle()
    assert town.row(medical).communicable_on == D("2023-03-02"), "A2"
    town.correct("mort", "1990-06-30", 1)
    town.settle()
    assert town.row(person).communicable_on == D("2015-07-01"), "A3"


def test_a4_the_newest_document_of_a_file_dates_them_all(town: Town) -> None:
    town.node("F", "file")
    first = town.keep(file="F", document_date=D("1980-11-03"), access_rule="AR048")
    older = town.keep(file="F", document_date=D("1979-01-01"), access_rule="AR048")
    assert {town.row(one).communicable_on for one in (first, older)} == {D("2030-11-04")}
    assert town.row(first).stale_since is None, "an older one moves nothing"
    newer = town.keep(file="F", document_date=D("1981-02-02"), access_rule="AR048")
    assert town.settle() == 2
    assert {town.row(one).communicable_on for one in (first, older, newer)} == {D("2031-02-03")}
    stores = town.system.stores
    describe(stores, "demo", newer, {"file": None}, agent="user:1", expected_revision=1)
    assert town.settle() == 2
    assert {town.row(one).communicable_on for one in (first, older)} == {D("2030-11-04")}


def test_an_event_that_comes_while_a_record_is_written_is_not_lost(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.rule("marche", 10, "contract_end")
    read_back, left = ocfl_versions.read_back, [("R", "2024-06-30")]

    def meanwhile(*given: Any) -> None:
        read_back(*given)
        if left:
            town.event("contract_end", *left.pop())

    monkeypatch.setattr(ocfl_versions, "read_back", meanwhile)
    record = town.keep(document_type="marche", external_reference="R")
    assert (town.dates(record)[0], town.row(record).stale_since is None) == (None, False)
    assert town.settle() == 1
    assert town.dates(record)[0] == D("2034-06-30")

    left.append(("R", "2025-06-30"))
    describe(town.system.stores, "demo", record, {"title": "Autre"}, agent="user:1", expected_revision=2)
    assert town.row(record).stale_since is not None, "written under the earlier event"
    town.settle()
    assert town.dates(record)[0] == D("2035-06-30")

    town.event("contract_end", "R", "2026-01-31")
    left.append(("R", "2026-02-28"))
    done = recompute_stale(town.system.stores)
    assert (done.revised, is_any_stale(town.system.database)) == (1, True), "revised under what was known"
    town.settle()
    assert town.dates(record)[0] == D("2036-02-28")


def test_an_event_and_a_revision_never_wait_for_each_other(town: Town) -> None:
    """Both lock the record and append to the journal: in the same order."""
    town.rule("marche", 10, "contract_end")
    record, holds_the_row, failed = town.keep(document_type="marche", external_reference="R"), Event(), []

    def revised() -> None:
        try:
            with town.system.database.write() as session:
                session.get_one(RecordRow, record, with_for_update=True)
                holds_the_row.set()
                time.sleep(0.3)
                facts = {"verdict": "intact", "checks": 0}
                kind, subject = EntryType.FIXITY_CHECKED, f"record:{record}"
                town.system.ledger.append(session, type=kind, tenant="demo", subject=subject, agent=None, facts=facts)
        except Exception as error:
            failed.append(error)

    writer = Thread(target=revised)
    writer.start()
    holds_the_row.wait()
    town.event("contract_end", "R", "2024-06-30")
    writer.join()
    assert failed == []
    assert town.settle() == 1


def test_a_run_that_dies_resumes_where_it_stopped(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.rule("marche", 10, "contract_end")
    records = [town.keep(document_type="marche", external_reference="R") for _ in range(4)]
    town.event("contract_end", "R", "2024-06-30")
    write, written = job.write_version, []

    def dies(*given: Any, **more: Any) -> Any:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(write(*given, **more))
        return written[-1]

    monkeypatch.setattr(job, "BATCH", 3)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(job, "write_version", dies)
        recompute_stale(town.system.stores)
    assert sorted(town.row(one).stale_since is None for one in records) == [False, False, True, True]
    assert town.settle() == 2
    assert {(town.dates(one)[0], town.row(one).revision) for one in records} == {(D("2034-06-30"), 2)}


def test_a_day_alone_brings_a_version_into_force(town: Town) -> None:
    """The daily comparison needs no mark."""
    town.rule("dossier", 10, "file_closing")
    record = town.keep(document_type="dossier", closed_on=D("2019-12-31"))
    town.rule("dossier", 5, "file_closing")
    with town.system.database.write() as session:
        session.get_one(RecordRow, record).stale_since = None
    assert recompute(town.system.stores) == (1, {})
    assert town.dates(record)[0] == D("2024-12-31")


def test_records_of_an_earlier_version_get_the_basis_that_their_record_tells(town: Town) -> None:
    town.rule("libre", 1, "document_date")
    town.rule("toujours", 1, "document_date", duration=None)
    records = [
        town.keep(document_type="libre", document_date=D("2020-12-31")),
        town.keep(document_type="libre"),
        town.keep(document_type="toujours"),
        town.keep(),
    ]
    before = [(town.row(one).basis, town.row(one).due_on) for one in records]
    assert [basis for basis, _ in before] == ["dated", "start_missing", "no_end", "rule_missing"]
    migration = import_module("archive.database.migrations.versions.0015_recomputing")
    with town.system.database.write() as session:
        session.execute(update(RecordRow).values(basis=None, due_on=None))
        for statement in migration.filling(session.get_bind().dialect.name):
            session.execute(text(statement))
    assert [(town.row(one).basis, town.row(one).due_on) for one in records] == before
    told = [record_json.row_values(_of_before(town, one)) for one in records]
    assert [(one["basis"], one["due_on"]) for one in told] == before, "a rebuild says the same"


def _of_before(town: Town, record: str) -> dict[str, Any]:
    """``record.json`` as an earlier version wrote it."""
    current, _ = revision_in_force(town.system.stores, town.row(record))
    for name in ("due_on", "basis", "parts"):
        del current["retention"][name]
    return current


def test_the_effect_is_told_before_it_is_made(town: Town) -> None:
    town.rule("marche", 10, "contract_end")
    town.rule("libre", 1, "document_date")
    for _ in range(3):
        town.keep(document_type="marche", external_reference="R")
    town.keep(document_type="libre", document_date=D("2020-01-01"), external_reference="R")
    occurrence = Occurrence("contract_end", "R", D("2024-06-30"))
    with town.system.database.read() as session:
        told = event_effects.effect_of_event(session, "demo", "x", "R", occurrence, town.system.clock())
    assert (told.records, told.changed, told.earliest_due_on, told.without_end) == (4, 3, D("2034-07-01"), 0)
    town.event("contract_end", "R", "2024-06-30", "x")
    assert town.settle() == told.changed
    with town.system.database.read() as session:
        told = event_effects.effect_of_event(session, "demo", "x", "R", None, town.system.clock())
    assert (told.changed, told.earliest_due_on, told.without_end) == (3, None, 3)


def test_after_a_rebuild_everything_is_stale_until_the_job_has_passed(tmp_path: Path, keys: Path) -> None:
    with opened(tmp_path / "home", keys) as system:
        town = Town(system, tmp_path)
        record = town.keep(document_type="deliberation", external_reference="R", document_date=D("2020-01-01"))
        town.event("contract_end", "R", "2024-06-30", "fin")
        town.settle()
        system.statements.settle()
        system.publisher.publish(force_token=True)
        before = town.row(record)
        lose_database(system)
    after = system_at(tmp_path / "home")
    after.prepare_rebuild()
    Custody(after).rebuild()
    again = Town(after, tmp_path)
    assert again.row(record).stale_since is not None
    done = recompute_stale(after.stores)
    assert (done.revised, done.right, done.failed) == (0, 1, {})
    assert (again.dates(record), again.row(record).revision) == ((before.ends_on, before.due_on), before.revision)
    with after.database.read() as session:
        assert [one.occurrence.occurred_on for one in events.told_about(session, "demo", "R")] == [D("2024-06-30")]
        assert session.scalars(select(RecordNodeRow)).all() == []
    after.close()
