"""Celery over the Valkey that ``serve`` starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery

from ingestion.queue import valkey
from ingestion.queue.celery import CeleryQueue, make_app
from ingestion.queue.classes import CLASSES
from tests.contract.queue_worker import Worker, put_garbage, workers
from tests.contract.suite_queue import TaskQueueContract


class TestCeleryOverValkey(TaskQueueContract):
    """The adapter of one machine, against a real server."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Iterator[Path]:
        started = valkey.start(tmp_path)
        assert started is not None
        yield tmp_path
        valkey.stop(tmp_path)
        if started.poll() is None:
            started.kill()
        started.wait()

    @pytest.fixture
    def app(self, home: Path) -> Iterator[Celery]:
        made = make_app(valkey.url(home))
        yield made
        made.close()

    @pytest.fixture
    def queue(self, app: Celery) -> CeleryQueue:
        return CeleryQueue(app)

    @pytest.fixture
    def stop_broker(self, home: Path) -> Callable[[], None]:
        return lambda: valkey.stop(home)

    @pytest.fixture
    def start_broker(self, home: Path) -> Iterator[Callable[[], None]]:
        processes = []
        yield lambda: processes.append(valkey.start(home))
        valkey.stop(home)
        for started in processes:
            started.wait(10)

    @pytest.fixture
    def worker(self, home: Path, tmp_path: Path) -> Iterator[Callable[[int], Worker]]:
        yield from workers(valkey.url(home), tmp_path)

    @pytest.fixture
    def forget(self, home: Path) -> Callable[[], None]:
        return lambda: _flush(home)

    @pytest.fixture
    def garbage(self, app: Celery) -> Callable[[], None]:
        return lambda: put_garbage(app)


def _flush(home: Path) -> None:
    assert valkey._ask(home, "FLUSHALL") == "+OK"


def test_a_running_valkey_is_adopted(tmp_path: Path) -> None:
    started = valkey.start(tmp_path)
    assert started is not None
    try:
        assert valkey.start(tmp_path) is None
        assert valkey.process_id(tmp_path) == started.pid
    finally:
        valkey.stop(tmp_path)
        started.wait(10)
    assert not valkey.answers(tmp_path)


def test_a_home_with_a_very_long_path_still_has_a_broker(tmp_path: Path) -> None:
    home = tmp_path / ("d" * 60) / ("e" * 60)
    started = valkey.start(home)
    assert started is not None
    try:
        assert valkey.answers(home)
    finally:
        valkey.stop(home)
        started.wait(10)
        valkey.socket_path(home).parent.rmdir()


def test_messages_are_json_and_acknowledged_late() -> None:
    conf = make_app("redis://127.0.0.1:1/0").conf
    assert conf.accept_content == ["json"]
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.task_time_limit < conf.broker_transport_options["visibility_timeout"]
    assert conf.task_ignore_result


@pytest.mark.parametrize("word", ["ack", "reject", "requeue"])
def test_a_place_is_free_again_though_the_broker_could_not_be_told(tmp_path: Path, word: str) -> None:
    started = valkey.start(tmp_path)
    assert started is not None
    app = make_app(valkey.url(tmp_path))
    queue = CeleryQueue(app)
    try:
        queue.send("advance", "one", priority=0)
        with app.connection_for_read() as connection:
            channel = connection.channel()
            channel.basic_qos(0, 1, False)
            message = channel.basic_get(CLASSES[0].queue)
            assert not channel.qos.can_consume()
            started.kill()
            started.wait()
            with pytest.raises(connection.connection_errors):
                getattr(message, word)()
            assert channel.qos.can_consume()
    finally:
        queue.close()
        valkey.stop(tmp_path)
        started.wait(10)
