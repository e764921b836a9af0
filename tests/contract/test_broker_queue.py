"""The queue's contract on the brokers of a department: Redis and RabbitMQ, the real ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery

from ingestion.queue.celery import CeleryQueue, make_app
from ingestion.queue.classes import CLASSES
from signing.ground.errors import Unavailable
from tests.contract.queue_worker import Worker, put_garbage, workers
from tests.contract.suite_queue import TaskQueueContract
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis

pytestmark = pytest.mark.services


class OverBroker(TaskQueueContract):
    """Fixtures on a broker with ``new_url``, ``start``, ``kill``, ``forget`` and a process."""

    @pytest.fixture
    def url(self, broker: Redis | RabbitMQ) -> Iterator[str]:
        if broker.process.running is None:
            broker.start()
        yield broker.new_url()
        if broker.process.running is None:
            broker.start()
        if isinstance(broker, RabbitMQ):
            for vhost in list(broker.vhosts):
                broker.remove_vhost(vhost)

    @pytest.fixture
    def app(self, url: str) -> Iterator[Celery]:
        made = make_app(url)
        yield made
        made.close()

    @pytest.fixture
    def queue(self, app: Celery, url: str) -> Iterator[CeleryQueue]:
        made = CeleryQueue(app)
        made.waiting()
        if not url.startswith("redis"):
            time.sleep(1)  # RabbitMQ writes new quorum queues down within half a second: killed before, it loses them
        yield made
        made.close()

    @pytest.fixture
    def stop_broker(self, broker: Redis | RabbitMQ) -> Callable[[], None]:
        return broker.kill

    @pytest.fixture
    def start_broker(self, broker: Redis | RabbitMQ) -> Callable[[], None]:
        return broker.start

    @pytest.fixture
    def worker(self, url: str, tmp_path: Path) -> Iterator[Callable[[int], Worker]]:
        yield from workers(url, tmp_path)

    @pytest.fixture
    def forget(self, broker: Redis | RabbitMQ) -> Callable[[], None]:
        return broker.forget

    @pytest.fixture
    def garbage(self, app: Celery) -> Callable[[], None]:
        return lambda: put_garbage(app)


class TestCeleryOverRedis(OverBroker):
    """Redis 7, durable, with a password."""

    @pytest.fixture
    def broker(self, redis_server: Redis) -> Redis:
        return redis_server


class TestCeleryOverRabbitMQ(OverBroker):
    """RabbitMQ 3.10, quorum queues."""

    @pytest.fixture
    def broker(self, rabbitmq_server: RabbitMQ) -> RabbitMQ:
        return rabbitmq_server

    def test_its_queues_are_replicated_ones_and_no_others(
        self, broker: RabbitMQ, url: str, queue: CeleryQueue, worker: Callable[[int], Worker]
    ) -> None:
        working = worker(1)
        queue.send("advance", "one", priority=0)
        working.wait(1)
        vhost = url.rpartition("/")[2]
        found = broker.admin("GET", f"/api/queues/{vhost}").json()
        assert {q["name"]: (q["type"], q["durable"]) for q in found} == {
            work.queue: ("quorum", True) for work in CLASSES
        }

    def test_a_broker_that_says_nothing_any_more_is_away(self, broker: RabbitMQ, queue: CeleryQueue) -> None:
        queue.send("advance", "one", priority=0)
        with broker.process.frozen():
            started = time.monotonic()
            with pytest.raises(Unavailable):
                queue.send("advance", "two", priority=0)
            assert time.monotonic() - started < 15
        self.until(queue.ping)
        queue.send("advance", "three", priority=0)
