"""Each table on PostgreSQL: whose rows are seen, and what the serving role may do with them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import JSON, Table, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, ProgrammingError

import api.access.tables  # noqa: F401 - so that every table is known
import archive.database.tables  # noqa: F401
import ingestion.tables  # noqa: F401
from archive.database import row_security
from archive.database.engine import Base, Database
from archive.database.row_security import DECLARED
from archive.database.tenancy import EVERYTHING, NOTHING, acting_for
from archive.database.upgrade import migrate
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from signing.ground.clock import utc_now
from tests.servers.postgres import SERVING, Databases, Postgres, owned

OPENED = EntryType.LOG_OPENED

COUNTED = ("retention_counters", "service_counters")
TABLES: dict[str, Table] = dict(Base.metadata.tables)
GUARDED = sorted(
    (name for name, rows in DECLARED.items() if rows.own is not None), key=lambda name: (name in COUNTED, name)
)
"""The tables that triggers fill are the last."""
FIRST = ("tenants", "users", "deposits", "records", "holds", "visa_invitations")
"""Others refer to their rows."""
GROW_ONLY = ("held_records", "journal_entries", "revisions", "verifications")
UNTIL_GONE = ("revisions", "verifications")
"""They go with a record that was lawfully destroyed; a row that misses otherwise is found by
reconciliation."""
REFUSED = [
    (name, verb)
    for name in GROW_ONLY
    for verb in ("UPDATE", "DELETE", "TRUNCATE")
    if verb != "DELETE" or name not in UNTIL_GONE
]


def test_every_table_is_declared() -> None:
    assert sorted(DECLARED) == sorted([*TABLES, "alembic_version"])


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_with_a_tenant_shows_each_tenant_its_own(name: str) -> None:
    if "tenant_id" in TABLES[name].columns:
        own = DECLARED[name].own
        assert own is not None
        assert own.startswith("tenant_id = ")


def test_what_leads_to_a_tenants_row_is_guarded_too() -> None:
    """Through a foreign key, or through an id in words."""
    shared = sorted(name for name, rows in DECLARED.items() if rows.own is None)
    assert shared == [
        "alarms",
        "alembic_version",
        "clock",
        "custody_reports",
        "journal_checkpoints",
        "leases",
        "store_probes",
    ]
    assert all(not TABLES[name].foreign_keys for name in shared if name in TABLES)


# --- on the server


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[Databases]:
    made = Databases(postgres, Path())
    yield made
    made.drop()


@pytest.fixture(scope="module")
def database(server: Databases) -> Iterator[Database]:
    """Rows of ``a`` and of ``b`` in every table; no test leaves a change."""
    made = Database(server.fresh(Path()).url)
    with made.write() as session:
        for name in FIRST:
            for tenant in ("a", "b"):
                session.execute(insert(TABLES[name]).values(row(name, tenant)))
        for name in GUARDED:
            if name not in FIRST:
                if name in COUNTED:  # those of the rows above, which triggers counted
                    session.execute(delete(TABLES[name]))
                for tenant in ("a", "b"):
                    session.execute(insert(TABLES[name]).values(row(name, tenant)))
        for name in COUNTED:
            session.execute(delete(TABLES[name]))  # triggers counted the records too
            for tenant in ("a", "b"):
                session.execute(insert(TABLES[name]).values(row(name, tenant)))
    yield made
    made.dispose()


_LINKS = {
    "hold_id": "holds",
    "record_id": "records",
    "deposit_id": "deposits",
    "invitation_id": "visa_invitations",
    "user_id": "users",
    "tenant_id": "tenants",
}
_SAMPLES: dict[type, Any] = {
    bool: False,
    bytes: b"x",
    float: 0.5,
    object: datetime(2026, 1, 1, tzinfo=UTC),  # UtcDateTime
    date: date(2026, 1, 1),
    dict: {},
}


def row(name: str, tenant: str, mark: str = "") -> dict[str, Any]:
    """A row of a tenant: ids that say whose, anything elsewhere."""
    values: dict[str, Any] = {}
    for column in TABLES[name].columns:
        kind = dict if isinstance(column.type, JSON) else column.type.python_type
        if column.autoincrement is True or (column.nullable and column.name not in _LINKS):
            continue
        if name == "journal_entries" and column.name == "n":
            values["n"] = 2 if mark else ord(tenant) - ord("a")
        elif name == "outbox" and column.name == "subject":
            values["subject"] = f"{tenant}:1"
        elif column.name in _LINKS:
            values[column.name] = tenant
        elif kind is str:
            values[column.name] = f"{tenant}{mark}"
        else:
            values[column.name] = len(mark) if kind is int else _SAMPLES[kind]
    return values


def count(database: Database, name: str) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(TABLES[name])) or 0


@pytest.mark.services
def test_each_tenant_sees_its_own_rows_and_nobody_sees_without_saying_for_whom(database: Database) -> None:
    for name in GUARDED:
        seen = {}
        for tenant in (EVERYTHING, "a", "b", "c", NOTHING):
            with acting_for(tenant):
                seen[tenant] = count(database, name)
        assert seen == {EVERYTHING: 2, "a": 1, "b": 1, "c": 0, NOTHING: 0}, name


@pytest.mark.services
def test_a_connection_that_says_nothing_sees_nothing(database: Database) -> None:
    address = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        for name in GUARDED:
            assert connection.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,), name


@pytest.mark.services
def test_the_owner_is_bound_as_well(database: Database) -> None:
    for name in GUARDED:
        with acting_for("a"), owned(database) as session:
            assert session.scalar(select(func.count()).select_from(TABLES[name])) == 1, name


@pytest.mark.services
@pytest.mark.parametrize("name", [name for name in GUARDED if name != "tenants"])
def test_nothing_can_be_written_for_somebody_else(database: Database, name: str) -> None:
    table = TABLES[name]
    with acting_for("a"), pytest.raises(ProgrammingError, match="row-level security"), database.write() as session:
        session.execute(insert(table).values(row(name, "b", "-new")))
    for verb in ("UPDATE", "DELETE"):
        granted = next((may for may in DECLARED[name].may if may.startswith(verb)), None)
        if granted is None:
            continue
        column = granted.partition("(")[2].partition(",")[0].rstrip(")") or next(iter(table.columns)).name
        statement = f"UPDATE {name} SET {column} = {column}" if verb == "UPDATE" else f"DELETE FROM {name}"
        with acting_for("a"), database.write() as session:
            touched = session.execute(text(statement)).rowcount  # type: ignore[attr-defined]
            session.rollback()
        assert touched == 1, verb
    assert count(database, name) == 2


@pytest.mark.services
def test_a_row_cannot_be_handed_to_another_tenant(database: Database) -> None:
    for name in ("records", "deposits", "api_keys", "users"):
        with (
            acting_for("a"),
            pytest.raises(ProgrammingError, match="row-level security"),
            database.write() as session,
        ):
            session.execute(update(TABLES[name]).values(tenant_id="b"))


@pytest.mark.services
def test_the_serving_role_holds_what_is_declared_and_no_more(database: Database) -> None:
    asked = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
    question = text("SELECT has_table_privilege(:role, :name, :privilege)")
    with database.read() as session:
        for name, rows in DECLARED.items():
            held = {p for p in asked if session.scalar(question, {"role": SERVING, "name": name, "privilege": p})}
            assert held == {p for p in rows.may if "(" not in p}, name
    marked = {"held_records": {"UPDATE (settled_at)"}}
    for name in GROW_ONLY:
        goes = {"DELETE"} if name in UNTIL_GONE else set()
        assert set(DECLARED[name].may) == {"SELECT", "INSERT"} | goes | marked.get(name, set())


@pytest.mark.services
@pytest.mark.parametrize(("name", "verb"), REFUSED)
def test_what_only_grows_is_not_changed(database: Database, name: str, verb: str) -> None:
    column = next(iter(TABLES[name].columns)).name
    statement = {
        "UPDATE": f"UPDATE {name} SET {column} = {column}",
        "DELETE": f"DELETE FROM {name}",
        "TRUNCATE": f"TRUNCATE {name}",
    }
    with pytest.raises(ProgrammingError, match="permission denied"), database.write() as session:
        session.execute(text(statement[verb]))


@pytest.mark.services
@pytest.mark.parametrize("column", ["reason", "until", "placed_at", "placed_by", "placed_salt", "tenant_id"])
def test_a_hold_is_released_and_never_rewritten(database: Database, column: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), database.write() as session:
        session.execute(text(f"UPDATE holds SET {column} = {column}"))
    with pytest.raises(ProgrammingError, match="permission denied"), database.write() as session:
        session.execute(text("DELETE FROM holds"))


@pytest.mark.services
def test_a_connection_goes_back_to_the_pool_without_its_tenant(server: Databases) -> None:
    database = Database(server.fresh(Path()).url, sees=NOTHING)
    with acting_for(EVERYTHING), database.write() as session:
        session.execute(insert(TABLES["tenants"]).values(row("tenants", "a")))
        first = session.scalar(text("SELECT pg_backend_pid()"))
    with database.read() as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) == first, "the same connection"
    assert count(database, "tenants") == 0
    with acting_for("a"):
        assert count(database, "tenants") == 1
        with pytest.raises(ZeroDivisionError), database.write():
            raise ZeroDivisionError
    assert count(database, "tenants") == 0
    database.dispose()


@pytest.mark.services
def test_the_journal_counts_for_all_whoever_writes(server: Databases) -> None:
    database = Database(server.fresh(Path()).url)
    ledger = Ledger(database, utc_now)
    with database.write() as session:
        for tenant in ("a", "b"):
            session.execute(insert(TABLES["tenants"]).values(row("tenants", tenant)))
    numbers = []
    for tenant in ("a", "b", "a", "b", "b"):
        with acting_for(tenant), database.write() as session:
            entry = ledger.append(session, type=OPENED, tenant=tenant, subject="log", agent="key:1", facts={})
            numbers.append(entry.n)
    assert numbers == [0, 1, 2, 3, 4]
    with acting_for("a"), database.read() as session:
        assert [entry.n for entry in ledger.entries(session)] == [0, 2]
    with pytest.raises(DBAPIError), acting_for("a"), database.write() as session:
        ledger.append(session, type=OPENED, tenant="b", subject="log", agent=None, facts={})
    database.dispose()


SEEN = (
    "ALTER TABLE records DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE records NO FORCE ROW LEVEL SECURITY",
    "CREATE POLICY wide ON records USING (true)",
    "DROP POLICY by_tenant ON records",
)
"""What the service itself notices and ``doctor`` tells.

