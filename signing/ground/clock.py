"""Clock, and the form of times in every stored object."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

Clock = Callable[[], datetime]

_SKEW: Final = timedelta(minutes=5)
"""Difference between the clocks of machines that is no fault."""


def utc_now() -> datetime:
    """Return the present moment in UTC, cut to milliseconds so that text and value agree."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def stamp(moment: datetime) -> str:
    """Write a moment as ``2026-03-12T08:15:30.123Z`` (docs/formats.md, section 0).

    Raises:
        ValueError: If the moment carries no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone proves nothing")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_stamp(text: str) -> datetime:
    """Read what ``stamp`` wrote.

    Raises:
        ValueError: If the text is in any other form.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def iso(day: date | None) -> str | None:
    """Write a day as ``2026-03-12``, the form in JSON; None stays None."""
    return day.isoformat() if day is not None else None


def has_passed(span: timedelta, since: datetime, now: datetime) -> bool:
    """Whether a span has passed; what a wrong clock dated after now is no reason to wait."""
    return not -_SKEW <= now - since < span
