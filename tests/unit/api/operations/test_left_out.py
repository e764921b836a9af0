"""A verification of everything counts what it leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from api.operations.left_out import LeftOut, left_out
from archive.database.tables import RecordRow
from archive.journal.types import EntryType
from archive.model.states import RecordState
from ingestion.assembly import System
from ingestion.deposits.states import DepositState
from ingestion.tables import DepositRow
from tests.holdings import filled, forget_record, receive


def counted(system: System, tenant: str | None = None) -> LeftOut:
    with system.database.read() as session:
        return left_out(session, tenant)


def test_everything_is_verified_where_everything_is_kept(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path)
    assert counted(system) == LeftOut()
    assert not counted(system).contradicts


def test_what_waits_and_what_is_set_aside_is_counted_by_tenant(system: System, tmp_path: Path) -> None:
    filled(system, tmp_path, 1)
    for number in range(3):
        receive(system, b"%%PDF %d" % number, f"k{number}")
    with system.database.write() as session:
        row = session.query(DepositRow).filter_by(idempotency_key="k1").one()
        row.state = DepositState.QUARANTINED
    assert counted(system) == counted(system, "demo") == LeftOut(waiting=2, aside=1)
    assert counted(system, "autre") == LeftOut()


@pytest.mark.parametrize("told", [True, False])
def test_a_record_that_is_gone_counts_and_contradicts_without_an_entry(
    system: System, tmp_path: Path, told: bool
) -> None:
    ids = filled(system, tmp_path)
    with system.database.write() as session:
        if told:
            system.ledger.append(
                session,
                type=EntryType.RECORD_DISPOSED,
                tenant="demo",
                subject=f"record:{ids[0]}",
                agent=None,
                facts={"certificate": "0" * 64},
            )
        session.execute(update(RecordRow).where(RecordRow.id == ids[0]).values(state=RecordState.DISPOSED))
    assert counted(system) == (LeftOut(gone=1) if told else LeftOut(hidden=1))
    assert counted(system).contradicts is not told


def test_a_record_that_the_catalogue_lost_is_counted(system: System, tmp_path: Path) -> None:
    ids = filled(system, tmp_path)
    with system.database.write() as session:
        forget_record(session, ids[1])
    assert counted(system) == LeftOut(lost=1)
    assert counted(system).contradicts
