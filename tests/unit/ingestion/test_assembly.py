"""What the settings say reaches the parts."""

from datetime import timedelta
from pathlib import Path

import pytest

from archive.retention.dates import FOREVER
from signing.ground.clock import utc_now
from tests.holdings import system_at


@pytest.mark.parametrize("days", [30, 0])
def test_the_journal_is_locked_as_far_as_the_settings_say(tmp_path: Path, keys: Path, days: int) -> None:
    now = utc_now()
    system = system_at(tmp_path, keys, clock=lambda: now, CHARTRIER_LOCK_HORIZON_DAYS=str(days))
    system.initialise()
    until = system.store.stat("layout.json").locked_until
    system.close()
    assert until == (now.date() + timedelta(days=days) if days else FOREVER)
