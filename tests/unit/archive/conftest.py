"""A real database in a temporary folder, with the tables of every package."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import api.tables
import ingestion.tables  # noqa: F401 - so that every table exists
from archive.database import Base, Database
from archive.ledger import Ledger


class TickingClock:
    """Advances one second a look."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 12, 8, 15, 30, 123000, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/archive.db")
    Base.metadata.create_all(database.engine)
    yield database
    database.dispose()


@pytest.fixture
def ledger(database: Database, clock: TickingClock) -> Ledger:
    return Ledger(database, clock)
