"""Every writing use case cut at some of its steps: all readers answer alike, then all is whole.

``make fault`` cuts at every step, with real kills (``tests/fault/test_crash_matrix.py``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from signing.ground.clock import utc_now
from tests.crashes import USE_CASES, Matrix, UseCase, unclaimed_at_once
from tests.holdings import opened
from tests.steps import Steps

STEPS = 2
"""Of each use case, beside the two around every commit."""


class Watch:
    """Real time, moved by whole days."""

    def __init__(self) -> None:
        self.days = 0

    def __call__(self) -> datetime:
        return utc_now() + timedelta(days=self.days)


@pytest.mark.parametrize("case", USE_CASES, ids=lambda case: case.name)
def test_readers_agree_after_a_crash(
    case: UseCase, tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps(monkeypatch)
    options = {"CHARTRIER_COPY_PATH": str(tmp_path / "nas")} if case.name == "restore" else {}
    options |= {"CHARTRIER_LOCK_HORIZON_DAYS": "10"} if case.name == "extend" else {}
    with opened(tmp_path / "home", keys, clock=Watch(), **options) as system:
        matrix = Matrix(system, tmp_path, case, steps)
        matrix.cut(STEPS)
        unclaimed_at_once(monkeypatch)
        matrix.read(tmp_path / "rebuilt")
        print(matrix.table())
        assert matrix.disagreements(settled=False) == []
        matrix.settle()
        matrix.read(tmp_path / "rebuilt again")
        print(matrix.table())
        assert matrix.disagreements(settled=True) == []
