"""Every column of every table is changed once by SQL: a reader finds it, or is said not to look.

One home, one world: each change is made, looked for, and taken back. The table in
``docs/operations/checks.md`` lists what no reader looks for; a new column without an answer fails.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Integer,
    LargeBinary,
    NullPool,
    String,
    Table,
    create_engine,
    text,
)

import api.access.tables  # noqa: F401 - so that every table exists
from archive.catalogue import producer_changes
from archive.catalogue.access_requests import Desk
from archive.catalogue.producer_changes import ProducerChange
from archive.custody.findings import Findings
from archive.custody.findings import Kind as FindingKind
from archive.custody.reconcile.journal import JournalReconciliation
from archive.custody.reconcile.store import StoreReconciliation
from archive.database.engine import Base, UtcDateTime
from archive.database.tables import RecordRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, visas
from archive.disposition.disposals.bordereau import Draft
from archive.disposition.disposals.decisions import Answer, Answers
from archive.disposition.disposals.visas import VisaGiven
from archive.disposition.holds.query import parse_query
from archive.disposition.holds.reviews import review
from archive.disposition.holds.terms import Scope, ScopeKind, Terms
from archive.disposition.reports import run as stocktaking
from archive.disposition.reports.stocktaking import Asked, Signatory
from archive.disposition.sorting import draw, freeze
from archive.holdings.describe import describe
from archive.holdings.verify import verify
from archive.model.access_requests import AccessKind
from archive.model.agreement_terms import read_agreement
from archive.model.disposals import Direction, DisposalAction, LineDecision, VisaMeans, VisaStep
from archive.model.identifiers import new_id
from archive.model.records import Kind
from archive.model.services import read_service
from archive.model.statement_kinds import StatementKind
from archive.objects.disposal_keys import ScanKey
from archive.objects.fixity import Fixity
from ingestion.assembly import System
from ingestion.operations.agreement import Agreement
from ingestion.operations.custody import Custody
from ingestion.reception.staging import Staging
from signing.ground.errors import Refused
from tests.holdings import filled, keep, receive, system_at
from tests.statements import state

DOCUMENT: Final = Path(__file__).parents[4] / "docs/operations/checks.md"
World = tuple[System, dict[str, str], Path]
TABLES: Final = [table for _, table in sorted(Base.metadata.tables.items())]


def answers() -> dict[str, str]:
    """What the document says of each column: a reader, or ``none``."""
    found = re.findall(r"^\| `([a-z_]+)\.([a-z_0-9]+|\*)` \| ([a-z]+) \|", DOCUMENT.read_text(), re.MULTILINE)
    told: dict[str, str] = {}
    for table, column, reader in found:
        names = [column] if column != "*" else [c.name for c in Base.metadata.tables[table].columns]
        for name in names:
            assert f"{table}.{name}" not in told, f"{table}.{name} is answered twice"
            told[f"{table}.{name}"] = reader
    return told


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[World]:
    """The system, its records with their tenants, its database before any change.

    Records, a hold in force and one released, past checks, a copy, a deposit that waits."""
    folder = tmp_path_factory.mktemp("columns")
    system = system_at(folder / "home", keys, CHARTRIER_COPY_PATH=str(folder / "copy"))
    system.initialise()
    system.create_tenant("demo", "Démonstration")
    records = filled(system, folder, 2)
    records.append(keep(system, folder, 7, forms=(Kind.ORIGINAL, Kind.ARCHIVAL, Kind.TEXT)))
    for record, tenant in ((records[0], "demo"), (records[0], "demo"), (records[1], "autre")):
        verify(system.stores, tenant, record, agent="user:1")
    _services_and_agreement(system)
    receive(system, b"%PDF waiting", "k1", title="Attendu", document_type="deliberation")
    for reason in ("Contentieux", "Enquête"):
        hold = system.holds.place(
            "demo", [records[0], records[2]], reason=reason, until=date(2090, 1, 1), agent="user:1"
        )
        assert system.holds.settle(hold) == {}
    query = Scope(ScopeKind.QUERY, query=parse_query({"document_type": "deliberation"}))
    standing = system.holds.place(
        "demo", query, reason="Audit", terms=Terms(review_on=date(2089, 1, 1)), agent="user:1"
    )
    review(
        system.database,
        system.ledger,
        system.clock,
        "demo",
        standing,
        comment="Vu",
        review_on=date(2090, 1, 1),
        owner="DAJ",
        agent="user:1",
    )
    assert system.holds.settle(standing) == {}
    system.holds.release("demo", hold, reason="Fin", agent="user:1")
    assert system.holds.settle(hold) == {}
    _file_and_event(system, records[2])
    _sorted(system, records[2])
    _requested(system, records[2])
    _visaed(system, records[0])
    _exchanged(system)
    _beside_a_bordereau(system)
    _took_stock(system)
    _record_of_the_deposit(system, records[2])
    system.publisher.publish(force_token=True)
    system.follower.catch_up()
    Custody(system).copy_everything()
    saved = folder / "saved.db"
    copy(path_of(system), saved)
    yield system, {records[0]: "demo", records[1]: "autre", records[2]: "demo"}, saved
    system.close()


def _services_and_agreement(system: System) -> None:
    """Register two services, and an agreement with the depositor of what comes next."""
    change = ProducerChange(system.register, "demo", "user:1")
    office = {"code": "DIR", "names": [{"name": "Direction"}], "rank": "direction"}
    old = {"code": "VOI", "names": [{"name": "Voirie", "valid_until": "2020-12-31"}], "parent": "DIR"}
    old |= {"opened_on": "2001-01-01", "closed_on": "2020-12-31", "successors": ["DIR"]}
    old["former_places"] = [{"rank": "bureau", "until": "2010-12-31"}]
    for one in (office, old):
        producer_changes.create_service(change, read_service(one))
    terms = {"code": "C-1", "title": "Versements", "reference": "2026-1", "depositors": ["key:1"], "services": ["DIR"]}
    terms |= {"document_types": ["deliberation"], "max_bytes": 1000, "max_per_month": 10}
    terms |= {"defaults": {"classification": "2"}, "valid_from": "2001-01-01", "valid_until": "2090-12-31"}
    producer_changes.create_agreement(change, read_agreement(terms))


def _file_and_event(system: System, record: str) -> None:
    """State a class, a file in it that holds the record, and an event; the store follows."""
    parent = new_id()
    plan: dict[str, Any] = {"kind": "class", "code": "2", "title": "Marchés", "producer": "Voirie"}
    file = {**plan, "kind": "file", "code": "MAR-1", "parent_id": parent, "opened_on": "2020-01-01"}
    event = {"event": "contract_end", "reference": "MAR-1", "occurred_on": "2024-06-30"}
    with system.database.write() as session:
        state(session, system, parent, plan)
        state(session, system, new_id(), file)
        state(session, system, new_id(), event, kind=StatementKind.EVENT)
    assert system.statements.settle().settled == 4
    with system.database.read() as session:
        revision = session.get_one(RecordRow, record).revision
    describe(system.stores, "demo", record, {"file": "MAR-1"}, agent="user:1", expected_revision=revision)


def _requested(system: System, record: str) -> None:
    """Register a request for access to one record; the store follows."""
    given = {"requester": "Une historienne", "contact": "", "subject": "Marchés", "motive": "Thèse"}
    with system.database.write() as session:
        desk = Desk(session, system.ledger, "demo", "user:1", system.clock())
        desk.register(AccessKind.DEROGATION, given | {"records": [record], "registered_on": None})
    assert system.statements.settle().settled == 1


def _sorted(system: System, record: str) -> None:
    """Draw a sample of one record, which is decided about by it; the store follows."""
    with system.database.write() as session:
        act = Act(session, system.ledger, "demo", "user:1", system.clock())
        criterion = {"method": "years", "endings": [6]}
        made = freeze(act, title="Tri", unit="record", units=[record], node=None, criterion=criterion)
        draw(act, made)
    assert system.statements.settle().settled == 3


def _visaed(system: System, record: str) -> None:
    """Submit a bordereau of one record, with the first of its visas; the store follows."""
    removed = {"action": DisposalAction.REMOVE, "direction": Direction.SERVICE_ASKS, "reason": "Erreur"}
    removed["readers"] = ("user:1", "user:2")
    answers = Answers(Answer(LineDecision.APPROVE))
    visa = VisaGiven(
        step=VisaStep.PRODUCER,
        means=VisaMeans.ACCOUNT,
        person="Cheffe",
        quality="Cheffe de service",
        identified_by="compte",
        answers=answers,
    )
    with system.database.write() as session:
        act = Act(session, system.ledger, "demo", "user:1", system.clock())
        made = bordereau.draft(act, Draft(title="Retrait", producer="Voirie", records=[record], **removed)).id
        bordereau.submit(act, made, None)
        visas.give(replace(act, agent="user:2"), made, None, visa)
    assert system.statements.settle().settled == 5


def _exchanged(system: System) -> None:
    """State a transfer that came, and one that is sent; the store follows."""
    came = {"identifier": "V-1", "sender": "VERSANT", "state": "taking", "outcome": "OK"}
    with system.database.write() as session:
        state(session, system, new_id(), came, kind=StatementKind.TRANSFER)
        state(session, system, new_id(), {"disposal_id": new_id()}, kind=StatementKind.DELIVERY)
    assert system.statements.settle().settled == 2


def _beside_a_bordereau(system: System) -> None:
    """State an opinion, a scan with its bytes, and a certificate without supplements."""
    disposal, content = new_id(), b"%PDF scan"
    digest = sha256(content).hexdigest()
    system.store.put(ScanKey("demo", disposal, digest).key, content, sha256=digest)
    scan = {"disposal_id": disposal, "sha256": digest, "size": len(content), "media_type": "application/pdf"}
    opinion = {"disposal_id": disposal, "person": "Une archiviste", "given_on": "2026-03-12"}
    with system.database.write() as session:
        state(session, system, new_id(), scan | {"verdict": "unread"}, kind=StatementKind.SCAN)
        state(session, system, new_id(), opinion, kind=StatementKind.OPINION)
        told = {"state": "executing", "supplements": []}
        state(session, system, new_id(), told, kind=StatementKind.CERTIFICATE)
    assert system.statements.settle().settled == 3


def _took_stock(system: System) -> None:
    """Take stock, and keep the minutes; the store follows."""
    given = Asked(date(2026, 3, 1), Signatory("Une maire", "maire"), None, Signatory("Un archiviste", "archiviste"))
    with system.database.write() as session:
        stocktaking.ask(Act(session, system.ledger, "demo", "user:1", system.clock()), given)
    assert system.stocktaker.run().issued == 1
    assert system.statements.settle().settled == 3


def _record_of_the_deposit(system: System, record: str) -> None:
    """Give a record that was kept by a short cut the row of its deposit."""
    from archive.database.tables import JournalEntryRow, RepresentationRow
    from archive.model.records import Digests
    from archive.objects.layout import DepositFolder
    from ingestion.reception.submission import request_digest
    from ingestion.tables import DepositRow
    from signing.ground.clock import parse_stamp

    with system.database.write() as session:
        row = session.get_one(RecordRow, record)
        original = session.get_one(RepresentationRow, (record, "original"))
        entry = session.query(JournalEntryRow).filter_by(subject=f"deposit:{row.deposit_id}").one()
        path = next((system.settings.home / "store/tenants").rglob(f"*{record}/v1/content/metadata/record.json"))
        told = json.loads(path.read_bytes())
        digests = Digests(original.sha256, original.sha512)
        session.add(
            DepositRow(
                id=row.deposit_id,
                tenant_id=row.tenant_id,
                idempotency_key="premier-x",
                request_digest=request_digest(row.filename, {}, original.size, digests),
                state="kept",
                version=1,
                agent="key:1",
                filename=row.filename,
                media_type=original.media_type,
                size=original.size,
                sha256=original.sha256,
                sha512=original.sha512,
                fields={},
                received_at=parse_stamp(told["deposit"]["received_at"]),
                updated_at=row.kept_at,
                staging_key=DepositFolder(row.tenant_id, row.deposit_id).content,
                staging_version="",
                entry=entry.n,
                leaf_hash=entry.leaf_hash,
                record_id=record,
                problem=None,
                priority=0,
                lease_owner=None,
                lease_until=None,
                fence=0,
                attempts=0,
            )
        )


# -- one change of one column


def changed(column: Column[Any], value: Any) -> Any:
    """Another value of the same kind, as plausible as the first."""
    kind = column.type
    if isinstance(kind, UtcDateTime):
        return (value - timedelta(days=400)) if value else datetime.fromisoformat("2020-01-01T00:00:00+00:00")
    if isinstance(kind, Boolean):
        return not value
    if isinstance(kind, Date):
        return (value - timedelta(days=400)) if value else date(2020, 1, 1)
    if isinstance(kind, JSON):
        return {**value, "x": 1} if isinstance(value, dict) else [*(value or []), {"verdict": "intact"}]
    if isinstance(kind, LargeBinary):
        return value[:-2] + bytes([value[-2] ^ 1, value[-1]]) if value else b"\0"
    if isinstance(kind, Integer | BigInteger) or kind.python_type in {int, float}:
        return (value or 0) + 1000
    assert isinstance(kind, String), kind
    if value is None:
        return "falsifié"
    return value[:-1] + ("0" if value[-1:] != "0" else "1")


def change(path: Path, table: Table, column: Column[Any]) -> bool:
    """Change one value of a column, as somebody who has the file; False where there is no row."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)  # it knows no foreign keys
    choose = CHOSEN.get(f"{table.name}.{column.name}") or CHOSEN.get(table.name, lambda _row: True)
    with engine.begin() as connection:
        for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        row = next((row for row in connection.execute(table.select()) if choose(row._mapping)), None)
        if row is None:
            return False
        where = [key == row._mapping[key.name] for key in table.primary_key.columns]
        value = VALUES.get(f"{table.name}.{column.name}") or changed(column, row._mapping[column.name])
        connection.execute(table.update().where(*where).values({column.name: value}))
    return True


