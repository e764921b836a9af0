"""Send wake-ups over Celery, with settings for killed workers and a broker that forgets.

A message is only a wake-up; the row holds the truth. It is acknowledged late and sent again by the
sweeper
(docs/operations.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from amqp.exceptions import AMQPError
from celery import Celery, bootsteps
from celery.worker.consumer import Consumer
from kombu.entity import Exchange, Queue
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from ingestion.queue.brokers import CONFIRM_WITHIN, VISIBILITY, Broker, broker_of
from ingestion.queue.classes import CLASSES, class_of, more_urgent_than
from ingestion.queue.line import Line
from ingestion.queue.places import keep_places
from signing.ground.errors import Unavailable

APP: Final = "chartrier"

TIME_LIMIT: Final = 1800
"""Seconds after which a task is killed.

Less than the visibility timeout, so that no running task is delivered twice.
"""

T = TypeVar("T")

_ERRORS: Final = (OperationalError, KombuError, OSError, RedisError, AMQPError)


def make_app(broker_url: str, ca: Path | None = None) -> Celery:
    """Make a Celery application on this broker; ``ingestion.tasks`` registers the tasks.

    Args:
        broker_url: See ``broker_of``.
        ca: PEM of the authority behind an encrypted broker; None: the system's.
    """
    broker = broker_of(broker_url, ca)
    if broker.is_redis:
        keep_places()
    app = Celery(APP, broker=broker.url, set_as_current=False)
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
        task_queues=_queues(broker),
        task_default_queue=CLASSES[0].queue,
        task_default_queue_type=broker.queue_arguments.get("x-queue-type", "classic"),
        task_create_missing_queues=False,
        task_publish_retry=False,
        visibility_timeout=VISIBILITY,
        broker_transport_options=broker.transport,
        broker_use_ssl=broker.tls,
        result_backend_transport_options={"visibility_timeout": VISIBILITY} if broker.is_redis else {},
        broker_connection_timeout=4,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # RabbitMQ closes the channel of a consumer that it considers too slow
        broker_heartbeat=0 if broker.is_redis else 60,
        worker_consumer=f"{__name__}:PlainConsumer",
        worker_prefetch_multiplier=1,
        # running tasks go on: cancelling would kill the process, and a killed process counts
        # against its document
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


def _queues(broker: Broker) -> list[Queue]:
    """Return the queues in order of urgency: the order in which workers begin their messages."""
    everyone = Exchange("", type="direct")  # type: ignore[no-untyped-call]
    return [
        Queue(work.queue, everyone, routing_key=work.queue, queue_arguments=broker.queue_arguments)  # type: ignore[no-untyped-call]
        for work in CLASSES
    ]


class PlainConsumer(Consumer):  # type: ignore[misc]
    """Consumer of Celery without delayed delivery, which makes 28 quorum queues on RabbitMQ."""

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """Blueprint of the consumer without the step of delayed delivery."""

        default_steps: ClassVar[list[str]] = [
            step for step in Consumer.Blueprint.default_steps if "DelayedDelivery" not in step
        ]


def order_waiting(app: Celery, line: Line) -> None:
    """Make messages wait in this line while all processes of this worker are busy."""

    class Ordered(bootsteps.Step):  # type: ignore[misc]
        """Worker step: puts the line into the semaphore of Celery's pool."""

        requires = ("celery.worker.components:Pool",)

        def create(self, parent: Any) -> None:
            semaphore = parent.semaphore
            if semaphore is not None:  # pools without processes have none
                semaphore._waiting = line
                semaphore._add_waiter, semaphore._pop_waiter = line.append, line.popleft

    app.steps["worker"].add(Ordered)


def run_worker(app: Celery, processes: int) -> None:
    """Run a worker with this many processes until it is stopped."""
    app.worker_main(
        [
            "--quiet",
            "worker",
            "--pool=prefork",
            f"--concurrency={processes}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "--loglevel=WARNING",
        ]
    )


class CeleryQueue:
    """Queue: sends wake-ups with an application of ``make_app``; safe in several threads."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._out = _Wire(app.connection_for_write)
        self._in = _Wire(app.connection_for_read)

    def send(self, kind: str, subject: str, *, priority: int) -> None:
        """Wake a worker."""

        def publish(connection: Any) -> None:
            self._app.send_task(
                f"{APP}.{kind}",
                args=[subject],
                queue=class_of(priority).queue,
                producer=self._app.amqp.Producer(connection, auto_declare=False),
                confirm_timeout=CONFIRM_WITHIN,
            )

        self._out.use(publish)

    def waiting(self, *, before: int | None = None) -> int:
        """Return the number of messages in the queues, without those that workers hold."""
        asked = CLASSES if before is None else more_urgent_than(before)
        return self._in.use(lambda connection: sum(self._size(connection, work.queue) for work in asked))

    def _size(self, connection: Any, name: str) -> int:
        """Return the number of messages in a queue.

        The queue is declared as by a worker, so a broker that forgot its queues has them again.
        """
        queue = self._app.amqp.queues[name]
        found = connection.default_channel.queue_declare(
            name, durable=queue.durable, auto_delete=queue.auto_delete, arguments=queue.queue_arguments
        )
        return int(found.message_count)

    def ping(self) -> bool:
        """Whether the broker answers now."""
        try:
            self.waiting()
        except Unavailable:
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        self._out.close()
        self._in.close()
        self._app.close()


class _Wire:
    """One connection, made at first use and again after it broke; one user at a time."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._turn = threading.Lock()

    def use(self, what: Callable[[Any], T]) -> T:
        """Return the call's result; on a dead connection, try once more on a new one.

        Raises:
            Unavailable: ``broker_away``.
        """
        with self._turn:
            try:
                fresh = self._connection is None
                try:
                    return self._once(what)
                except TimeoutError:  # a broker that does not answer would not answer a second time
                    raise
                except _ERRORS:
                    if fresh:
                        raise
                    self._drop()
                    return self._once(what)
            except _ERRORS as error:
                self._drop()
                raise _away() from error

    def _once(self, what: Callable[[Any], T]) -> T:
        if self._connection is None:
            self._connection = self._connect()
            self._connection.ensure_connection(max_retries=1, timeout=3)
        return what(self._connection)

    def close(self) -> None:
        """Close the connection in good order."""
        with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(*_ERRORS):
                    connection.release()

    def _drop(self) -> None:
        """Cut the connection; closing in good order would wait for a silent broker."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*_ERRORS):
                connection.collect(socket_timeout=1)


def _away() -> Unavailable:
    return Unavailable(
        "broker_away",
        "Le courtier de messages ne répond pas.",
        kept="Les dépôts acceptés sont conservés ; leur traitement reprendra.",
        action="Vérifiez que le courtier fonctionne.",
    )
