"""Short locks of a real MinIO: days of ours that end soon, by the store's own true clock.

A tenant's days can be moved in a test, a store's can't. So the days before a given one all end at
one moment soon after the start, and the others a day later; each day has a moment of its own, a
millisecond after the one before, so that it can be read back.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import pytest

from archive.objects import minio as adapter
from archive.objects import minio_locks

_FIRST, _LAST = date(2026, 1, 1), date(2046, 1, 1)


class ShortLocks:
    """Moments of the store for days of ours.

    Args:
        seconds: After so many the short ones end.
        until: Locks until an earlier day are short.
    """

    def __init__(self, patch: pytest.MonkeyPatch, seconds: int, until: date) -> None:
        self._until = until
        self._ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        patch.setattr(minio_locks, "moment", self.moment)
        patch.setattr(minio_locks, "last_day", self.last_day)
        patch.setattr(adapter, "CLOCKS_DIFFER", timedelta(days=36500))  # our days are moved

    def moment(self, day: date) -> datetime:
        """The moment at which a lock until a day ends."""
        base = self._ends if day < self._until else self._ends + timedelta(days=1)
        return base + timedelta(milliseconds=(min(day, _LAST) - _FIRST).days)

    def last_day(self, until: str) -> date:
        """The day of a moment."""
        at = datetime.fromisoformat(until).astimezone(UTC)
        base = self._ends if at < self._ends + timedelta(hours=12) else self._ends + timedelta(days=1)
        return _FIRST + timedelta(days=round((at - base) / timedelta(milliseconds=1)))

    def wait(self) -> None:
        """Wait until the short ones are over."""
        time.sleep(max(0.0, (self._ends + timedelta(seconds=2) - datetime.now(UTC)).total_seconds()))
