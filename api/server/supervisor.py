"""One supervisor for every process of the service: starts, restarts and ends them.

``python -m api.server.supervisor serve|api|initialise``. The supervisor itself stays small: it loads neither the
application nor the archive, and holds the listening socket, so that a caller who comes while the API restarts
waits a moment instead of being turned away.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from api.server.processes import die_with_parent, end_orphans, kill_group, start_ticks, wait_gone
from ingestion.processing import leftovers
from ingestion.settings import Settings, child_environment, load_settings
from signing.ground.clock import stamp, utc_now
from signing.ground.errors import ChartrierError, Refused

PARTS = ("api", "worker", "beat")
END_WITHIN = 12.0
"""Seconds that a process has to finish what it does; its work is under a lease and survives it."""
_CALM = 60.0


@dataclass
class Child:
    """One process that must run."""

    name: str
    command: list[str]
    descriptors: tuple[int, ...] = ()
    running: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0
    failures: int = 0

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self.running.pid if self.running is not None else None


@dataclass
class Supervisor:
    """Runs the parts of the service on one home.

    Attributes:
        only: Which of ``PARTS`` to run here.
        config: The settings file that children must read too.
        logs: Folder for what children print; None: the supervisor's own standard error.
    """

    settings: Settings
    only: tuple[str, ...] = PARTS
    config: Path | None = None
    logs: Path | None = None
    children: list[Child] = field(default_factory=list)
    valkey: subprocess.Popen[bytes] | None = None
    ending: bool = False
    address: str = ""
    clear_at: float = 0.0

    @property
    def home(self) -> Path:
        """The data folder."""
        return self.settings.home

    @property
    def own_broker(self) -> bool:
        """Whether the broker is ours to run."""
        return self.settings.ingestion.broker_url is None and "beat" in self.only

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT.

        Raises:
            Refused: ``already_served``, ``address_taken``, ``initialise_failed``.
        """
        run = self.home / "run"
        run.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        with _alone(run / f"{self._file_name()}.lock"):
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
        """Asked again after each wait: a signal may have come in it."""
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
        initialising = self._spawn("initialise", _own_command("initialise"))
        if self.own_broker:
            self._start_valkey()
        if initialising.wait() != 0:
            raise Refused(
                "initialise_failed",
                "La préparation du dossier des données a échoué.",
                action="Le message ci-dessus dit pourquoi ; « chartrier doctor » en dit plus.",
            )
        if listening is not None:
            fd = listening.fileno()
            self.children.append(Child("api", _own_command("api", "--fd", str(fd)), (fd,)))
        self.children += [
            Child(name, [sys.executable, "-m", "ingestion.worker", name])
            for name in ("worker", "beat")
            if name in self.only
        ]
        for child in self.children:
            self._launch(child)
        self._record()

    def _start_valkey(self) -> None:
        from ingestion.queue import valkey

        self.valkey = valkey.start(self.home)

    def _launch(self, child: Child) -> None:
        child.running = self._spawn(child.name, child.command, child.descriptors)
        child.started = time.monotonic()

    def _spawn(self, name: str, command: list[str], descriptors: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
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

    def _watch(self, wake: int) -> None:
        while not self.ending:
            select.select([wake], [], [], 0.5)
            with suppress(BlockingIOError):
                os.read(wake, 4096)
            if self._is_over():
                return
            changed = [self._tend(child) for child in self.children]
            if self.own_broker and self._tend_valkey():
                changed.append(True)
            if any(changed):
                self._record()
            if time.monotonic() >= self.clear_at:  # beat may be on another machine: each clears its own disk
                leftovers.clear(self.home)
                self.clear_at = time.monotonic() + leftovers.CLEAR_EVERY

    def _tend(self, child: Child) -> bool:
        """Restart a child that died, later and later if it keeps dying; whether anything changed."""
        now = time.monotonic()
        if child.running is None:
            if now < child.start_at:
                return False
            self._launch(child)
            return True
        code = child.running.poll()
        if code is None:
            return False
        kill_group(child.running.pid)
        child.failures = 0 if now - child.started > _CALM else child.failures + 1
        wait = min(30.0, 0.25 * 2 ** min(child.failures, 8)) if child.failures > 1 else 0.0
        _say("process_ended", name=child.name, code=code, restart_in=wait)
        child.running = None
        child.start_at = now + wait
        return True

    def _tend_valkey(self) -> bool:
        from ingestion.queue import valkey

        gone = self.valkey is not None and self.valkey.poll() is not None
        if not gone and (self.valkey is not None or valkey.answers(self.home)):
            return False
        _say("process_ended", name="valkey", restart_in=0)
        try:
            self._start_valkey()
        except ChartrierError as error:
            _say("process_away", name="valkey", detail=str(error))
        return True

    def _record(self) -> None:
        """Write ``run/service.json`` whole; with the start of each process, so that a pid can be trusted."""
        pids: dict[str, int] = {"supervisor": os.getpid()}
        pids |= {child.name: child.pid for child in self.children if child.pid is not None}
        if self.own_broker:
            from ingestion.queue import valkey

            broker = self.valkey.pid if self.valkey is not None else valkey.process_id(self.home)
            if broker is not None:
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
        """End every child, politely first; the broker last, for it holds nothing that the others need."""
        running = [child.running for child in self.children if child.running is not None]
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
        if self.own_broker:
            from ingestion.queue import valkey

            adopted = valkey.process_id(self.home)
            valkey.stop(self.home)
            if self.valkey is not None:
                try:
                    self.valkey.wait(5)
                except subprocess.TimeoutExpired:  # it holds nothing that the database doesn't know
                    self.valkey.kill()
                    self.valkey.wait()
            elif adopted is not None:
                wait_gone([adopted], 5)


def _own_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "api.server.supervisor", *arguments]


