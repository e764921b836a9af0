"""What every task queue must do, whatever broker stands behind it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ingestion.queue.port import TaskQueue
from signing.ground.errors import Unavailable
from tests.contract.queue_worker import Worker


class TaskQueueContract:
    """Run over an adapter: give fixtures ``queue``, ``worker`` (starts a real one),
    ``stop_broker``, ``start_broker``, ``forget`` (the broker loses all it held) and ``garbage``
    (puts a message that nobody understands).
    """

    @pytest.fixture
    def work(self, worker: Callable[[int], Worker]) -> Callable[[int], list[str]]:
        """A worker of one process takes so many wake-ups and ends."""

        def consume(count: int) -> list[str]:
            working = worker(1)
            try:
                return working.wait(count)
            finally:
                working.stop()

        return consume

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

    def test_a_letter_overtakes_the_pages_that_a_worker_already_holds(
        self, queue: TaskQueue, worker: Callable[[int], Worker]
    ) -> None:
        working = worker(2)
        # both processes stay busy until batch and letter have reached the worker, and one is free
        # well before the other: two at once would begin letter and batch in the same instant
        for number, pace in enumerate(("slower", "slowest", *["slow"] * 6)):
            queue.send("pages", f"{pace} register:{number}", priority=6)
        working.wait(2)
        queue.send("advance", "slow batch", priority=5)
        queue.send("advance", "letter", priority=0)
        seen = working.wait(6)
        letter, batch = seen.index("advance letter"), seen.index("advance slow batch")
        assert letter < batch, "the most urgent first"
        assert letter <= 4, "it waits for a page that is being read, not for those that wait"
        working.wait(10)

    def test_work_goes_on_when_the_broker_was_restarted_in_the_midst(
        self,
        queue: TaskQueue,
        worker: Callable[[int], Worker],
        stop_broker: Callable[[], None],
        start_broker: Callable[[], None],
    ) -> None:
        working = worker(2)
        queue.send("advance", "before", priority=0)
        queue.send("pages", "slow register:1", priority=6)
        working.wait(2)
        stop_broker()
        start_broker()
        self.until(queue.ping, 30)
        for number in range(4):
            queue.send("advance", f"after {number}", priority=0)
        self.until(lambda: {f"advance after {n}" for n in range(4)} <= set(working.seen()), 60)
        self.until(lambda: queue.waiting() == 0)

    def test_a_broker_that_forgot_everything_is_used_again(
        self, queue: TaskQueue, worker: Callable[[int], Worker], forget: Callable[[], None]
    ) -> None:
        working = worker(1)
        queue.send("advance", "before", priority=0)
        working.wait(1)
        forget()
        self.until(queue.ping, 30)
        assert queue.waiting() == 0
        queue.send("advance", "after", priority=0)
        self.until(lambda: "advance after" in working.seen(), 60)

    def test_a_message_that_nobody_understands_stops_nobody(
        self, queue: TaskQueue, worker: Callable[[int], Worker], garbage: Callable[[], None]
    ) -> None:
        garbage()
        queue.send("unheard-of", "one", priority=0)
        queue.send("advance", "good", priority=0)
        assert worker(1).wait(1) == ["advance good"]
        self.until(lambda: queue.waiting() == 0)
