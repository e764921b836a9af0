"""Wake-ups over Celery. The settings are those that survive killed workers and a forgetful broker.

Message = wake-up, row = truth: acknowledged late, re-sent by the sweeper, never trusted (docs/operations.md).
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any, Final

from amqp.exceptions import AMQPError
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from signing.errors import Unavailable

QUEUE: Final = "chartrier"
STEPS: Final = (0, 3, 6, 9)
"""Priorities that the broker keeps apart, first to last."""

TIME_LIMIT: Final = 1800
"""Seconds after which a task is killed; below the visibility timeout: no living task is delivered twice."""

VISIBILITY: Final = 3600

_ERRORS: Final = (OperationalError, OSError, RedisError, AMQPError)


def make_app(broker_url: str) -> Celery:
    """A Celery application on this broker; tasks are registered by ``ingestion.tasks``."""
    app = Celery(QUEUE, broker=broker_url, set_as_current=False)
    redis = broker_url.startswith(("redis", "valkey"))
    transport: dict[str, Any] = {"confirm_publish": True}
    if redis:
        transport = {
            "visibility_timeout": VISIBILITY,
            "unacked_restore_interval": 10,
            "queue_order_strategy": "priority",
            "priority_steps": list(STEPS),
            "socket_timeout": 5,
            "socket_connect_timeout": 3,
            "health_check_interval": 10,
        }
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_timeout=False,
        task_time_limit=TIME_LIMIT,
        task_default_queue=QUEUE,
        task_default_queue_type="classic" if redis else "quorum",
        task_default_priority=0,
        task_create_missing_queues=True,
        task_publish_retry=False,
        visibility_timeout=VISIBILITY,
        broker_transport_options=transport,
        result_backend_transport_options={"visibility_timeout": VISIBILITY} if redis else {},
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_heartbeat=0 if redis else 60,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_max_tasks_per_child=50,
        worker_max_memory_per_child=600_000,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        enable_utc=True,
    )
    return app


class CeleryQueue:
    """Sends wake-ups with an application of ``make_app``."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._look: Any = None
        self._looking = threading.Lock()
        self._redis = str(app.conf.broker_url).startswith(("redis", "valkey"))

    def send(self, kind: str, subject: str, *, priority: int) -> None:
        """Wake a worker. RabbitMQ counts priorities the other way round."""
        try:
            self._app.send_task(
                f"{QUEUE}.{kind}",
                args=[subject],
                queue=QUEUE,
                priority=priority if self._redis else 9 - priority,
            )
        except _ERRORS as error:
            raise _away() from error

    def waiting(self, *, before: int | None = None) -> int:
        """Messages in the queue. RabbitMQ can't tell them apart by priority: there all count."""
        with self._looking:
            try:
                if self._look is None:
                    self._look = self._app.connection_for_read()
                    self._look.ensure_connection(max_retries=1, timeout=2)
                channel = self._look.default_channel
                if not self._redis:
                    return int(channel.queue_declare(QUEUE, passive=True).message_count)
                steps = STEPS if before is None else [step for step in STEPS if step < _step(before)]
                return sum(int(channel.client.llen(channel._q_for_pri(QUEUE, step))) for step in steps)
            except _ERRORS as error:
                self._forget()
                raise _away() from error

    def ping(self) -> bool:
        """Whether the broker answers now."""
        try:
            self.waiting()
        except Unavailable:
            return False
        return True

    def close(self) -> None:
        """Close the pool."""
        with self._looking:
            self._forget()
        self._app.close()

    def _forget(self) -> None:
        look, self._look = self._look, None
        if look is not None:
            with suppress(*_ERRORS):
                look.release()


def _step(priority: int) -> int:
    """The one that a priority falls into."""
    return max(step for step in STEPS if step <= priority)


def _away() -> Unavailable:
    return Unavailable(
        "broker_away",
        "Le courtier de messages ne répond pas.",
        kept="Les dépôts acceptés sont conservés ; leur traitement reprendra.",
        action="Vérifiez que le courtier fonctionne.",
    )
