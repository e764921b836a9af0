"""``kill -9`` before every durable step of every writing use case: all readers answer alike.

The program that writes is a process of its own, killed by itself at the step; so nothing is tidied
up, no lock is handed back, and SQLite finds its files as a dead program left them.
"""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from signing.ground.clock import utc_now
from tests.crash_cases import USE_CASES
from tests.crash_subjects import Subject, UseCase
from tests.crashes import Matrix
from tests.holdings import opened, system_at
from tests.steps import Steps

LONG = os.environ.get("FAULT") == "long"
CASES = USE_CASES if LONG else tuple(case for case in USE_CASES if case.name == "describe")


class Watch:
    """Real time, moved by whole days."""

    def __init__(self) -> None:
        self.days = 0

    def __call__(self) -> datetime:
        return utc_now() + timedelta(days=self.days)


@pytest.mark.fault
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_readers_agree_after_a_kill_at_any_step(
    case: UseCase, tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"CHARTRIER_COPY_PATH": str(tmp_path / "nas")} if case.name == "restore" else {}
    options |= {"CHARTRIER_LOCK_HORIZON_DAYS": "10"} if case.name == "extend" else {}
    clock = Watch()
    with opened(tmp_path / "home", keys, clock=clock, **options) as system:
        matrix = Matrix(system, tmp_path, case, Steps(monkeypatch))

        def killed(subject: Subject, at: tuple[str, int]) -> bool:
            """Do the work in a process that kills itself; whether it came so far."""
            system.database.dispose()  # no connection crosses the fork
            child = os.fork()
            if not child:
                status = 1
                try:
                    with pytest.MonkeyPatch.context() as patch:
                        own = system_at(tmp_path / "home", clock=clock, **options)
                        Steps(patch, kill=True).run(lambda: case.act(own, subject), at)
                        status = 0
                finally:
                    os._exit(status)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert code in {0, -signal.SIGKILL}, f"{case.name} failed by itself before {at}"
            return code == -signal.SIGKILL

        try:
            matrix.run(None if LONG else 2, killed)
        finally:
            matrix.close()
            with capsys.disabled():
                print("", *matrix.tables, sep="\n")
