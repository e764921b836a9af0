"""ClamAV: a real ``clamd`` with one signature of our own, that of the EICAR test file.

No mirror of signatures is reachable where the tests run, so the daemon's base has no date. By the
product's own rule, a file in which such a daemon finds nothing is *unverified*.
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
    """One ``clamd``, on TCP and on a Unix socket.

    Its folder lies outside pytest's, which every run of pytest closes to other accounts.

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
        """Return the TCP address in the form of the setting."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the daemon, or start it again."""
        self.process.start()

    def stop(self) -> None:
        """End the daemon and remove its folder."""
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def asked(self, question: bytes) -> bytes:
        """Send a question to the daemon; return its answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as link:
            link.sendall(question)
            return link.recv(1000)


def _account(folder: Path) -> str | None:
    """Give the folder to the account ``clamav`` and return its name, so that root never parses.

    None when the tests don't run as root, or when there is no such account.
    """
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
