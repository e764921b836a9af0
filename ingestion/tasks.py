"""Tasks of Celery: a message is an id, and the runner sees whether there is work."""

from __future__ import annotations

import fcntl
import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from celery import Celery, Task, signals

from ingestion.queue.celery import APP, order_waiting
from ingestion.queue.classes import class_named
from ingestion.queue.line import Line
from signing.ground.errors import Unavailable
from signing.ground.machine import MachineFault, machine_fault

if TYPE_CHECKING:
    from ingestion.assembly import System

log = structlog.get_logger(__name__)

_GLANCE: Final = 0.05
"""Seconds between two looks of a wake-up that waits for a slot."""

_LONGEST_WAIT: Final = 300.0
"""Seconds that a wake-up waits for a slot, well below the time limit of a task."""


class Slots:
    """Slots: how many processes of this machine may do patient work (registers, batches).

    There is one process more than slots: it is free for urgent work, so that a letter never waits
    for the end of a register's page. Registers and batches have slots of their own, so that a
    register does not delay a letter that an application deposits either. A slot is a lock on a
    file: the kernel frees it when its holder ends.

    Args:
        folder: ``home/run/slots``.
        count: Number of processes for patient work.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._count = count

    @contextmanager
    def taken(self, yields: Callable[[], bool], kind: str = "pages") -> Iterator[bool]:
        """Wait for a slot of this kind and hold it while the block runs.

        Yields False, without a slot, when ``yields`` returns True: other work goes first.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        while (held := self._try(kind)) is None and not yields():
            time.sleep(_GLANCE)
        try:
            yield held is not None
        finally:
            if held is not None:
                os.close(held)

    def _try(self, kind: str) -> int | None:
        for number in range(self._count):
            descriptor = os.open(self._folder / f"{kind}-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return descriptor
        return None


class Tasks:
    """Tasks of one worker process, with a system of its own made after the fork.

    Args:
        app: Application in which they are registered.
        make: Assembles the system; called in each child, never in the parent, so that no
            connection, key or sandbox is shared across a fork.
        slots: For wake-ups that are not urgent.
    """

    def __init__(self, app: Celery, make: Callable[[], System], slots: Slots) -> None:
        self._make = make
        self._slots = slots
        self._line = Line()
        self._system: System | None = None
        self._away = ""
        order_waiting(app, self._line)
        signals.worker_before_create_process.connect(_share_memory, weak=False)
        signals.worker_process_init.connect(self._begin, weak=False)
        signals.worker_process_shutdown.connect(self._end, weak=False)

        def advance(task: Task, deposit_id: str) -> None:
            self._run(task, "advance", deposit_id, lambda system: system.runner.advance(deposit_id))

        def pages(task: Task, subject: str) -> None:
            deposit_id, _, first = subject.partition(":")
            self._run(task, "pages", subject, lambda system: system.runner.pages(deposit_id, int(first)))

        app.task(name=f"{APP}.advance", bind=True, shared=False)(advance)
        app.task(name=f"{APP}.pages", bind=True, shared=False)(pages)

    def _run(self, task: Task, kind: str, subject: str, work: Callable[[System], Any]) -> None:
        """Do the work of a wake-up; if something does not answer, the sweeper sends another."""
        try:
            self._wait_and_work(task, kind, subject, work)
        except (Unavailable, OSError, MemoryError) as error:
            fault = machine_fault(error)
            if not isinstance(error, Unavailable) and fault is None:
                raise
            self._void(kind, subject, error if isinstance(error, Unavailable) else fault)
        else:
            if self._away:
                log.info("wake_ups_served_again", code=self._away)
            self._away = ""

    def _void(self, kind: str, subject: str, error: Unavailable | None) -> None:
        """Log that a wake-up was void: once, not for each message that comes meanwhile."""
        if error is None:
            return
        reason = error.fault.value if isinstance(error, MachineFault) else error.code
        if self._away != reason:
            log.warning("wake_up_void", kind=kind, subject=subject, code=error.code, reason=reason)
        self._away = reason

    def _wait_and_work(self, task: Task, kind: str, subject: str, work: Callable[[System], Any]) -> None:
        system = self._here()
        found = class_named(str((task.request.delivery_info or {}).get("routing_key")))
        if not found.slots:
            work(system)
            return
        limit = time.monotonic() + _LONGEST_WAIT

        def somebody_first() -> bool:
            return time.monotonic() > limit or self._line.holds(found.first) or _urgent(system, found.first)

        with self._slots.taken(somebody_first, found.slots) as free:
            if free:
                work(system)
                return
        with suppress(Unavailable):  # the sweeper will send it again
            system.queue.send(kind, subject, priority=found.first)

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


def _share_memory(**_: object) -> None:
    """Freeze what the parent loaded before each fork, so that it stays shared memory.

    No child's garbage collector then writes into it.
    """
    gc.collect()
    gc.freeze()


def _urgent(system: System, priority: int) -> bool:
    """Whether to requeue a patient wake-up; True also when the broker does not answer."""
    try:
        return system.queue.waiting(before=priority) > 0
    except Unavailable:
        return True