class _alone:  # noqa: N801 - reads as a statement: with _alone(path)
    """Holds a lock file; only one supervisor serves a home."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._lock = self._path.open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise Refused(
                "already_served",
                "Ce dossier des données est déjà servi par un autre processus.",
                action="Arrêtez-le d’abord, ou choisissez un autre CHARTRIER_HOME.",
            ) from error

    def __exit__(self, *_: object) -> None:
        self._lock.close()


def _signals_wake(end: Any) -> int:
    """Let signals wake the loop; returns the descriptor to wait on."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reading


def _say(event: str, **facts: object) -> None:
    line = {"event": event, "timestamp": stamp(utc_now()), **facts}
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stderr.flush()


# --- the processes ----------------------------------------------------------------------------------


def serve_api(settings: Settings, descriptor: int) -> int:
    """The API process: answers on the socket it was given until SIGTERM."""
    import uvicorn

    from api.app import create_app
    from api.server.lenient_urls import LenientUrls
    from archive.database.tenancy import NOTHING
    from ingestion.assembly import assemble
    from ingestion.logs import configure_logs

    configure_logs()
    system = assemble(settings, sees=NOTHING)
    config = uvicorn.Config(
        create_app(system),
        http=LenientUrls,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.api.trusted_proxies),
        forwarded_allow_ips=list(settings.api.trusted_proxies),
        limit_concurrency=256,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=16384,
        lifespan="off",
        ws="none",
    )
    try:
        uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])
    finally:
        system.close()
    return 0


def initialise(settings: Settings) -> int:
    """Make or bring up to date the home; a process of its own, so that nothing of it stays in memory."""
    from ingestion.assembly import assemble

    system = assemble(settings)
    system.initialise()
    system.close()
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one of the processes; errors of ours are told in words."""
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
            return initialise(settings)
        if given.process == "api":
            return serve_api(settings, given.fd)
        listen = {name: value for name, value in (("host", given.host), ("port", given.port)) if value is not None}
        settings = settings.model_copy(update={"api": settings.api.model_copy(update=listen)})
        only = tuple(part for part in PARTS if not given.only or part in given.only.split(","))
        return Supervisor(settings, only, given.config, given.logs).run()
    except ChartrierError as error:
        sys.stderr.write(f"{error}\n")
        return 1 if isinstance(error, Refused) else 4


if __name__ == "__main__":
    sys.exit(main())