def copy(source: Path, target: Path) -> None:
    """Copy a database over another."""
    with closing(sqlite3.connect(source)) as first, closing(sqlite3.connect(target)) as second:
        first.backup(second)


def path_of(system: System) -> Path:
    return system.settings.home / "chartrier.db"


@contextmanager
def tried(system: System, saved: Path) -> Iterator[None]:
    """Take back whatever is changed inside."""
    system.database.dispose()
    try:
        yield
    finally:
        system.database.dispose()
        copy(saved, path_of(system))


CHOSEN: Final[dict[str, Callable[[Any], bool]]] = {
    "records": lambda row: row["file"] is not None,
    "plan_nodes": lambda row: row["kind"] == "file",
    "holds": lambda row: row["released_at"] is not None,
    "journal_checkpoints": lambda row: row["number"] == 1,
    "journal_entries": lambda row: row["type"] == "RecordKept",
    "deposits": lambda row: row["state"] == "kept",
    "deposits.salts": lambda row: row["state"] == "received",
    "deposits.tenant_name": lambda row: row["state"] == "received",
    "copies": lambda row: row["record_id"] is not None,
    "stored_files": lambda row: row["key"].endswith("record.json"),
    "pseudonyms": lambda row: row["kind"] == "agent",
}
"""Which row is changed, where the first would show less than another."""

