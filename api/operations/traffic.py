"""Count the requests that this process answers, by route template, never by id."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
"""Upper bounds in seconds; a longer request counts in ``+Inf`` alone."""

UNKNOWN: Final = "(none)"
"""Route label where no route matched: the caller chooses the path, so labels would be unlimited."""


@dataclass
class Durations:
    """Durations of the requests of one method and route.

    Attributes:
        counts: How many took no longer than each of ``BUCKETS``; last, the number of all.
        seconds: Sum of the durations.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0


class Traffic:
    """Counters of one API process since its start; each process is its own Prometheus target."""

    def __init__(self) -> None:
        self.answers: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        """(method, route, status) -> requests."""
        self.durations: defaultdict[tuple[str, str], Durations] = defaultdict(Durations)

    def count(self, scope: Any, status: int, seconds: float) -> None:
        """Count one request, after its last byte.

        Args:
            scope: ASGI scope, in which the router left the route that matched.
            status: HTTP status; 0 when the caller was gone before an answer.
            seconds: Duration from the first byte to the end.
        """
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = str(getattr(scope.get("route"), "path", None) or UNKNOWN)
        if scope["path"].startswith(f"{_API}/") and route != UNKNOWN and not route.startswith(_API):
            route = _API + route  # the path of an included route lacks the router's prefix
        self.answers[method, route, status] += 1
        durations = self.durations[method, route]
        durations.seconds += seconds
        durations.counts[-1] += 1
        for number, bound in enumerate(BUCKETS):
            durations.counts[number] += seconds <= bound


_API: Final = "/api/v1"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
