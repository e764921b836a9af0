"""Classes of work, each with a queue of its own; urgency decides the queue.

A quorum queue of RabbitMQ knows no priorities and Redis only imitates them; queues side by side
both have.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class WorkClass(NamedTuple):
    """One class of work.

    Attributes:
        queue: Name of its queue.
        first: Lowest priority that falls into it; it ends where the next begins.
        slots: Kind of slot that its work takes on a machine; empty: none, it never waits.
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
"""Most urgent first: somebody waits at a screen; letters of a batch and short documents; pages of
long documents; what has until tomorrow. The priorities are those of
``ingestion.deposits.states.urgency``.
"""


def class_of(priority: int) -> WorkClass:
    """The class that a priority (0 first, 9 last) falls into."""
    return max((work for work in CLASSES if work.first <= priority), key=lambda work: work.first)


def class_named(queue: str) -> WorkClass:
    """Class of a queue; the most urgent one for an unknown queue."""
    return next((work for work in CLASSES if work.queue == queue), CLASSES[0])


def more_urgent_than(priority: int) -> tuple[WorkClass, ...]:
    """The classes that go before a priority's own."""
    return tuple(work for work in CLASSES if work.first < class_of(priority).first)
