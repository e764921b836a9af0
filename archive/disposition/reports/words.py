"""Days, numbers and sizes as our French reports write them. Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from archive.retention.reasons import HARD, MONTHS, NARROW

NOTHING: Final = "–"
_UNITS: Final = ("octets", "ko", "Mo", "Go", "To", "Po")
_STEP: Final = 1000


def day(value: date | str | None) -> str:
    """Write a day: « 12 mars 2026 »."""
    if not value:
        return NOTHING
    read = date.fromisoformat(value) if isinstance(value, str) else value
    first = "1er" if read.day == 1 else str(read.day)
    return f"{first}{HARD}{MONTHS[read.month - 1]}{HARD}{read.year}"


def between(first: date | str | None, last: date | str | None) -> str:
    """Write extreme dates."""
    if not first or not last:
        return NOTHING
    begin, end = str(first)[:4], str(last)[:4]
    return begin if begin == end else f"{begin}-{end}"


def number(value: int) -> str:
    """Write a number in groups of three digits."""
    return f"{value:,}".replace(",", NARROW)


def size(value: int) -> str:
    """Write a size in the unit that leaves one to three digits before the comma."""
    amount, unit = Decimal(value), 0
    while amount >= _STEP and unit < len(_UNITS) - 1:
        amount, unit = amount / _STEP, unit + 1
    told = number(int(amount)) if unit == 0 else f"{amount:.1f}".replace(".", ",").removesuffix(",0")
    return f"{told}{HARD}{_UNITS[unit] if value > 1 or unit else 'octet'}"


def metres(value: str | Decimal) -> str:
    """Write a length of shelves."""
    return f"{Decimal(value).normalize():f}".replace(".", ",") + f"{HARD}ml"


def count(value: int, one: str, many: str) -> str:
    """Write a number with its noun."""
    return f"{number(value)} {one if value < 2 else many}"
