"""The migrations make exactly the tables that the code uses, whoever starts them and however often
they are cut.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, insert, select, text
from sqlalchemy.exc import DBAPIError

import api.access.tables
import archive.database.tables
import ingestion.tables
from archive.database import row_security
from archive.database.engine import Base, Database
from archive.database.tables import RecordRow, TenantRow
from archive.database.upgrade import migrate
from archive.journal.sequencer import Ledger
from signing.ground.clock import utc_now
from tests.servers.postgres import SERVING, Databases

TABLES = (api.access.tables, archive.database.tables, ingestion.tables)
ROOT = Path(__file__).resolve().parents[3]

CHILD = """
import os, sys
from sqlalchemy import event
from archive.database.engine import Database
from archive.database.upgrade import migrate
database, left = Database(sys.argv[1], pooled=False, owner=True), int(sys.argv[2])
done = 0
def cut(*_):
    global done
    done += 1
    if done == left:
        os.kill(os.getpid(), 9)
event.listen(database.engine, "after_cursor_execute", cut)
migrate(database, role=sys.argv[3])
print(done)
"""
"""Migrates in a process of its own that is killed after so many statements.

Without, tells how many there are.
"""


@pytest.fixture
def empty(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """URL, under the owner, of a database without tables."""
    if databases.server is None:
        yield f"sqlite:///{tmp_path / 'x.db'}"
        return
    made = databases.server.empty()
    yield made.owner_url
    databases.server.drop(made)


@pytest.fixture
def owner(empty: str) -> Iterator[Database]:
    database = Database(empty, pooled=False, owner=True)
    yield database
    database.dispose()


def child(url: str, left: int = -1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(left), SERVING],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def is_whole(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": Base.metadata})
        assert compare_metadata(context, Base.metadata) == []
        if not database.is_sqlite:
            assert row_security.faults(connection) == []
            assert row_security.undeclared(connection) == []


def test_migrated_tables_are_those_of_the_code(owner: Database) -> None:
    migrate(owner, role=SERVING)
    is_whole(owner)


def test_migrating_twice_changes_nothing(owner: Database) -> None:
    migrate(owner, role=SERVING)
    migrate(owner, role=SERVING)
    is_whole(owner)


def test_a_migration_killed_half_way_is_begun_again(owner: Database, empty: str) -> None:
    whole = child(empty)
    counted, told = whole.communicate(timeout=120)
    assert whole.returncode == 0, told
    _forget(owner)
    statements = int(counted)
    for left in (1, statements // 3, statements // 2, statements - 1):
        killed = child(empty, left)
        killed.communicate(timeout=120)
        assert killed.returncode == -9
    migrate(owner, role=SERVING)
    is_whole(owner)


def _forget(owner: Database) -> None:
    if owner.is_sqlite:
        owner.dispose()
        for path in Path(str(owner.url.database)).parent.glob("x.db*"):
            path.unlink()
        return
    with owner.engine.begin() as connection:
        connection.execute(text("DROP OWNED BY CURRENT_USER"))
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS public"))


@pytest.mark.services
@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_machines_that_start_at_once_wait_for_each_other(owner: Database, empty: str) -> None:
    """On one machine a file lock orders them; between machines only the database can."""
    many = [child(empty) for _ in range(4)]
    ended = [one.communicate(timeout=120) for one in many]
    assert [one.returncode for one in many] == [0] * 4, [told[-500:] for _, told in ended]
    is_whole(owner)


@pytest.mark.parametrize("statement", ["UPDATE journal_entries SET type = 'x'", "DELETE FROM journal_entries"])
def test_the_journal_can_only_grow(owner: Database, statement: str) -> None:
    migrate(owner, role=SERVING)
    with owner.write() as session:
        Ledger(owner, utc_now).append(session, type="LogOpened", tenant=None, subject="log", agent=None, facts={})
    with pytest.raises(DBAPIError), owner.write() as session:
        session.execute(text(statement))


def test_records_kept_before_name_all_their_rules(owner: Database) -> None:
    migrate(owner, role=SERVING)
    values = {column.name: _filler(column) for column in RecordRow.__table__.columns if not column.nullable}
    parts = [{"rule": "B", "rule_version": 2}, {"rule": "A", "rule_version": 1}, {"rule": None, "rule_version": None}]
    rows = {"several": parts, "one": parts[:1], "none": [], "untold": None}
    with owner.engine.begin() as connection:
        alembic = importlib.import_module("archive.database.migrations.versions.0029_former_places")
        connection.execute(insert(TenantRow).values(id="t", name="T", created_at=utc_now()))
        for name, told in rows.items():
            own = {"id": name, "deposit_id": name, "tenant_id": "t", "retention_parts": told}
            connection.execute(insert(RecordRow).values(values | own))
        alembic._name_rules(connection)
        found = dict(connection.execute(select(RecordRow.id, RecordRow.other_rules)).all())
    assert found == {"several": "A/1;B/2", "one": None, "none": None, "untold": None}


def _filler(column: Any) -> Any:
    kinds = {int: 0, str: "x", object: utc_now(), date: date(2020, 1, 1), bool: False, float: 0.0}
    return [] if isinstance(column.type, JSON) else kinds[column.type.python_type]
