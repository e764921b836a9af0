"""Days as they are written and read: ``YYYY-MM-DD`` alone. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

FIRST_DAY: Final = date(1000, 1, 1)
"""Earliest day of a description: a shorter year is a slip, « 24 » for 2024."""
LAST_DAY: Final = date(9000, 12, 31)
"""Latest day of a description.

The longest duration after it, 999 years, still ends within the calendar.
"""
DEFAULT_ZONE: Final = "Europe/Paris"
"""Time zone of a tenant that names no other."""
_WRITTEN: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Today:
    """The present day in a tenant's civil calendar.

    Attributes:
        trusted: Whether the clock is trusted; a day after a doubtful today is not refused.
    """

    day: date
    trusted: bool = True


def written_as_day(text: str) -> bool:
    """Whether a text has the form of a day, which may still be none: ``2024-06-31``."""
    return _WRITTEN.fullmatch(text) is not None


def iso_day(text: str) -> date:
    """Read ``2026-03-12`` and no other form: ISO 8601 has weeks, days of the year, no hyphens.

    Raises:
        ValueError: It is written in another way, or no such day exists.
    """
    if not written_as_day(text):
        raise ValueError(f"not a day: {text!r}")
    return date.fromisoformat(text)


WEST: Final = timedelta(hours=12)
"""How long after UTC a day ends where it ends last."""


def westernmost_day(moment: datetime) -> date:
    """Return the civil day of a moment where days end last: no tenant's day is over before it is.

    A lock counts days of a tenant, and a store knows no tenant's time zone.
    """
    return (moment.astimezone(UTC) - WEST).date()
