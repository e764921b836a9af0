"""A tenant of a million kept records, its rows made by SQL on either database.

Days are spread over fifty years, a third of them the first of January; thirty rules in three final
actions, forty services, files of fifty records and one of a tenth of all, holds, events, requests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Index, insert, text
from sqlalchemy.orm import Session

from archive.catalogue import filing_plan
from archive.catalogue.access_steps import registered
from archive.catalogue.events import subject_of
from archive.catalogue.statements import digest_of, read
from archive.database import retention_counters
from archive.database.access_tables import AccessRequestRow
from archive.database.engine import Database
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow, RetentionEventRow, StatementRow
from archive.database.tables import (
    DocumentTypeRow,
    HeldRecordRow,
    HoldRow,
    RecordRow,
    RepresentationRow,
    RetentionRuleRow,
)
from archive.model.access_requests import AccessKind
from archive.model.days import Today
from archive.model.identifiers import new_id
from archive.model.statement_kinds import StatementKind
from ingestion.assembly import System
from signing.ground.canonical import canonical
from signing.ground.clock import stamp
from tests.holdings import keep

TENANT: Final = "demo"
PER_FILE: Final = 50
RULES, TYPES, SERVICES, CLASSES = 30, 25, 40, 300
HOLDS, HELD_BY_LARGEST = 2_000, 50_000
EVENTS: Final = 20_000
REQUESTS: Final = 20_000
MONTHS: Final = 36
"""The last months, over which the records came in."""


@dataclass(frozen=True)
class World:
    """What was made.

    Attributes:
        large: The file of a tenth of all records.
        leaf: A class with files.
        hold: The hold over the most records.
    """

    records: int
    today: date
    top: str
    leaf: str
    file: str
    large: str
    hold: str

    def record(self, n: int) -> str:
        """Return the identifier of the record of this number."""
        return f"{n + 1:08x}-0000-7000-8000-{n + 1:012x}"


def fill(system: System, owner: Database, folder: Path, records: int) -> World:
    """Make the rows; the counts are made last, as a migration makes them.

    Args:
        owner: The same database, seen by the role that owns its tables.
    """
    system.create_tenant(TENANT, "Démonstration")
    model, now = keep(system, folder, 1), system.clock()
    today = now.date()
    classes, files = _ids(CLASSES), _ids(records // PER_FILE)
    with owner.write() as session:
        session.add_all(_rules(now))
        session.add_all(_types())
        session.flush()
        _plan(session, classes, files, today)
        _weigh(session.connection())
        with _bare(session.connection()):
            _records(session, model, records, now, sqlite=owner.is_sqlite)
        hold = _holds(session, records, now, sqlite=owner.is_sqlite)
        _events(session, records, now)
        _requests(session, now)
    _settle(owner)
    return World(records, today, classes[0], classes[-1], files[-1], files[0], hold)


def _settle(owner: Database) -> None:
    """Do what each database does by itself in time, and the product every minute and hour."""
    with owner.write() as session:
        retention_counters.compact(session.connection())
    owner.refresh_statistics()
    raw = owner.engine.raw_connection()
    if owner.is_sqlite:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        raw.driver_connection.autocommit = True  # type: ignore[union-attr]
        raw.cursor().execute("VACUUM ANALYZE")
    raw.close()


def _weigh(connection: Connection) -> None:
    """Let PostgreSQL know what was just written, so that it joins it with sense."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE records")
        connection.exec_driver_sql("ANALYZE plan_nodes")
        connection.exec_driver_sql("ANALYZE representations")


@contextmanager
def _bare(connection: Connection) -> Iterator[None]:
    """Leave out triggers and indexes meanwhile, as who fills a table at once does."""
    retention_counters.withdraw(connection)
    indexes: list[Index] = [
        one for table in (RecordRow, RecordNodeRow, RepresentationRow) for one in table.__table__.indexes
    ]
    for one in indexes:
        one.drop(connection)
    yield
    for one in indexes:
        one.create(connection)
    retention_counters.install(connection)