The rest is mended at the next start.
"""


@pytest.mark.services
def test_what_somebody_undid_by_hand_is_found_and_mended(server: Databases) -> None:
    database = Database(server.fresh(Path()).url)
    for harm in (*SEEN, "ALTER POLICY by_tenant ON records USING (true)", f"GRANT DELETE ON records TO {SERVING}"):
        with owned(database) as session:
            session.execute(text(harm))
            assert row_security.faults(session.connection()) == (["records"] if harm in SEEN else []), harm
        owner = Database(_owner(database), owner=True)
        migrate(owner, role=SERVING)
        with owned(database) as session:
            assert row_security.faults(session.connection()) == []
            assert row_security.apply(session.connection(), SERVING) is False, "nothing left to do"
            wide = "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = 'records'::regclass"
            assert "tenant_id" in session.scalars(text(wide)).one()
            assert not session.scalar(text(f"SELECT has_table_privilege('{SERVING}', 'records', 'DELETE')"))
        owner.dispose()
    database.dispose()


@pytest.mark.services
def test_a_table_that_nobody_declared_is_told_and_cannot_be_used(server: Databases) -> None:
    database = Database(server.fresh(Path()).url)
    with owned(database) as session:
        session.execute(text("CREATE TABLE strange (tenant_id text)"))
    found = database.inspect()
    assert found is not None
    assert (found.undeclared, found.unguarded) == (("strange",), ())
    with pytest.raises(ProgrammingError, match="permission denied"), database.read() as session:
        session.execute(text("SELECT * FROM strange"))
    database.dispose()


@pytest.mark.services
def test_a_dump_holds_every_row_if_asked_so_and_stops_if_not(
    database: Database, postgres: Postgres, server: Databases
) -> None:
    """As docs/operations.md says it."""
    restored = postgres.empty()
    dump, psql = (str(postgres.programs / name) for name in ("pg_dump", "psql"))
    plain, target = _owner(database).replace("+psycopg", ""), restored.owner_url.replace("+psycopg", "")
    refused = subprocess.run([dump, plain], capture_output=True, text=True, check=False)
    assert "row-level security" in refused.stderr
    environment = os.environ | {"PGOPTIONS": "-c app.tenant=*"}
    dumped = subprocess.run(
        [dump, "--enable-row-security", plain], env=environment, capture_output=True, check=True
    ).stdout
    subprocess.run([psql, "-q", "-v", "ON_ERROR_STOP=1", target], input=dumped, capture_output=True, check=False)
    owner = Database(restored.owner_url, pooled=False, owner=True)
    migrate(owner, role=SERVING)
    owner.dispose()
    again = Database(restored.url)
    for name in GUARDED:
        assert count(again, name) == 2, name
        with acting_for("a"):
            assert count(again, name) == 1, name
    again.dispose()
    postgres.drop(restored)


def _owner(database: Database) -> str:
    from tests.servers.postgres import OWNER

    return database.url.set(username=OWNER).render_as_string(hide_password=False)
