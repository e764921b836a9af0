"""Port of wake-ups. A message is an id: lost, doubled or late, nothing breaks."""

from __future__ import annotations

from typing import Protocol


class TaskQueue(Protocol):
    """Queue: sends wake-ups to workers."""

    def send(self, kind: str, subject: str, *, priority: int) -> None:
        """Wake a worker for ``kind`` (``advance``, ``pages``) on ``subject``.

        Raises:
            Unavailable: ``broker_away``; the outbox row stays unsent and is sent later.
        """

    def waiting(self, *, before: int | None = None) -> int:
        """Return the number of messages that no worker has; 0 while rows wait means lost ones.

        Args:
            before: Count only those that go before a message of this priority.

        Raises:
            Unavailable: ``broker_away``.
        """

    def ping(self) -> bool:
        """Whether the broker answers now."""

    def close(self) -> None:
        """Close the connections."""