VALUES: Final[dict[str, Any]] = {
    "store_probes.assurance": "enforced",
    "records.state": "disposed",
    "deposits.state": "received",
    "retention_counters.held_until": date(2020, 1, 1),
    "retention_counters.not_before": date(2020, 1, 1),
    "retention_counters.locked_until": date(2020, 1, 1),
    "service_counters.held_until": date(2020, 1, 1),
    "service_counters.not_before": date(2020, 1, 1),
    "service_counters.locked_until": date(2020, 1, 1),
}
"""What would be claimed, where any other word would be refused."""


# -- who finds it


def agreement(system: System, _records: dict[str, str]) -> Findings:
    """What ``reconcile`` says of rows and entries."""
    findings = Findings()
    Agreement(system).check(findings, {}, routine=False)
    return findings


def listing(system: System, _records: dict[str, str]) -> Findings:
    """What ``reconcile`` says besides."""
    findings = Findings()
    StoreReconciliation(system.database, system.store, system.clock, pause=lambda _s: None).take(findings)
    journalled = JournalReconciliation(system.database, system.store, pause=lambda _s: None)
    journalled.catalogue(findings)
    journalled.published(findings)
    Staging(system.database, system.store, system.clock).check(findings)
    return findings


def verified(system: System, records: dict[str, str]) -> Findings:
    """What ``verify --all`` says."""
    findings = Findings()
    for record, tenant in records.items():
        try:
            result = verify(system.stores, tenant, record, agent="user:1")
        except Refused as error:
            findings.add(FindingKind.MISSING, "database", record, error.code)
        else:
            for check in result.checks:
                if check.verdict is not Fixity.INTACT:
                    findings.add(FindingKind.CHANGED, "database", record, check.name)
    return findings


