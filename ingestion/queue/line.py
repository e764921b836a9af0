"""Line inside a worker: messages that wait for a free process, most urgent first.

RabbitMQ pushes: with quorum queues each queue's prefetch counts by itself, so a worker holds up to
one message a process from *every* queue. Celery would start them in the order of their arrival;
here a letter overtakes the others.
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
"""Entry of Celery's semaphore: a callback, its arguments (the request), its keywords."""


class Line:
    """Line: replaces the first-in-first-out line of Celery's semaphore.

    The number of waiting messages, by class, is written into memory that the worker's processes
    share. It is made before the fork; only one thread of the parent writes it.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Waiter]] = []
        self._order = count()
        self._waiting = [0] * len(CLASSES)
        self._shown = mmap.mmap(-1, len(CLASSES))

    def append(self, waiter: Waiter) -> None:
        """Add a message that has to wait."""
        place = _place(waiter)
        heapq.heappush(self._heap, (place, next(self._order), waiter))
        self._count(place, +1)

    def popleft(self) -> Waiter:
        """Remove and return the most urgent message; of equal ones, the oldest.

        Raises:
            IndexError: If none waits.
        """
        place, _, waiter = heapq.heappop(self._heap)
        self._count(place, -1)
        return waiter

    def clear(self) -> None:
        """Drop all messages: their connection is gone, and the broker sends them again."""
        self._heap.clear()
        for place in range(len(CLASSES)):
            self._count(place, -self._waiting[place])

    def __len__(self) -> int:
        return len(self._heap)

    def holds(self, priority: int) -> bool:
        """Whether a message waits that is more urgent than this priority's class.

        The worker's processes ask it.
        """
        return any(self._shown[CLASSES.index(work)] for work in more_urgent_than(priority))

    def _count(self, place: int, change: int) -> None:
        self._waiting[place] += change
        self._shown[place] = min(_FULL, self._waiting[place])


def _place(waiter: Waiter) -> int:
    """Return the place of a waiting request's class; 0 if the request is of no queue of ours."""
    request = waiter[1][0] if waiter[1] else None
    found = getattr(request, "delivery_info", None) or {}
    return CLASSES.index(class_named(str(found.get("routing_key"))))
