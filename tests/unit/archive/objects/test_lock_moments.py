"""A lock never ends before the midnight of the tenant whose day it counts."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest

from archive.model.days import westernmost_day
from archive.objects.local import LocalObjectStore
from archive.objects.minio_locks import last_day, moment
from signing.ground.errors import Refused

DAY = date(2030, 12, 31)


def test_no_time_zone_has_a_day_that_outlasts_its_lock() -> None:
    ends = moment(DAY)
    assert {ends.astimezone(ZoneInfo(name)).date() > DAY for name in sorted(available_timezones())} == {True}
    assert westernmost_day(ends) > DAY
    assert westernmost_day(ends - timedelta(seconds=1)) == DAY


def test_locks_of_earlier_versions_are_read_as_before() -> None:
    assert last_day(moment(DAY).isoformat()) == DAY
    assert last_day("2031-01-01T00:00:00Z") == DAY, "midnight UTC, as earlier versions set it"
    assert last_day(moment(date.max).isoformat()) == date.max
    assert last_day("2031-01-01T12:00:00+14:00") == date(2030, 12, 30)


def test_a_local_lock_holds_until_midnight_in_guadeloupe(tmp_path: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    store = LocalObjectStore(tmp_path, lambda: now)
    kept = store.put("kept", b"k", sha256=hashlib.sha256(b"k").hexdigest(), retain_until=DAY)
    for still in ("2030-12-31T23:59:59+00:00", "2031-01-01T00:00:01+00:00", "2030-12-31T23:59:59-04:00"):
        now = datetime.fromisoformat(still)
        with pytest.raises(Refused):
            store.delete("kept", kept.version)
    now = moment(DAY)
    store.delete("kept", kept.version)