def _ids(number: int) -> list[str]:
    return [new_id() for _ in range(number)]


def _rules(now: datetime) -> Iterator[RetentionRuleRow]:
    for n in range(RULES):
        yield RetentionRuleRow(
            tenant_id=TENANT,
            code=f"R-{n}",
            version=1,
            label=f"Règle {n}",
            duration=10,
            unit="YEAR",
            start_event="document_date",
            final_action=("destroy", "keep", "sort")[n % 3],
            source="[V] essai",
            validated_at=now if n % 5 else None,
            created_at=now,
        )


def _types() -> Iterator[DocumentTypeRow]:
    for n in range(TYPES):
        yield DocumentTypeRow(tenant_id=TENANT, code=f"type{n}", label=f"Type {n}", rule_code=f"R-{n}")


def _rule_of_file(n: int) -> int:
    """Return the number of a file's rule: one in nine has the same, over 100,000 records."""
    return 1 if n % 9 == 1 else n % RULES


def _closing(n: int, today: date) -> date | None:
    """Return the day on which a file was closed: a third at a year's end, one in twenty is open."""
    if n % 20 == 19:
        return None
    if n % 3 == 0:
        return date(1991 + n * 31 % 35, 12, 31)
    return date(1991, 1, 1) + timedelta(days=n * 7919 % (today - date(1991, 1, 1)).days)


