"""What the settings say reaches the parts."""

from datetime import timedelta
from pathlib import Path

import pytest

from archive.retention.dates import FOREVER
from ingestion.assembly import assemble
from ingestion.settings import load_settings
from signing.ground.clock import utc_now


@pytest.mark.parametrize("days", [30, 0])
def test_the_journal_is_locked_as_far_as_the_settings_say(tmp_path: Path, days: int) -> None:
    named = {"CHARTRIER_HOME": str(tmp_path), "CHARTRIER_LOCK_HORIZON_DAYS": str(days)}
    now = utc_now()
    system = assemble(load_settings(named), clock=lambda: now)
    system.initialise()
    until = system.store.stat("layout.json").locked_until
    system.close()
    assert until == (now.date() + timedelta(days=days) if days else FOREVER)
