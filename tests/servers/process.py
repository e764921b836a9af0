"""A real server as a child process: started, awaited and stopped by its pid."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from api.server.processes import die_with_parent


def free_port() -> int:
    """Return a loopback port on which nothing listens now.

    It lies below the ports that the kernel gives to clients, so that a server that is killed and
    started again finds its port still free.
    """
    while True:
        port = random.SystemRandom().randrange(10_240, 32_000)  # the shared one has the same seed in each worker
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    """Return whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class ServerProcess:
    """One server; it keeps its folder and port, so that it can be killed and started again.

    Args:
        name: Name of the server and of its log file.
        command: Program and arguments.
        folder: Its working folder, with the log.
        answers: A function that returns whether it is ready; an exception counts as not yet.
        environment: More environment variables.
        within: Seconds that it has to become ready.
        user: Account it runs as, for servers that refuse root.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        answers: Callable[[], bool],
        *,
        environment: Mapping[str, str] | None = None,
        within: float = 60,
        user: str | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.folder = folder
        self.log = folder / f"{name}.log"
        self._answers = answers
        self._environment = dict(environment or {})
        self._within = within
        self._user = user
        self.running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id of the running server."""
        assert self.running is not None, f"{self.name} is not running"
        return self.running.pid

    def start(self) -> None:
        """Start and wait until it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start without waiting."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={k: v for k, v in os.environ.items() if not k.startswith("CHARTRIER_")} | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - a prctl call, no lock taken
                user=self._user,
            )

    def wait(self) -> None:
        """Wait until the server answers.

        Raises:
            AssertionError: It ended, or did not answer in time; the message holds the end of its
                log.
        """
        limit = time.monotonic() + self._within
        while time.monotonic() < limit:
            assert self.running is not None
            if self.running.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.running.returncode}: {self._tail()}")
            if self.answers():
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.name} did not answer within {self._within} s: {self._tail()}")

    def answers(self) -> bool:
        """Return whether the server is ready now."""
        try:
            return self._answers()
        except Exception:
            return False

    def kill(self) -> None:
        """Kill the server and its children by SIGKILL."""
        self._signal(signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the server inside this context: alive, connections open, but silent.

        The signal stops a process only once the thread that gets it runs, and on a busy machine
        other threads answer meanwhile. So this waits until every thread is stopped.
        """
        group = self.pid
        os.killpg(group, signal.SIGSTOP)
        try:
            limit = time.monotonic() + 20
            while not all(state in "TtZX" for state in _states(group)):
                assert time.monotonic() < limit, f"{self.name} does not stop"
                time.sleep(0.01)
            yield
        finally:
            os.killpg(group, signal.SIGCONT)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the server by a signal, or by SIGKILL after 20 seconds."""
        try:
            self._signal(how)
        except subprocess.TimeoutExpired:
            self.kill()

    def _signal(self, how: signal.Signals) -> None:
        if self.running is None:
            return
        process = self.running
        with contextlib.suppress(ProcessLookupError):
            if how is signal.SIGKILL:
                os.killpg(process.pid, how)
            else:
                process.send_signal(how)
        process.wait(20)
        self.running = None

    def _tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:] if self.log.exists() else ""


def _states(group: int) -> Iterator[str]:
    """Yield the state of each thread of a process group: one letter (proc(5))."""
    for task in Path("/proc").glob("[0-9]*/task/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of = task.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:3]
            if int(of) == group:
                yield state
