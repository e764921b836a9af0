"""A refused deposit after the loss of the database: its bytes still kept, or gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import select

from archive.custody.findings import Findings
from archive.database.tables import JournalEntryRow
from archive.objects.layout import DepositFolder
from ingestion.assembly import System
from ingestion.deposits.states import DepositState, problem
from ingestion.operations.agreement import Agreement
from ingestion.operations.custody import Custody
from ingestion.processing import quarantine_decisions as decisions
from ingestion.processing.claims import quarantine
from ingestion.tables import DepositRow
from signing.ground.clock import utc_now
from tests.holdings import lose_database, opened, receive, system_at

if TYPE_CHECKING:
    from archive.objects.port import ObjectStore


@pytest.fixture
def system(tmp_path: Path, keys: Path) -> Iterator[System]:
    with opened(tmp_path / "home", keys) as made:
        yield made


@pytest.fixture
def refused(system: System) -> str:
    deposit_id = str(receive(system, b"piege", "lettre").id)
    with system.database.write() as session:
        row = session.get_one(DepositRow, deposit_id)
        quarantine(session, system.ledger, row, utc_now(), problem("malware", "Trouvé."))
    decisions.refuse(system.database, system.ledger, system.clock, "demo", deposit_id, "user:1", reason="Fichier piégé")
    return deposit_id


def destroy(system: System, days: int) -> int:
    later = lambda: utc_now() + timedelta(days=days)  # noqa: E731
    return decisions.destroy_refused(system.database, system.ledger, system.store, later)


def rebuilt(system: System, *, days: int = 0) -> tuple[System, dict[str, Any]]:
    system.publisher.publish()
    lose_database(system)
    after = system_at(system.settings.home, clock=lambda: utc_now() + timedelta(days=days))
    after.prepare_rebuild()
    return after, Custody(after).rebuild()


def findings(system: System) -> list[tuple[str, str, str]]:
    found = Findings()
    Agreement(system).check(found, {}, routine=False)
    return [(one.place, one.what, one.detail) for one in found.listed]


def entries(system: System, deposit_id: str) -> list[str]:
    with system.database.read() as session:
        query = select(JournalEntryRow.type).where(JournalEntryRow.subject == f"deposit:{deposit_id}")
        return list(session.scalars(query.order_by(JournalEntryRow.n)))


def test_a_refusal_goes_on_where_it_was(system: System, refused: str) -> None:
    with system.database.read() as session:
        until = session.get_one(DepositRow, refused).problem["values"]["until"]  # type: ignore[index]
    after, report = rebuilt(system)
    assert sum(report["counts"].values()) == 0
    with after.database.read() as session:
        row = session.get_one(DepositRow, refused)
    assert row.state == DepositState.REFUSED
    assert row.problem is not None
    assert (row.problem["values"]["until"], row.problem["values"]["was"]) == (until, "malware")
    assert findings(after) == []
    assert destroy(after, 29) == 0
    assert destroy(after, 32) == 1
    assert entries(after, refused)[-2:] == ["DepositRefused", "DepositDestroyed"]
    assert findings(after) == []
    after.close()


def test_what_was_destroyed_is_missed_by_nobody(system: System, refused: str) -> None:
    assert destroy(system, 32) == 1
    after, report = rebuilt(system)
    assert sum(report["counts"].values()) == 0
    assert entries(after, refused)[-1] == "DepositDestroyed"
    assert list(after.store.list(DepositFolder("demo", refused).prefix)) == []
    assert findings(after) == []
    assert destroy(after, 33) == 0
    after.close()


def cut(system: System, deposit_id: str) -> None:
    """Destroy the bytes, and lose the power before the statement beside them."""

    class Cut(Exception):
        pass

    class CutStore:
        def __getattr__(self, name: str) -> Any:
            return getattr(system.store, name)

        def delete(self, key: str, version: str) -> None:
            if key == DepositFolder("demo", deposit_id).statement:
                raise Cut
            system.store.delete(key, version)

    later = lambda: utc_now() + timedelta(days=32)  # noqa: E731
    with pytest.raises(Cut):
        decisions.destroy_refused(system.database, system.ledger, cast("ObjectStore", CutStore()), later)


def test_a_destruction_that_was_cut_is_finished_after_the_loss(system: System, refused: str) -> None:
    cut(system, refused)
    after, report = rebuilt(system, days=32)
    assert sum(report["counts"].values()) == 0
    assert destroy(after, 32) == 1
    assert entries(after, refused)[-1] == "DepositDestroyed"
    assert list(after.store.list(DepositFolder("demo", refused).prefix)) == []
    assert findings(after) == []
    after.close()


@pytest.mark.parametrize(("days", "missing"), [(32, 0), (0, 1)])
def test_nothing_left_of_it_is_its_destruction_once_its_days_are_over(
    system: System, refused: str, days: int, missing: int
) -> None:
    """The power went after the statement beside the bytes, and before the entry."""
    cut(system, refused)
    for item in list(system.store.list(DepositFolder("demo", refused).prefix)):
        system.store.delete(item.key, item.version)
    after, report = rebuilt(system, days=days)
    assert report["counts"]["missing"] == missing
    assert ("DepositDestroyed" in entries(after, refused)) is (missing == 0)
    after.close()


def test_bytes_that_went_before_their_time_are_missed(system: System, refused: str) -> None:
    cut(system, refused)
    after, report = rebuilt(system)
    assert report["counts"]["missing"] == 1, report["findings"]
    after.close()
