"""Line inside a worker: held messages without a free process, most urgent first.

RabbitMQ pushes: with quorum queues each queue's prefetch counts by itself, so a worker holds up to
one message a process from *every* queue. Celery would start them in the order of their arrival;
here a letter overtakes.
"""

from __future__ import annotations

import heapq
import mmap
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from ingestion.queue.classes import CLASSES, class_named, more_urgent_than

_FULL: Final = 255

Waiter = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
"""What Celery's semaphore keeps: a callback, its arguments (the request), its keywords."""


class Line:
    """Stands in for the first-in-first-out line of Celery's semaphore.

    How many wait, by class, is written into memory that the worker's processes share, for them to
    see: made before the fork, written by the parent's one thread only.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Waiter]] = []
        self._order = count()
        self._waiting = [0] * len(CLASSES)
        self._shown = mmap.mmap(-1, len(CLASSES))

    def append(self, waiter: Waiter) -> None:
        """Somebody has to wait."""
        place = _place(waiter)
        heapq.heappush(self._heap, (place, next(self._order), waiter))
        self._count(place, +1)

    def popleft(self) -> Waiter:
        """The most urgent, the longest waiting of them.

        Raises:
            IndexError: Nobody waits.
        """
        place, _, waiter = heapq.heappop(self._heap)
        self._count(place, -1)
        return waiter

    def clear(self) -> None:
        """Forget all messages: their connection is gone, and the broker sends them again."""
        self._heap.clear()
        for place in range(len(CLASSES)):
            self._count(place, -self._waiting[place])

    def __len__(self) -> int:
        return len(self._heap)

    def holds(self, priority: int) -> bool:
        """Whether somebody waits who goes before this priority; asked by the worker's processes."""
        return any(self._shown[CLASSES.index(work)] for work in more_urgent_than(priority))

    def _count(self, place: int, change: int) -> None:
        self._waiting[place] += change
        self._shown[place] = min(_FULL, self._waiting[place])


def _place(waiter: Waiter) -> int:
    """Place of a waiting request's class; 0 for what is no request of a queue of ours."""
    request = waiter[1][0] if waiter[1] else None
    found = getattr(request, "delivery_info", None) or {}
    return CLASSES.index(class_named(str(found.get("routing_key"))))