def copied(system: System, _records: dict[str, str]) -> Findings:
    """What ``copies --check`` says."""
    findings = Findings()
    report = Custody(system).copy_everything(check=True)
    for kind, count in report["counts"].items():
        for _ in range(count):
            findings.add(FindingKind(kind), "copy", "", "")
    return findings


READERS: Final = {"reconcile": (agreement, listing), "verify": (verified,), "copies": (copied,)}
"""By the document's word, what is asked in turn: the quick part first."""


def found_by(system: System, records: dict[str, str], reader: str) -> list[str]:
    for ask in READERS[reader]:
        findings = ask(system, records)
        if findings.total:
            return [one.detail for one in findings.listed]
    return []


def test_nothing_is_found_before_anything_was_changed(world: World) -> None:
    system, records, _ = world
    for reader in READERS:
        assert found_by(system, records, reader) == [], reader
        system.publisher.publish()


def test_every_column_has_one_answer() -> None:
    columns = {f"{table.name}.{column.name}" for table in TABLES for column in table.columns}
    assert answers().keys() == columns


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_changed_column_is_found_by_the_reader_that_the_document_names(world: World, table: Table) -> None:
    system, records, saved = world
    told = answers()
    missed = []
    for column in table.columns:
        name = f"{table.name}.{column.name}"
        if told[name] == "none":
            continue
        with tried(system, saved):
            assert change(path_of(system), table, column), f"no row of {table.name} to change"
            if not found_by(system, records, told[name]):
                missed.append(name)
    assert missed == []


@pytest.mark.parametrize("name", ["idempotency_key", "media_type", "salts", "filename", "received_at", "staging_key"])
def test_a_deposit_that_waits_is_compared_with_what_lies_in_staging(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, records, saved = world
    monkeypatch.setitem(CHOSEN, "deposits", lambda row: row["state"] == "received")
    table = Base.metadata.tables["deposits"]
    with tried(system, saved):
        assert change(path_of(system), table, table.c[name])
        assert found_by(system, records, "reconcile")
