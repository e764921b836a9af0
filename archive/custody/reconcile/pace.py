"""Pace of a long comparison: it leaves most of a core to those who wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SHARE: Final = 0.1
"""Largest share of one core that the routine may take."""


class Pace:
    """Rest in proportion to the processor time that was used.

    Args:
        share: Of one core; 1 = never rest.
    """

    def __init__(
        self,
        share: float = SHARE,
        *,
        used: Callable[[], float] = time.thread_time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._share = share
        self._used = used
        self._sleep = sleep
        self._last = used()

    def rest(self) -> None:
        """Sleep until the share is kept, counted from the last rest."""
        spent = max(0.0, self._used() - self._last)
        self._sleep(spent * (1 / self._share - 1))
        self._last = self._used()
