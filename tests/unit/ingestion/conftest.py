"""A whole archive in a temporary folder: real database, real store, real journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from archive.database.engine import Database
from archive.database.tables import TenantRow
from archive.journal.sequencer import Ledger
from archive.objects.local import LocalObjectStore
from ingestion.reception.intake import Intake, Received
from ingestion.tables import DepositRow
from signing.ground.clock import utc_now
from tests.servers.postgres import Databases


@dataclass
class Bench:
    """What the tests of this folder work on."""

    home: Path
    database: Database
    ledger: Ledger
    store: LocalObjectStore
    intake: Intake

    def receive(
        self, content: bytes = b"some bytes", key: str = "k1", tenant: str = "demo", **given: object
    ) -> Received:
        return self.intake.receive(
            [content],
            tenant=tenant,
            agent="key:1",
            idempotency_key=key,
            filename=str(given.pop("filename", "lettre.pdf")),
            media_type="application/pdf",
            fields=given.pop("fields", {}),  # type: ignore[arg-type]
            **given,  # type: ignore[arg-type]
        )

    def deposits(self) -> list[DepositRow]:
        with self.database.read() as session:
            return list(session.scalars(select(DepositRow)))

    def deposit(self, deposit_id: str) -> DepositRow:
        with self.database.read() as session:
            return session.get_one(DepositRow, deposit_id)


@contextmanager
def opened(tmp_path: Path, databases: Databases) -> Iterator[Bench]:
    database = Database(databases.fresh(tmp_path).url)
    with database.write() as session:
        for tenant in ("demo", "autre"):
            session.add(TenantRow(id=tenant, name=f"Commune {tenant}", created_at=utc_now()))
    store = LocalObjectStore(tmp_path / "store", utc_now)
    ledger = Ledger(database, utc_now)
    intake = Intake(database, ledger, store, tmp_path / "spool", utc_now, 1 << 20)
    yield Bench(tmp_path, database, ledger, store, intake)
    database.dispose()


@pytest.fixture
def bench(tmp_path: Path, databases: Databases) -> Iterator[Bench]:
    with opened(tmp_path, databases) as made:
        yield made


@pytest.fixture
def bench_in(databases: Databases) -> Callable[[Path], AbstractContextManager[Bench]]:
    """For tests that need a fresh one in a loop."""
    return lambda folder: opened(folder, databases)
