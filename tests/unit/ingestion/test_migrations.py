"""The migrations make exactly the tables that the code uses."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import api.tables
import archive.tables
import ingestion.tables
from archive.database import Base, Database
from archive.ledger import Ledger
from ingestion.migrating import migrate
from signing.clock import utc_now

TABLES = (api.tables, archive.tables, ingestion.tables)


def test_migrated_tables_are_those_of_the_code(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    migrate(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": Base.metadata})
        assert compare_metadata(context, Base.metadata) == []
    database.dispose()


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    migrate(database)
    migrate(database)
    database.dispose()


@pytest.mark.parametrize("statement", ["UPDATE journal_entries SET type = 'x'", "DELETE FROM journal_entries"])
def test_the_journal_can_only_grow(tmp_path: Path, statement: str) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    migrate(database)
    with database.write() as session:
        Ledger(database, utc_now).append(session, type="LogOpened", tenant=None, subject="log", agent=None, facts={})
    with pytest.raises(DBAPIError), database.write() as session:
        session.execute(text(statement))
    database.dispose()
