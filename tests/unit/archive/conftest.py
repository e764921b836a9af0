"""A real database in a temporary folder, with the tables of every package."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.database.engine import Database
from archive.journal.publisher import Publisher
from archive.journal.sequencer import Ledger
from archive.objects.local import LocalObjectStore
from signing.authority import ensure_generated
from signing.note import LogKey
from signing.settings import SigningSettings
from signing.signers.pem import load_signer
from signing.timestampers.rfc3161 import load_timestamper
from tests.holdings import START
from tests.servers.postgres import Databases
from tests.unit.archive.world import Make, Watch, World


class TickingClock:
    """Advances one second a look."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture(scope="module")
def keys_now(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys that begin now, for programs that look at the real clock."""
    folder = tmp_path_factory.mktemp("keys")
    ensure_generated(folder, organisation="Commune de Test")
    return folder


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture
def database(databases: Databases, tmp_path: Path) -> Iterator[Database]:
    database = Database(databases.fresh(tmp_path).url)
    yield database
    database.dispose()


@pytest.fixture
def ledger(database: Database, clock: TickingClock) -> Ledger:
    return Ledger(database, clock)


@pytest.fixture
def log_key(keys: Path) -> LogKey:
    return LogKey.load(keys / "log.key", "chartrier.test")


@pytest.fixture
def store(tmp_path: Path, clock: TickingClock) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "store", clock)


@pytest.fixture
def publisher(
    database: Database, store: LocalObjectStore, log_key: LogKey, keys: Path, clock: TickingClock
) -> Publisher:
    settings = SigningSettings(keys=keys)
    made = Publisher(
        database, store, log_key, load_signer(settings), load_timestamper(settings, clock), clock, horizon_days=400
    )
    made.open_log()
    return made


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def make(tmp_path: Path, keys: Path, databases: Databases, watch: Watch) -> Iterator[Make]:
    made: list[World] = []

    def world(**options: Any) -> World:
        made.append(World(tmp_path, keys, databases, clock=watch, **options))
        return made[-1]

    yield world
    for one in made:
        one.database.dispose()


@pytest.fixture
def world(make: Make) -> World:
    return make()
