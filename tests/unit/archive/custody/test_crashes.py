"""Every writing use case cut at some of its steps: all readers answer alike, then all is whole.

``make fault`` cuts at every step, with real kills (``tests/fault/test_crash_matrix.py``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from signing.ground.clock import utc_now
from tests.crash_cases import USE_CASES
from tests.crash_subjects import UseCase
from tests.crashes import Matrix
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


@pytest.mark.parametrize("case", [case for case in USE_CASES if case.short], ids=lambda case: case.name)
def test_readers_agree_after_a_crash(
    case: UseCase, tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signing.authority.BITS", 2048)  # seals are replaced here, and keys take seconds
    options = {"CHARTRIER_COPY_PATH": str(tmp_path / "nas")} if case.name == "restore" else {}
    options |= {"CHARTRIER_LOCK_HORIZON_DAYS": "10"} if case.name == "extend" else {}
    with opened(tmp_path / "home", keys, clock=Watch(), **options) as system:
        matrix = Matrix(system, tmp_path, case, Steps(monkeypatch))
        try:
            matrix.run(STEPS)
            print("\n".join(matrix.tables))
        finally:
            matrix.close()
