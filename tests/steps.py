"""The power goes at a step of our choice: every durable act of a program is one.

A step is a call of the system that changes a disk (a file made, synced, named, renamed, deleted,
its time or mode set), or the begin and the commit of a write transaction. SQLite's own calls are
not seen: its commit is one step, as it is for us.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from archive.database.engine import Database
from tests.holdings import PowerCut

Moment = int | str | tuple[str, int]
"""A step: its number, its name, or its name and how often it came by then."""
ACTS = ("fsync", "link", "replace", "rename", "unlink", "mkdir", "rmdir", "utime", "chmod", "open")


class Steps:
    """Count the durable steps of a piece of work, and cut the power before one of them.

    From then on nothing durable happens any more, as for a program that is dead: what ``finally``
    and ``except`` would tidy up stays.

    Attributes:
        told: Name of each step that was reached.
        cut: Whether the power went.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, kill: bool = False) -> None:
        self.told: list[str] = []
        self.cut = False
        self._at: Moment | None = None
        self._armed = False
        self._kill = kill
        for name in ACTS:
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))
        write = Database.write

        @contextmanager
        def watched(database: Database) -> Iterator[Any]:
            self._step("transaction begun")
            with write(database) as session:
                yield session
                session.flush()
                self._step("before commit")
            self._step("committed")

        monkeypatch.setattr(Database, "write", watched)

    def run(self, work: Callable[[], Any], at: Moment | None = None) -> bool:
        """Do the work, cut before this step; whether it was cut."""
        self.told, self.cut, self._at, self._armed = [], False, at, True
        try:
            work()
        except PowerCut:
            pass
        finally:
            self._armed = False
        return self.cut

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if name != "open":
                self._step(name)
            elif given[1] & os.O_CREAT:
                self._step("file made")
            return real(*given, **named)

        return call

    def _step(self, name: str) -> None:
        if not self._armed:
            return
        if self.cut:
            raise PowerCut
        self.told.append(name)
        if self._at in {name, len(self.told) - 1, (name, self.told.count(name))}:
            self.cut = True
            if self._kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise PowerCut
