"""States of a deposit, and the priority of its wake-ups. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

STAGING_HOURS: Final = 24
"""Hours after which staging of a deposit that became a record is emptied.

Until then a retry runs only the stages that failed.
"""

LEASE_SECONDS: Final = 60
"""Seconds for which a worker counts as alive after it last renewed its lease."""

MAX_CLAIMS: Final = 3
"""Number of workers that may die on a document before it is quarantined."""


class DepositState(StrEnum):
    """State of a deposit."""

    RECEIVED = "received"
    """Acknowledged; no worker has begun."""
    WORKING = "working"
    KEPT = "kept"
    """It is a record."""
    QUARANTINED = "quarantined"
    """Its bytes are kept and never served; an archivist decides."""
    REFUSED = "refused"
    """An archivist decided that it will not become a record."""
    UNPACKED = "unpacked"
    """A package whose parts are deposits of their own; its bytes go, once they are not needed."""


UNFINISHED: Final = (DepositState.RECEIVED, DepositState.WORKING)
"""States in which work remains."""


def urgency(priority: int, pages: int | None) -> int:
    """Return a wake-up's priority, from 0 (first) to 9 (last); long documents go after letters."""
    if pages is None or pages <= 4:
        aside = 0
    elif pages <= 40:
        aside = 3
    else:
        aside = 6
    return min(9, priority + aside)


def problem(code: str, detail: str, *, action: str = "", values: dict[str, Any] | None = None) -> dict[str, Any]:
    """Make a deposit's problem as stored: French message ids and the values of their places."""
    return {"code": code, "detail": detail, "action": action, "values": values or {}}
