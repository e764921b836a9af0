"""What a message means: an id, and a runner that looks whether there is anything to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from celery import Celery, signals

from ingestion.queue.celery import QUEUE

if TYPE_CHECKING:
    from ingestion.assembly import System

log = structlog.get_logger(__name__)


class Tasks:
    """The tasks of one worker process, with a system of its own made after the fork.

    Args:
        make: Assembles the system; called in each child, never in the parent, so that no connection,
            key or sandbox is shared across a fork.
    """

    def __init__(self, app: Celery, make: Callable[[], System]) -> None:
        self._make = make
        self._system: System | None = None
        app.task(name=f"{QUEUE}.advance")(self.advance)
        app.task(name=f"{QUEUE}.pages")(self.pages)
        signals.worker_process_init.connect(self._begin, weak=False)
        signals.worker_process_shutdown.connect(self._end, weak=False)

    def advance(self, deposit_id: str) -> None:
        """Take the deposit as far as it goes."""
        self._here().runner.advance(deposit_id)

    def pages(self, subject: str) -> None:
        """Recognise one chunk: ``deposit id:first page``."""
        deposit_id, _, first = subject.partition(":")
        self._here().runner.pages(deposit_id, int(first))

    def _here(self) -> System:
        if self._system is None:  # pools without processes (tests)
            self._system = self._make()
        return self._system

    def _begin(self, **_: object) -> None:
        self._system = self._make()

    def _end(self, **_: object) -> None:
        if self._system is not None:
            self._system.close()
            self._system = None
