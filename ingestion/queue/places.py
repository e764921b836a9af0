"""Free a worker's places for Redis messages even while the broker does not answer.

Kombu keeps a message's place until Redis has accepted its acknowledgement. If Redis does not answer
just then, the failure is logged and the place is lost. Once every place is lost, the worker asks
for no message any more and does not notice that its connection broke: it gets nothing until it is
restarted (seen with kombu 5.7.0, whenever the broker was killed while every place was in use).
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis, virtual


class Places(redis.QoS):
    """Count of messages in hand; a place is free once its work is over, acknowledged or not.

    An unacknowledged message stays with the broker and comes again after the visibility timeout;
    its row is then done already.
    """

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message; its place is free in any case."""
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        except self.channel.connection_errors:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Reject a message; its place is free in any case."""
        try:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]
        except self.channel.connection_errors:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
            raise


def keep_places() -> None:
    """Make every channel to Redis or Valkey count with ``Places``; idempotent."""
    channel: Any = redis.Channel
    channel.QoS = Places
