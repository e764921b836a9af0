"""ClamAV: a real ``clamd`` with one signature of our own, that of the EICAR test file.

No mirror of signatures is reachable where the tests run: the daemon has no date to show for its
base, so that what it does not find is *unverified*. That is the product's own rule, and a test of
it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.presence import absent
from tests.servers.process import ServerProcess, free_port

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class Clamd:
    """One daemon, on TCP and on a Unix socket.

    It has a folder of its own outside pytest's, which every run of pytest closes to other accounts.

    Args:
        options: Lines for ``clamd.conf``: name -> value.
    """

    def __init__(self, **options: str) -> None:
        program = next((p for p in (Path("/usr/sbin/clamd"), Path("/usr/bin/clamd")) if p.exists()), None)
        if program is None:
            absent("clamd")
        self.folder = folder = Path(tempfile.mkdtemp(prefix="chartrier-clamd-"))
        self.port = free_port()
        self.socket = folder / "clamd.sock"
        base = folder / "base"
        base.mkdir()
        (base / "own.ndb").write_text(f"Test.EICAR:0:*:{EICAR.hex()}\n")
        lines = {
            "Foreground": "yes",
            "TCPSocket": str(self.port),
            "TCPAddr": "127.0.0.1",
            "LocalSocket": str(self.socket),
            "DatabaseDirectory": str(base),
            "TemporaryDirectory": str(folder),
            "StreamMaxLength": "100M",
            "AlertExceedsMax": "yes",
            "SelfCheck": "0",
        } | options
        (folder / "clamd.conf").write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        user = _account(folder)
        self.process = ServerProcess(
            "clamd",
            [str(program), "--config-file", str(folder / "clamd.conf")],
            folder,
            lambda: self.asked(b"zPING\0") == b"PONG\0",
            user=user,
        )

    @property
    def address(self) -> str:
        """As the setting names it."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, or start it again."""
        self.process.start()

    def stop(self) -> None:
        """End it and remove its folder."""
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def asked(self, question: bytes) -> bytes:
        """What it answers."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as link:
            link.sendall(question)
            return link.recv(1000)


def _account(folder: Path) -> str | None:
    """An ordinary account for a daemon that should not parse as root; it gets the folder."""
    if os.geteuid() != 0:
        return None
    try:
        account = pwd.getpwnam("clamav")
    except KeyError:
        return None
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid)
    return account.pw_name


@pytest.fixture(scope="session")
def clamd() -> Iterator[Clamd]:
    """A running daemon."""
    running = Clamd()
    running.start()
    yield running
    running.stop()
