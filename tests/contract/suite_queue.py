"""What every task queue must do, whatever broker stands behind it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ingestion.queue.port import TaskQueue
from signing.errors import Unavailable


class TaskQueueContract:
    """Run over an adapter: give fixtures ``queue``, ``worked`` (what workers saw), ``broker_away``, ``flush``."""

    def until(self, what: Callable[[], bool], seconds: float = 10) -> None:
        limit = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < limit, "nothing came"
            time.sleep(0.02)

    def test_a_wake_up_waits_until_a_worker_takes_it(self, queue: TaskQueue, work: Callable[[int], list[str]]) -> None:
        queue.send("advance", "one", priority=0)
        self.until(lambda: queue.waiting() == 1)
        assert work(1) == ["advance one"]
        self.until(lambda: queue.waiting() == 0)

    def test_urgent_wake_ups_overtake(self, queue: TaskQueue, work: Callable[[int], list[str]]) -> None:
        queue.send("pages", "register:1", priority=6)
        queue.send("pages", "register:9", priority=6)
        queue.send("advance", "letter", priority=0)
        self.until(lambda: queue.waiting() == 3)
        assert queue.waiting(before=6) >= 1
        assert work(3) == ["advance letter", "pages register:1", "pages register:9"]

    def test_what_goes_before_is_counted(self, queue: TaskQueue) -> None:
        queue.send("advance", "letter of a batch", priority=5)
        self.until(lambda: queue.waiting() == 1)
        assert queue.waiting(before=9) == 1
        queue.send("pages", "register:1", priority=9)
        self.until(lambda: queue.waiting() == 2)
        assert queue.waiting(before=9) >= 1

    def test_it_answers(self, queue: TaskQueue) -> None:
        assert queue.ping()

    def test_an_absent_broker_is_said_at_once(self, queue: TaskQueue, stop_broker: Callable[[], None]) -> None:
        stop_broker()
        started = time.monotonic()
        with pytest.raises(Unavailable) as away:
            queue.send("advance", "one", priority=0)
        assert away.value.code == "broker_away"
        assert not queue.ping()
        assert time.monotonic() - started < 10

    def test_a_broker_that_came_back_is_used_again(
        self, queue: TaskQueue, stop_broker: Callable[[], None], start_broker: Callable[[], None]
    ) -> None:
        queue.send("advance", "before", priority=0)
        stop_broker()
        with pytest.raises(Unavailable):
            queue.send("advance", "lost", priority=0)
        start_broker()
        self.until(queue.ping)
        queue.send("advance", "after", priority=0)
        self.until(lambda: queue.waiting() >= 1)
