"""The database is lost: a package that was taken stays taken, and nothing of it is made again."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from archive.database.retention_tables import PlanNodeRow
from archive.database.tables import RecordRow
from ingestion.assembly import System
from ingestion.deposits.states import DepositState
from ingestion.operations.custody import Custody
from ingestion.tables import DepositRow
from tests.holdings import lose_database, system_at
from tests.transfers import advance, one_letter, reply_of, row_of, rule, sent, settle, taken, waiting


def counted(system: System) -> tuple[int, int]:
    with system.database.read() as session:
        return tuple(session.scalar(select(func.count()).select_from(one)) or 0 for one in (RecordRow, PlanNodeRow))  # type: ignore[return-value]


def test_a_taken_package_keeps_its_reply_and_one_in_hand_goes_on(tmp_path: Path, keys: Path) -> None:
    home = tmp_path / "home"
    before = system_at(home, keys)
    before.initialise()
    before.create_tenant("demo", "Démonstration")
    rule(before, "APP-00001")
    done = taken(before, one_letter(), "k1")
    reply = reply_of(before, done)
    half = sent(before, one_letter("VERSEMENT-2"), "k2")
    advance(before, half)  # examined, its parts deposited; none of them is a record
    before.statements.settle()
    before.publisher.publish(force_token=True)
    lose_database(before)

    after = system_at(home)
    try:
        after.prepare_rebuild()
        report = Custody(after).rebuild()
        assert report["recovered"]["count"] == 0, report
        assert (row_of(after, done).state, row_of(after, half).state) == ("taken", "taking")
        assert reply_of(after, done) == reply
        settle(after)
        assert row_of(after, half).state == "taken"
        assert counted(after) == (4, 4)  # a letter and a manifest, a file and the transfer: of each package
        with after.database.read() as session:
            assert session.get_one(DepositRow, done).state == DepositState.UNPACKED
        assert waiting(after) == []
    finally:
        after.close()
