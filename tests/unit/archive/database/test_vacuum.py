"""Room that deleted rows held is freed, on either database, without a transaction of its own."""

from __future__ import annotations

from pathlib import Path

from archive.database.engine import Database
from ingestion.deposits.forgetting import _EMPTIED
from tests.servers.postgres import Databases


def test_what_is_deleted_is_freed(databases: Databases, tmp_path: Path) -> None:
    database = Database(databases.fresh(tmp_path).url)
    database.vacuum(None, _EMPTIED)
    with database.read() as session:
        assert session.connection().exec_driver_sql("SELECT COUNT(*) FROM records").scalar() == 0
    database.dispose()
