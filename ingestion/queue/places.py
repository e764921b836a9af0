"""Places of a worker for Redis messages, freed even while the broker is away.

Kombu keeps a message's place until Redis has taken its acknowledgement. If Redis is away just then,
the failure is logged and the place is lost; once every place is, the worker asks for nothing any
more, so that it never notices that its connection broke either: it stays deaf until somebody
restarts it (seen with kombu 5.7.0, whenever the broker was killed while as many tasks ran as the
worker takes).
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis, virtual


class Places(redis.QoS):
    """Count of messages in hand; a place is free once its work is over, acknowledged or not.

    The message stays with the broker and comes again after the visibility timeout: a wake-up for a
    row that is done already.
    """

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge; the place is free in any case."""
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        except self.channel.connection_errors:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Give back; the place is free in any case."""
        try:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]
        except self.channel.connection_errors:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
            raise


def keep_places() -> None:
    """Make every channel to Redis or Valkey count with ``Places``; idempotent."""
    channel: Any = redis.Channel
    channel.QoS = Places
