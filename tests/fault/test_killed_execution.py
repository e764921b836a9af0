"""V7: killed after 40 of 100 lines, an execution goes on: each destroyed once, each listed once.

The program that destroys is a process of its own and kills itself there, while four of its threads
are at work; what it leaves is what a dead program leaves. With ``FAULT=long`` 100 lines, else 10.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from archive.database.disposal_tables import DisposalLineRow
from archive.database.tables import JournalEntryRow
from archive.holdings import dispose
from ingestion.operations.custody import Custody
from tests.bordereaux import ANNE, Town, Watch
from tests.holdings import opened, system_at

LINES, KILLED_AFTER = (100, 40) if os.environ.get("FAULT") == "long" else (10, 4)


@pytest.mark.fault
@pytest.mark.timeout(900)
def test_v7_a_killed_execution_is_finished_once(tmp_path: Path, keys: Path) -> None:
    watch = Watch()
    options = {"CHARTRIER_COPY_PATH": str(tmp_path / "copy")}
    with opened(tmp_path / "home", keys, clock=watch, **options) as system:
        town = Town(system, tmp_path, watch)
        town.rule("BON", 10)
        records = town.due(LINES)
        disposal = town.approved(records)
        with town.acting(ANNE) as act:
            dispose.confirm(act, disposal, None)
        system.statements.settle()
        system.publisher.publish(force_token=True)
        Custody(system).copy_everything()
        town.runs_until("2026-06-17", 13)
        system.disposer.run()
        system.statements.settle()
        system.publisher.publish(force_token=True)

        assert killed(system, tmp_path / "home", watch, options) == -signal.SIGKILL
        told = ends(town, records)
        assert 0 < told["DestructionDecided"] <= LINES
        assert told["RecordDisposed"] < LINES
        with system.database.read() as session:
            listed = session.scalars(select(DisposalLineRow).where(DisposalLineRow.committed_at.is_not(None)))
            assert len(list(listed)) == told["DestructionDecided"], "nothing is decided unlisted"
        left = [one for one in records if files_of(tmp_path, one)]
        assert LINES - len(left) <= told["DestructionDecided"], "nothing is destroyed undecided"

        done = system.dispose()
        assert (done.destroyed, done.failed) == (LINES - told["RecordDisposed"], {})
        assert ends(town, records) == {"DestructionDecided": LINES, "RecordDisposed": LINES}
        assert [one for one in records if files_of(tmp_path, one)] == []
        assert set(town.lines(disposal).values()) == {("destroyed", None)}
        assert town.row(disposal).state == "executed"
        system.publisher.publish(force_token=True)
        system.follower.catch_up()
        assert Custody(system).reconcile(pause=lambda _seconds: None)["findings"] == []


def killed(system: Any, home: Path, watch: Watch, options: dict[str, str]) -> int:
    """Execute in a process that kills itself after some erasures; how it ended."""
    system.database.dispose()  # no connection crosses the fork
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        own, real, erased = system_at(home, clock=watch, **options), dispose.erase, []

        def erase(store: Any, prefix: str) -> Any:
            done = real(store, prefix)
            erased.append(prefix)
            if len(erased) >= 2 * KILLED_AFTER:  # in the copy, then in the store
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        dispose.erase = erase
        own.disposer.run()
    finally:
        os._exit(1)


def ends(town: Town, records: list[str]) -> Counter[str]:
    """How many entries tell the end of these records, by type."""
    entry = JournalEntryRow
    with town.system.database.read() as session:
        asked = select(entry.type, entry.subject).where(entry.type.in_(("DestructionDecided", "RecordDisposed")))
        told = [(kind, subject) for kind, subject in session.execute(asked)]
    assert len(set(told)) == len(told), "no record twice"
    assert {subject for _, subject in told} <= {f"record:{one}" for one in records}
    return Counter(kind for kind, _ in told)


def files_of(folder: Path, record: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and record in str(path)]
