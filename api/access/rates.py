"""Rate limits for anonymous requests that cost work or could be used to guess."""

from __future__ import annotations

import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request

from signing.ground.errors import Refused

LIMITS: dict[str, RateLimitItem] = {
    "login": RateLimitItemPerMinute(10),
    "guest": RateLimitItemPerMinute(10),
    "verification": RateLimitItemPerMinute(20),
}
"""Requests per minute and per address."""


class Rates:
    """Count requests in memory: one API process serves one machine."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def check(self, request: Request, what: str) -> None:
        """Count one request against ``LIMITS[what]``.

        Raises:
            Refused: ``rate_limited``, with the seconds to wait.
        """
        limit = LIMITS[what]
        address = request.client.host if request.client else "?"
        if not self._limiter.hit(limit, what, address):
            reset_at, _ = self._limiter.get_window_stats(limit, what, address)
            raise Refused(
                "rate_limited",
                "Trop de demandes en peu de temps.",
                action="Attendez {seconds} secondes puis recommencez.",
                what=what,
                seconds=max(1, int(reset_at - time.time()) + 1),
            )


def check_rate(request: Request, what: str) -> None:
    """Count one request against ``LIMITS[what]``.

    Raises:
        Refused: ``rate_limited``, with the seconds to wait.
    """
    rates: Rates = request.app.state.rates
    rates.check(request, what)
