"""The supervisor of the service: starts, restarts and ends every process.

``python -m api.server.supervisor serve|api|initialise``. The supervisor itself stays small: it
loads neither the application nor the archive. It holds the listening socket, so that a caller who
comes while the API restarts waits a moment instead of being turned away.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.server import serving
from api.server.children import Child, Surroundings, end_all
from api.server.home_lock import alone
from api.server.own_broker import OwnBroker
from api.server.processes import end_orphans, start_ticks
from ingestion.processing import leftovers
from ingestion.settings import Settings, load_settings
from signing.ground.clock import stamp, utc_now
from signing.ground.errors import ChartrierError, Refused

PARTS = ("api", "worker", "beat")


@dataclass
class Supervisor:
    """Runs the parts of the service on one home.

    Attributes:
        only: Which of ``PARTS`` to run here.
        config: The settings file that children must read too.
        logs: Folder for what children print; None: the supervisor's own standard error.
        broker: The broker that we run; None where settings name another, or where no beat runs.
    """

    settings: Settings
    only: tuple[str, ...] = PARTS
    config: Path | None = None
    logs: Path | None = None
    children: list[Child] = field(default_factory=list)
    broker: OwnBroker | None = None
    ending: bool = False
    address: str = ""
    clear_at: float = 0.0

    @property
    def home(self) -> Path:
        """Return the data folder."""
        return self.settings.home

    def __post_init__(self) -> None:
        if self.settings.ingestion.broker_url is None and "beat" in self.only:
            self.broker = OwnBroker(self.home)

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT.

        Raises:
            Refused: ``already_served``, ``address_taken``, ``initialise_failed``.
        """
        run = self.home / "run"
        run.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        with alone(run / f"{self._file_name()}.lock"):
            end_orphans(self.home, run / f"{self._file_name()}.json")
            listening = self._listen() if "api" in self.only else None
            wake = _signals_wake(self._told_to_end)
            try:
                self._start(listening)
                self._watch(wake)
            finally:
                self._end()
                (run / f"{self._file_name()}.json").unlink(missing_ok=True)
        return 0

    def _file_name(self) -> str:
        return "service" if self.only == PARTS else "service-" + "-".join(self.only)

    def _is_over(self) -> bool:
        """Return whether to end; asked after each wait, since a signal may have come meanwhile."""
        return self.ending

    def _told_to_end(self, *_: object) -> None:
        self.ending = True

    def _listen(self) -> socket.socket:
        host, port = self.settings.api.host, self.settings.api.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise Refused(
                "address_taken",
                "L’adresse {host}:{port} est déjà prise ou ne peut pas être ouverte.",
                action="Choisissez un autre port avec --port, ou arrêtez ce qui l’occupe.",
                host=host,
                port=port,
            ) from error
        listening.listen(512)
        bound = listening.getsockname()[1]
        self.address = f"http://[{host}]:{bound}" if family == socket.AF_INET6 else f"http://{host}:{bound}"
        return listening

    def _start(self, listening: socket.socket | None) -> None:
        around = Surroundings(self.home, self.config, self.logs)
        initialising = around.spawn("initialise", _own_command("initialise"))
        if self.broker is not None:
            self.broker.start()
        if initialising.wait() != 0:
            raise Refused(
                "initialise_failed",
                "La préparation du dossier des données a échoué.",
                action="Le message ci-dessus dit pourquoi ; « chartrier doctor » en dit plus.",
            )
        if listening is not None:
            fd = listening.fileno()
            self.children.append(Child("api", _own_command("api", "--fd", str(fd)), around, (fd,)))
        self.children += [
            Child(name, [sys.executable, "-m", "ingestion.worker", name], around)
            for name in ("worker", "beat")
            if name in self.only
        ]
        for child in self.children:
            child.launch()
        self._record()

    def _watch(self, wake: int) -> None:
        while not self.ending:
            select.select([wake], [], [], 0.5)
            with suppress(BlockingIOError):
                os.read(wake, 4096)
            if self._is_over():
                return
            changed = [child.tend() for child in self.children]
            if self.broker is not None and self.broker.tend():
                changed.append(True)
            if any(changed):
                self._record()
            if time.monotonic() >= self.clear_at:  # beat may be on another machine: each clears its own disk
                leftovers.clear(self.home)
                self.clear_at = time.monotonic() + leftovers.CLEAR_EVERY

    def _record(self) -> None:
        """Write ``run/service.json`` whole, with the pid and the start of each process.

        The start makes a pid trustworthy: pids are given again.
        """
        pids: dict[str, int] = {"supervisor": os.getpid()}
        pids |= {child.name: child.pid for child in self.children if child.pid is not None}
        if self.broker is not None and (broker := self.broker.pid) is not None:
            pids["valkey"] = broker
        state: dict[str, Any] = {
            "address": self.address,
            "pids": pids,
            "starts": {name: start_ticks(pid) for name, pid in pids.items()},
            "written_at": stamp(utc_now()),
        }
        path = self.home / "run" / f"{self._file_name()}.json"
        beside = path.with_suffix(".tmp")
        beside.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        beside.replace(path)

    def _end(self) -> None:
        """End every child, the broker last: the others need it, it needs none of them."""
        end_all(self.children)
        if self.broker is not None:
            self.broker.end()


def _own_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "api.server.supervisor", *arguments]


def _signals_wake(end: Any) -> int:
    """Let signals wake the loop; return the descriptor to wait on."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reading


def main(arguments: list[str] | None = None) -> int:
    """Run one of the processes; print an error of ours in words and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m api.server.supervisor")
    parser.add_argument("process", choices=("serve", "api", "initialise"))
    parser.add_argument("--fd", type=int, default=-1)
    parser.add_argument("--only", default="")
    parser.add_argument("--config", type=Path, default=None)
    parser.add_argument("--host", default=None)
    parser.add_argument("--port", type=int, default=None)
    parser.add_argument("--logs", type=Path, default=None)
    given = parser.parse_args(arguments)
    try:
        settings = load_settings(config=given.config)
        if given.process == "initialise":
            return serving.initialise(settings)
        if given.process == "api":
            return serving.serve_api(settings, given.fd)
        listen = {name: value for name, value in (("host", given.host), ("port", given.port)) if value is not None}
        settings = settings.model_copy(update={"api": settings.api.model_copy(update=listen)})
        only = tuple(part for part in PARTS if not given.only or part in given.only.split(","))
        return Supervisor(settings, only, given.config, given.logs).run()
    except ChartrierError as error:
        sys.stderr.write(f"{error}\n")
        return 1 if isinstance(error, Refused) else 4


if __name__ == "__main__":
    sys.exit(main())
