"""Classes of work: each has its own queue; urgency decides the queue.

RabbitMQ's quorum queues have no priorities and Redis only imitates them; both can have
several queues.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class WorkClass(NamedTuple):
    """Class of work.

    Attributes:
        queue: Name of its queue.
        first: Lowest priority number in it; it ends where the next class begins.
        slots: Kind of slot that its work needs on a machine; empty if it needs none and never
            waits.
    """

    queue: str
    first: int
    slots: str


CLASSES: Final = (
    WorkClass("chartrier.letters", 0, ""),
    WorkClass("chartrier.batches", 3, "letters"),
    WorkClass("chartrier.registers", 6, "pages"),
    WorkClass("chartrier.night", 9, "pages"),
)
"""Classes, most urgent first.

Somebody waits at a screen; letters of a batch and short documents; pages of long documents; work
that has until tomorrow. ``ingestion.deposits.states.urgency`` gives the priorities.
"""


def class_of(priority: int) -> WorkClass:
    """Return the class of a priority (0 first, 9 last)."""
    return max((work for work in CLASSES if work.first <= priority), key=lambda work: work.first)


def class_named(queue: str) -> WorkClass:
    """Return the class of a queue; the most urgent one for an unknown queue."""
    return next((work for work in CLASSES if work.queue == queue), CLASSES[0])


def more_urgent_than(priority: int) -> tuple[WorkClass, ...]:
    """Return the classes that are more urgent than a priority's own."""
    return tuple(work for work in CLASSES if work.first < class_of(priority).first)
