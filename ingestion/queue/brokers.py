"""Derive Celery's settings for a broker from the scheme of its URL."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

VISIBILITY: Final = 3600
"""Seconds after which Redis delivers an unacknowledged message again.

Above every task's time limit.
"""

CONFIRM_WITHIN: Final = 5.0
"""Seconds that RabbitMQ has to confirm a message.

A node whose disk is full stops answering, without an error.
"""

_REDIS: Final = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}
_SOCKETS: Final = {"redis+socket": "redis+socket", "valkey+socket": "redis+socket"}
_AMQP: Final = {"amqp": "amqp", "amqps": "amqps"}


@dataclass(frozen=True)
class Broker:
    """Broker: how Celery connects to it.

    Attributes:
        url: URL as kombu spells it.
        is_redis: True for Redis or Valkey, False for RabbitMQ.
        transport: Options of the transport.
        tls: Options of the encrypted connection; None if it is not encrypted.
        queue_arguments: Arguments of every queue.
    """

    url: str
    is_redis: bool
    transport: dict[str, Any] = field(default_factory=dict)
    tls: dict[str, Any] | None = None
    queue_arguments: dict[str, Any] = field(default_factory=dict)


def broker_of(url: str, ca: Path | None = None) -> Broker:
    """Return the broker that a URL names.

    Args:
        url: ``redis``, ``rediss``, ``valkey``, ``valkeys``, ``redis+socket``, ``valkey+socket``,
            ``amqp`` or ``amqps``. An encrypted broker's certificate and name are always
                verified.
        ca: PEM of the authority behind it; None: the system's.

    Raises:
        ValueError: For any other scheme.
    """
    scheme, separator, rest = url.partition("://")
    if scheme in _AMQP:
        tls: dict[str, Any] = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}  # None leaves it to the URL
        tls |= {"ca_certs": str(ca)} if ca else {}
        return Broker(
            url,
            is_redis=False,
            transport=_rabbitmq(),
            tls=tls if scheme == "amqps" else None,
            queue_arguments={"x-queue-type": "quorum"},
        )
    known = (_REDIS | _SOCKETS).get(scheme)
    if known is None:
        raise ValueError(f"no broker speaks {scheme}://")
    tls = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    tls |= {"ssl_ca_certs": str(ca)} if ca else {}
    return Broker(
        known + separator + rest,
        is_redis=True,
        transport=_redis(),
        tls=tls if known == "rediss" else None,
    )


def _redis() -> dict[str, Any]:
    return {
        "visibility_timeout": VISIBILITY,
        "unacked_restore_interval": 10,
        "queue_order_strategy": "priority",  # queues in strict order, not round robin
        "priority_steps": [0],
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }


def _rabbitmq() -> dict[str, Any]:
    return {
        "confirm_publish": True,
        "client_properties": {"connection_name": "chartrier"},
        # a sender gives up at once and leaves the outbox row; only workers wait, by their own rules
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 0.2,
    }
