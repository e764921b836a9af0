"""Redis from the distribution's package: durable, with a password, over TCP or TLS."""

from __future__ import annotations

import secrets
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.presence import program
from tests.servers.process import ServerProcess, free_port


class Redis:
    """One server with 16 databases, each a namespace.

    Args:
        folder: Folder for its data and log.
        certificates: Folder with ``server.pem``, ``server.key`` and ``ca.pem``; None: no TLS.
    """

    def __init__(self, folder: Path, certificates: Path | None = None) -> None:
        self.port = free_port()
        self.password = secrets.token_urlsafe(24)
        self.folder = folder
        self._certificates = certificates
        folder.mkdir(parents=True, exist_ok=True)
        options = {
            "bind": "127.0.0.1",
            "port": "0" if certificates else str(self.port),
            "requirepass": self.password,
            "dir": str(folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "save": "",
            "daemonize": "no",
        }
        if certificates:
            options |= {
                "tls-port": str(self.port),
                "tls-cert-file": str(certificates / "server.pem"),
                "tls-key-file": str(certificates / "server.key"),
                "tls-ca-cert-file": str(certificates / "ca.pem"),
                "tls-auth-clients": "no",
            }
        command = [program("redis-server")]
        for name, value in options.items():
            command += [f"--{name}", value]
        self.process = ServerProcess("redis", command, folder, lambda: self.ask("PING") == "+PONG", within=20)

    def url(self, database: int = 0) -> str:
        """Return the broker URL of a database."""
        return f"{'rediss' if self._certificates else 'redis'}://:{self.password}@127.0.0.1:{self.port}/{database}"

    def ask(self, words: str) -> str:
        """Send one inline command; return the first line of the answer."""
        link = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        if self._certificates:
            context = ssl.create_default_context(cafile=str(self._certificates / "ca.pem"))
            link = context.wrap_socket(link, server_hostname="127.0.0.1")
        with link:
            answers = link.makefile("r", encoding="utf-8", newline="\r\n")
            link.sendall(f"AUTH {self.password}\r\n".encode())
            answers.readline()
            link.sendall(f"{words}\r\n".encode())
            return answers.readline().strip()

    def start(self) -> None:
        """Start and wait until it answers."""
        self.process.start()

    def kill(self) -> None:
        """Kill the server by SIGKILL."""
        self.process.kill()

    def stop(self) -> None:
        """End the server by SIGTERM, or by SIGKILL when that takes too long."""
        self.process.stop()

    def forget(self) -> None:
        """Delete everything in the server."""
        assert self.ask("FLUSHALL") == "+OK"

    def new_url(self) -> str:
        """Empty the server and return the URL of database 0; only one test may use it at a time."""
        self.forget()
        return self.url()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """Start one Redis for the session; a test that kills it must start it again."""
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()
