"""Spans of time under clocks that may have been wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from signing.ground.clock import has_passed

NOW = datetime(2026, 3, 12, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("ago", "passed"),
    [
        (timedelta(0), False),
        (DAY - timedelta(seconds=1), False),
        (DAY, True),
        (-timedelta(minutes=5), False),
        (-timedelta(minutes=6), True),
        (-3650 * DAY, True),
    ],
    ids=str,
)
def test_what_is_dated_after_now_is_no_reason_to_wait(ago: timedelta, passed: bool) -> None:
    assert has_passed(DAY, NOW - ago, NOW) is passed
