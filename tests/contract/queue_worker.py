"""A real worker with the product's own settings, whose tasks only write down what they were given.

As a program: ``python -m tests.contract.queue_worker URL OUT PROCESSES [CA]``. A subject ``slow…``
takes a second, ``slower…`` four, ``slowest…`` eight.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from celery import Celery

from ingestion.queue.celery import APP, make_app, order_waiting, run_worker
from ingestion.queue.classes import CLASSES
from ingestion.queue.line import Line

ROOT = Path(__file__).resolve().parents[2]
PAUSES = {"slowest": 8.0, "slower": 4.0, "slow": 1.0}
"""Seconds that a task takes, by the beginning of its subject."""


class Worker:
    """One worker process group."""

    def __init__(self, url: str, folder: Path, processes: int = 1, ca: Path | None = None) -> None:
        self.out = folder / f"seen-{time.monotonic_ns()}"
        self.log = self.out.with_suffix(".log")
        self.out.touch()
        with self.log.open("wb") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", __name__, url, str(self.out), str(processes), str(ca or "")],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def seen(self) -> list[str]:
        """What its tasks were given, in the order of their starts."""
        return self.out.read_text(encoding="utf-8").splitlines()

    def wait(self, count: int, seconds: float = 30) -> list[str]:
        """Until it has seen so many."""
        limit = time.monotonic() + seconds
        while len(seen := self.seen()) < count:
            assert self.running.poll() is None, self.log.read_text()
            assert time.monotonic() < limit, f"only {seen}\n{self.log.read_text()}"
            time.sleep(0.02)
        return seen

    def stop(self) -> None:
        self.running.terminate()
        try:
            self.running.wait(15)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()


def workers(url: str, folder: Path, ca: Path | None = None) -> Iterator[Callable[[int], Worker]]:
    """Body of a fixture: starts workers of so many processes on a broker, and ends them."""
    started: list[Worker] = []

    def start(processes: int) -> Worker:
        started.append(Worker(url, folder, processes, ca))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def put_garbage(app: Celery) -> None:
    """A message that is no task, in a format that is refused."""
    queue = app.amqp.queues[CLASSES[0].queue]
    with app.connection_for_write() as connection:
        producer = connection.Producer()
        producer.publish(
            b"{",
            routing_key=queue.routing_key,
            content_type="application/x-python-serialize",
            content_encoding="binary",
            declare=[queue],
        )
        producer.publish({"no": "task"}, routing_key=queue.routing_key, serializer="json")


def main() -> None:
    url, out, processes, ca = sys.argv[1:5]
    app = make_app(url, Path(ca) if ca else None)

    def note(kind: str, subject: str) -> None:
        descriptor = os.open(out, os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, f"{kind} {subject}\n".encode())
        os.close(descriptor)
        time.sleep(next((seconds for word, seconds in PAUSES.items() if subject.startswith(word)), 0.0))

    def advance(subject: str) -> None:
        note("advance", subject)

    def pages(subject: str) -> None:
        note("pages", subject)

    for task in (advance, pages):
        app.task(name=f"{APP}.{task.__name__}")(task)
    order_waiting(app, Line())
    run_worker(app, int(processes))


if __name__ == "__main__":
    main()