def _plan(session: Session, classes: list[str], files: list[str], today: date) -> None:
    above = [None, *(classes[(n - 1) // 8] for n in range(1, len(classes)))]
    common = {"tenant_id": TENANT, "number": 0, "removed": False}
    told = [
        common
        | {
            "id": one,
            "kind": "class",
            "code": f"C{n:04}",
            "title": f"Classe {n}",
            "parent_id": above[n],
            "retention": None,
        }
        for n, one in enumerate(classes)
    ]
    told += [
        common
        | {
            "id": one,
            "kind": "file",
            "code": f"F{n:06}",
            "title": f"Dossier {n}",
            "parent_id": classes[n % len(classes)],
            "producer": f"Service {n % SERVICES}",
            "closed_on": _closing(n, today),
            "retention": {"rules": [f"R-{_rule_of_file(n)}"]},
        }
        for n, one in enumerate(files)
    ]
    session.execute(insert(PlanNodeRow), told)


def _records(session: Session, model: str, records: int, now: datetime, *, sqlite: bool) -> None:
    """Add the rows like that of the model, each with what is its own, then forms and places."""
    own = _own(records, now, sqlite=sqlite)
    names = [column.name for column in RecordRow.__table__.columns]
    taken = ", ".join(own.get(name, f"m.{name}") for name in names)
    padded = "substr('000000' || CAST(f AS TEXT), -6)" if sqlite else "lpad(CAST(f AS TEXT), 6, '0')"
    session.execute(
        text(
            f"INSERT INTO records ({', '.join(names)}) SELECT {taken} FROM (SELECT n, f, rule, type, filed, "
            "p.code AS code, CASE WHEN filed = 1 THEN p.closed_on ELSE dated END AS start, dated "
            "FROM (SELECT n, f, CASE WHEN n % 25 = 24 THEN 0 ELSE 1 END AS filed, "
            f"(f + n % 3) % {TYPES} AS type, CASE WHEN n % 25 = 24 THEN (f + n % 3) % {TYPES} "
            f"WHEN f % 9 = 1 THEN 1 ELSE f % {RULES} END AS rule, "
            f"{_day('2000-01-01', 'n % 9000', sqlite=sqlite)} AS dated FROM "
            "(SELECT n, CASE WHEN n < :large THEN 0 ELSE n / :each END AS f "
            f"FROM {_series(records, sqlite=sqlite)}) i) j "
            f"LEFT JOIN plan_nodes p ON p.tenant_id = :tenant AND p.code = 'F' || {padded}) k, records m "
            "WHERE m.id = :model"
        ),
        {"large": records // 10, "each": PER_FILE, "model": model, "tenant": TENANT},
    )
    forms = [column.name for column in RepresentationRow.__table__.columns]
    of_form = {"record_id": "r.id", "size": "r.bytes"}
    taken = ", ".join(of_form.get(name, f"m.{name}") for name in forms)
    session.execute(
        text(
            f"INSERT INTO representations ({', '.join(forms)}) SELECT {taken} FROM records r, representations m "
            "WHERE m.record_id = :model AND m.kind = 'original' AND r.id <> :model"
        ),
        {"model": model},
    )
    _weigh(session.connection())
    session.execute(
        text(
            "INSERT INTO record_nodes (record_id, node_id, document_date, bytes) "
            "SELECT r.id, p.id, r.document_date, r.bytes FROM records r "
            "JOIN plan_nodes p ON p.tenant_id = r.tenant_id AND p.code = r.file"
        )
    )


def _series(records: int, *, sqlite: bool) -> str:
    if not sqlite:
        return f"generate_series(0, {records - 1}) n"
    return (
        f"(WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < {records - 1}) SELECT n FROM c) s"
    )


def _day(first: str, more: str, *, sqlite: bool) -> str:
    return f"date('{first}', '+' || ({more}) || ' days')" if sqlite else f"DATE '{first}' + {more}"


def _own(records: int, now: datetime, *, sqlite: bool) -> dict[str, str]:
    """Return the columns in which one record differs from another, as SQL about its number."""
    step, start = MONTHS * 30 * 86400 / records, now - timedelta(days=MONTHS * 30)
    number, day = "CAST({} AS TEXT)", "CAST({} AS DATE)"
    if sqlite:
        ident = "printf('%08x-0000-7000-8000-%012x', n + 1, n + 1)"
        at = (
            f"strftime('%Y-%m-%d %H:%M:%S', '{start:%Y-%m-%d %H:%M:%S}', "
            f"'+' || CAST(n * {step:.4f} AS INTEGER) || ' seconds') || '.000000'"
        )
        ends, due = "date(k.start, '+10 years')", "date(k.start, '+10 years', '+1 day')"
        as_json, nothing = "{}", "NULL"
    else:
        ident = "lpad(to_hex(n + 1), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(n + 1), 12, '0')"
        at = f"TIMESTAMPTZ '{start:%Y-%m-%d %H:%M:%S}+00' + n * INTERVAL '{step:.4f} seconds'"
        ends = "CAST(k.start + INTERVAL '10 years' AS DATE)"
        due, as_json, nothing = f"{ends} + 1", "CAST({} AS json)", day.format("NULL")
    rule = f"'R-' || {number.format('k.rule')}"
    told = {"rule_version": 1, "start_event": "document_date", "level": "file", "node": None, "file": None}
    part = json.dumps([{"rule": "R-?", **told, "final_action": "keep", "basis": "dated"}])
    return {
        "id": ident,
        "deposit_id": f"'d' || {number.format('n')}",
        "kept_at": at,
        "kept_entry": "n + 1000",
        "title": f"'Document numéro ' || {number.format('n')}",
        "document_type": f"'type' || {number.format('k.type')}",
        "producer": f"CASE WHEN n % 97 = 0 THEN NULL ELSE 'Service ' || {number.format(f'k.f % {SERVICES}')} END",
        "document_date": "k.dated",
        "closed_on": nothing,
        "external_reference": f"'REF-' || {number.format('k.f')}",
        "file": "CASE WHEN k.filed = 1 THEN k.code END",
        "rule_code": rule,
        "rule_version": "1",
        "starts_on": "k.start",
        "ends_on": ends,
        "due_on": due,
        "basis": "CASE WHEN k.start IS NULL THEN 'start_missing' ELSE 'dated' END",
        "retention_parts": as_json.format(f"replace('{part}', 'R-?', {rule})").replace(":", chr(92) + ":"),
        "stale_since": "NULL",
        "final_action": "CASE k.rule % 3 WHEN 0 THEN 'destroy' WHEN 1 THEN 'keep' ELSE 'sort' END",
        # as its form has it: else each row is written a second time, when triggers are made
        "locked_until": "(SELECT locked_until FROM representations WHERE record_id = :model AND kind = 'original')",
        "bytes": "1000 + n % 5000",
    }


def _holds(session: Session, records: int, now: datetime, *, sqlite: bool) -> str:
    """Place holds of ten records, and one of many; return that one."""
    made = _ids(HOLDS)
    common = {"tenant_id": TENANT, "placed_by": "user:1", "placed_salt": "00", "scope": "list"}
    session.execute(
        insert(HoldRow),
        [
            common
            | {
                "id": one,
                "reason": f"Contentieux {n}",
                "reference": f"TA-{n}",
                "until": date(2040, 1, 1) if n % 2 else None,
                "placed_at": now,
                "settled_at": now,
                "released_at": now if n % 5 == 4 else None,
                "review_on": date(2026, 1, 1) + timedelta(days=n % 700),
                "query": None,
                "forbids_move": False,
                "restricts_reading": False,
            }
            for n, one in enumerate(made)
        ],
    )
    number = min(HELD_BY_LARGEST, records // 20)
    covered = [(made[0], n * 7 % records) for n in range(number)]
    covered += [(one, (n * 101 + k) % records) for n, one in enumerate(made[1:]) for k in range(10)]
    session.execute(
        insert(HeldRecordRow),
        [
            {"hold_id": hold, "record_id": f"{n + 1:08x}-0000-7000-8000-{n + 1:012x}", "settled_at": now}
            for hold, n in sorted(set(covered), key=lambda one: one[1])
        ],
    )
    return made[0]


def _events(session: Session, records: int, now: datetime) -> None:
    statements, rows = [], []
    for n in range(EVENTS):
        reference = f"REF-{n % (records // PER_FILE)}"
        body = {
            "id": f"EV-{n}",
            "event": "contract_end",
            "reference": reference,
            "occurred_on": (date(2015, 1, 1) + timedelta(days=n % 3000)).isoformat(),
            "withdrawn": n % 40 == 0,
            "reason": None,
        }
        told = _stated(StatementKind.EVENT, subject_of(TENANT, f"EV-{n}"), "declared", body, now, 10_000_000 + n)
        statements.append(told)
        rows.append(filing_plan.columns(read(told["content"]), told["entry"]))
    session.execute(insert(StatementRow), statements)
    session.execute(insert(RetentionEventRow), rows)


def _requests(session: Session, now: datetime) -> None:
    statements, rows = [], []
    today = Today(now.date(), trusted=True)
    for n in range(REQUESTS):
        body = registered(
            AccessKind.DEROGATION if n % 4 == 0 else AccessKind.COMMUNICATION,
            requester=f"Lectrice {n}",
            contact=None,
            subject=f"Dossiers du quartier {n % 300}",
            motive="Thèse",
            records=[],
            registered_on=today.day - timedelta(days=n % 900),
            today=today,
        )
        told = _stated(StatementKind.REQUEST, new_id(), "registered", body, now, 20_000_000 + n)
        statements.append(told)
        rows.append(filing_plan.columns(read(told["content"]), told["entry"]))
    session.execute(insert(StatementRow), statements)
    session.execute(insert(AccessRequestRow), rows)


def _stated(
    kind: StatementKind, subject: str, change: str, body: dict[str, Any], now: datetime, entry: int
) -> dict[str, Any]:
    """Return the row of a statement that the store is said to have."""
    document = {
        "v": 1,
        "type": "statement",
        "kind": kind.value,
        "subject": subject,
        "number": 1,
        "tenant": TENANT,
        "change": change,
        "at": stamp(now),
        "body": body,
        "salt": "00" * 16,
    }
    content = canonical(document)
    return {
        "kind": kind.value,
        "subject": subject,
        "number": 1,
        "tenant_id": TENANT,
        "content": content,
        "sha256": digest_of(content),
        "agent": "user:1",
        "entry": entry,
        "settled_at": now,
    }
