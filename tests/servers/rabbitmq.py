"""RabbitMQ from the distribution's package: one node, and a virtual host for each test.

Node name, ports, cookie, port mapper (epmd) and data are the fixture's own, so that nodes of
parallel runs don't meet. The management plugin makes and removes virtual hosts in milliseconds;
``rabbitmqctl`` would need seconds for each.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.servers.presence import absent, program
from tests.servers.process import ServerProcess, free_port, listens

_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The server's own script; the one in the PATH changes to an account that can't read our folder."""


class RabbitMQ:
    """One node.

    Args:
        folder: Folder for its data, cookie and log.
        certificates: Folder with ``server.pem``, ``server.key`` and ``ca.pem``; None: no TLS.
        configuration: More lines of ``rabbitmq.conf``.
    """

    def __init__(
        self, folder: Path, certificates: Path | None = None, configuration: Mapping[str, str] | None = None
    ) -> None:
        if not _SCRIPT.exists():
            absent("rabbitmq-server")
        self.port, self._admin_port, self._epmd_port = free_port(), free_port(), free_port()
        self.user, self.password = "chartrier", secrets.token_urlsafe(24)
        self.folder = folder
        self._certificates = certificates
        self.vhosts: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)
        self._write_configuration(dict(configuration or {}))
        environment = {
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"chartrier-{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_PID_FILE": str(folder / "node.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
        }
        self._mapper = ServerProcess(
            "epmd",
            [program("epmd"), "-port", str(self._epmd_port), "-address", "127.0.0.1"],
            folder,
            lambda: listens(self._epmd_port),
        )
        self.process = ServerProcess(
            "rabbitmq", [str(_SCRIPT)], folder, self._answers, environment=environment, within=120
        )

    def _write_configuration(self, more: dict[str, str]) -> None:
        lines = {
            "listeners.tcp": "none",
            "default_user": self.user,
            "default_pass": self.password,
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": str(self._admin_port),
            "management_agent.disable_metrics_collector": "true",
            "log.console": "true",
            "log.console.level": "warning",
            "log.file": "false",
            "vm_memory_high_watermark.absolute": "1GB",
            "disk_free_limit.absolute": "50MB",
            "consumer_timeout": "7200000",
        }
        if self._certificates:
            lines |= {
                "listeners.ssl.default": f"127.0.0.1:{self.port}",
                "ssl_options.cacertfile": str(self._certificates / "ca.pem"),
                "ssl_options.certfile": str(self._certificates / "server.pem"),
                "ssl_options.keyfile": str(self._certificates / "server.key"),
            }
        else:
            del lines["listeners.tcp"]
            lines["listeners.tcp.default"] = f"127.0.0.1:{self.port}"
        written = "".join(f"{name} = {value}\n" for name, value in (lines | more).items())
        (self.folder / "rabbitmq.conf").write_text(written, encoding="ascii")
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].\n", encoding="ascii")

    def _answers(self) -> bool:
        return listens(self.port) and self.admin("GET", "/api/overview").status_code == 200

    def admin(self, method: str, path: str, **body: Any) -> httpx2.Response:
        """Call the management API; return its answer."""
        return httpx2.request(
            method,
            f"http://127.0.0.1:{self._admin_port}{path}",
            auth=(self.user, self.password),
            json=body or None,
            timeout=10,
        )

    def url(self, vhost: str) -> str:
        """Return the broker URL of a virtual host."""
        scheme = "amqps" if self._certificates else "amqp"
        return f"{scheme}://{self.user}:{self.password}@127.0.0.1:{self.port}/{vhost}"

    def add_vhost(self, vhost: str) -> None:
        """Make a virtual host; our user gets only the rights that docs/operations.md asks for."""
        self.admin("PUT", f"/api/vhosts/{vhost}").raise_for_status()
        ours = r"chartrier\..*"
        rights = {"configure": f"^{ours}$", "write": rf"^(amq\.default|{ours})$", "read": f"^{ours}$"}
        self.admin("PUT", f"/api/permissions/{vhost}/{self.user}", **rights).raise_for_status()
        self.vhosts.add(vhost)

    def remove_vhost(self, vhost: str) -> None:
        """Remove a virtual host with all its queues."""
        self.admin("DELETE", f"/api/vhosts/{vhost}")
        self.vhosts.discard(vhost)

    def new_url(self) -> str:
        """Make a virtual host for one test; return its URL."""
        vhost = f"test-{secrets.token_hex(4)}"
        self.add_vhost(vhost)
        return self.url(vhost)

    def start(self) -> None:
        """Start and wait until it answers."""
        if self._mapper.running is None:
            self._mapper.start()
        self.process.start()

    def kill(self) -> None:
        """Kill the node by SIGKILL."""
        self.process.kill()

    def stop(self) -> None:
        """Kill the node and its port mapper.

        A clean end would need seconds, and the data goes with the test anyway.
        """
        self.process.kill()
        self._mapper.kill()

    def forget(self) -> None:
        """Kill the node, delete its data and start it empty, with the same virtual hosts."""
        self.kill()
        shutil.rmtree(self.folder / "data")
        self.process.start()
        for vhost in sorted(self.vhosts):
            self.add_vhost(vhost)


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """Start one RabbitMQ for the session; a test that kills it must start it again."""
    server = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    server.start()
    yield server
    server.stop()
