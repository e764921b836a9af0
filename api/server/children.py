"""Child processes of the supervisor: started, restarted when they die, and ended."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from api.server.notices import announce
from api.server.processes import die_with_parent, kill_group
from ingestion.settings import child_environment

END_WITHIN = 12.0
"""Seconds that a process has to finish its work; work under a lease survives the process."""
_CALM = 60.0
_LONGEST_WAIT = 30.0


@dataclass(frozen=True)
class Surroundings:
    """The folder, settings and log files with which children run.

    Attributes:
        home: The data folder, where children run.
        config: The settings file that children must read too.
        logs: Folder for what children print; None: the supervisor's own standard error.
    """

    home: Path
    config: Path | None = None
    logs: Path | None = None

    def spawn(self, name: str, command: list[str], descriptors: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        """Start a process that inherits the given descriptors and ends with this one."""
        log: TextIO | None = None
        if self.logs is not None:
            self.logs.mkdir(parents=True, exist_ok=True)
            log = (self.logs / f"{name}.log").open("a")
        try:
            return subprocess.Popen(
                command,
                cwd=self.home,
                env=child_environment(self.config),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one thread here: nothing can deadlock
            )
        finally:
            if log is not None:
                log.close()


@dataclass
class Child:
    """One child process, kept running."""

    name: str
    command: list[str]
    surroundings: Surroundings
    descriptors: tuple[int, ...] = ()
    running: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0
    failures: int = 0

    @property
    def pid(self) -> int | None:
        """Return the process id; None while it does not run."""
        return self.running.pid if self.running is not None else None

    def launch(self) -> None:
        """Start the process."""
        self.running = self.surroundings.spawn(self.name, self.command, self.descriptors)
        self.started = time.monotonic()

    def tend(self) -> bool:
        """Restart the process if it died; return whether anything changed.

        The wait before a restart grows while the process keeps dying.
        """
        now = time.monotonic()
        if self.running is None:
            if now < self.start_at:
                return False
            self.launch()
            return True
        code = self.running.poll()
        if code is None:
            return False
        kill_group(self.running.pid)
        self.failures = 0 if now - self.started > _CALM else self.failures + 1
        wait = min(_LONGEST_WAIT, 0.25 * 2 ** min(self.failures, 8)) if self.failures > 1 else 0.0
        announce("process_ended", name=self.name, code=code, restart_in=wait)
        self.running = None
        self.start_at = now + wait
        return True


def end_all(children: Iterable[Child]) -> None:
    """End every child and its process group: by SIGTERM first, then by SIGKILL."""
    running = [child.running for child in children if child.running is not None]
    for process in running:
        with suppress(ProcessLookupError):
            process.terminate()
    limit = time.monotonic() + END_WITHIN
    for process in running:
        try:
            process.wait(max(0.0, limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        kill_group(process.pid)
