"""The states of a deposit and how it may pass from one to the next. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

STAGING_HOURS: Final = 24
"""Staging is emptied this long after a deposit became a record: until then only what failed runs
again.
"""

LEASE_SECONDS: Final = 60
"""How long a worker that says nothing is believed to be alive."""

MAX_CLAIMS: Final = 3
"""A document that was being worked on when this many workers died is quarantined."""


class DepositState(StrEnum):
    """Where a deposit is on its way."""

    RECEIVED = "received"
    """Acknowledged; nobody has worked on it yet."""
    WORKING = "working"
    KEPT = "kept"
    """It is a record."""
    QUARANTINED = "quarantined"
    """Bytes kept, never served; an archivist decides."""
    REFUSED = "refused"
    """An archivist decided that it will not become a record."""


UNFINISHED: Final = (DepositState.RECEIVED, DepositState.WORKING)
"""States in which work is due."""


def urgency(priority: int, pages: int | None) -> int:
    """Priority of a wake-up, 0 first to 9 last: a long document steps aside for the letters."""
    if pages is None or pages <= 4:
        aside = 0
    elif pages <= 40:
        aside = 3
    else:
        aside = 6
    return min(9, priority + aside)


def problem(code: str, detail: str, *, action: str = "", values: dict[str, Any] | None = None) -> dict[str, Any]:
    """Problem of a deposit as stored: French message ids and the values of their places."""
    return {"code": code, "detail": detail, "action": action, "values": values or {}}
