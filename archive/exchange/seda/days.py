"""Dates of a description: a day, a day with its hour, a month or a year. Pure."""

from __future__ import annotations

import calendar
import re
from datetime import date
from typing import Final

_TOLD: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?(?:T.*)?(?:Z|[+-][0-9]{2}:[0-9]{2})?")


def first_day(told: str | None) -> date | None:
    """Return the first day that a date may mean; None where it names no year."""
    return _day(told, last=False)


def last_day(told: str | None) -> date | None:
    """Return the last day that a date may mean; None where it names no year."""
    return _day(told, last=True)


def _day(told: str | None, *, last: bool) -> date | None:
    found = _TOLD.fullmatch(told or "")
    if found is None:
        return None
    year, month = int(found.group(1)), int(found.group(2) or (12 if last else 1))
    try:
        day = int(found.group(3) or (calendar.monthrange(year, month)[1] if last else 1))
        return date(year, month, day)
    except ValueError:
        return None
