"""The networks of a compose file as Linux bridges: a service reaches its neighbours only.

Docker does the same with the same means. So a test can show that only the proxy is published and
that the index has a network of its own: the file alone would not prove it. Nothing of this is
visible outside its own namespaces.
"""

from __future__ import annotations

import ipaddress
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from api.server.processes import die_with_parent


class Namespace:
    """A network namespace, kept by a sleeping process."""

    def __init__(self, name: str) -> None:
        self.name = name
        outside = Path("/proc/self/ns/net").readlink()
        self._keeper = subprocess.Popen(
            ["unshare", "--net", "sleep", "infinity"],
            preexec_fn=die_with_parent,  # noqa: PLW1509 - a prctl call, no lock taken
        )
        limit = time.monotonic() + 5
        while Path(f"/proc/{self._keeper.pid}/ns/net").readlink() == outside:
            assert time.monotonic() < limit, f"no network namespace for {name}"
            time.sleep(0.005)
        self.run("ip", "link", "set", "lo", "up")

    @property
    def pid(self) -> int:
        """Return the pid of a process in the namespace."""
        return self._keeper.pid

    @property
    def enter(self) -> list[str]:
        """Return the prefix that runs a command in the namespace."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--"]

    def run(self, *command: str) -> None:
        """Run a command in the namespace.

        Raises:
            AssertionError: The command failed.
        """
        done = subprocess.run([*self.enter, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"

    def close(self) -> None:
        """End the keeper; the kernel then removes the namespace."""
        self._keeper.kill()
        self._keeper.wait()


class Networks:
    """Every network of a project, and a place in them for each service.

    Args:
        project: The project, as compose-go returns it.
    """

    def __init__(self, project: Mapping[str, Any]) -> None:
        self.switch = Namespace("switch")
        self.places: dict[str, Namespace] = {}
        self.addresses: dict[str, dict[str, str]] = {}
        """Network -> service -> address."""
        for number, (name, network) in enumerate(sorted(project["networks"].items())):
            given = (network.get("ipam") or {}).get("config") or []
            subnet = ipaddress.ip_network(given[0]["subnet"] if given else f"10.213.{number}.0/24")
            hosts = subnet.hosts()
            self.switch.run("ip", "link", "add", f"br{number}", "type", "bridge")
            self.switch.run("ip", "addr", "add", f"{next(hosts)}/{subnet.prefixlen}", "dev", f"br{number}")
            self.switch.run("ip", "link", "set", f"br{number}", "up")
            self.addresses[name] = {}
            for service in sorted(n for n, s in project["services"].items() if name in (s.get("networks") or {})):
                self._join(service, number, str(next(hosts)), subnet.prefixlen)
                self.addresses[name][service] = self._last

    def _join(self, service: str, number: int, address: str, prefix: int) -> None:
        self._last = address
        place = self.places.get(service)
        if place is None:
            place = self.places[service] = Namespace(service)
        index = list(self.places).index(service)
        port = f"v{number}-{index}"
        self.switch.run(
            "ip", "link", "add", port, "type", "veth", "peer", "name", f"e{number}", "netns", str(place.pid)
        )
        self.switch.run("ip", "link", "set", port, "master", f"br{number}", "up")
        place.run("ip", "addr", "add", f"{address}/{prefix}", "dev", f"e{number}")
        place.run("ip", "link", "set", f"e{number}", "up")

    def hosts(self, service: str) -> str:
        """Return ``/etc/hosts`` of a service: itself, and the services on its networks."""
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        for members in self.addresses.values():
            if service in members:
                lines += [f"{address} {name}" for name, address in members.items()]
        return "\n".join(lines) + "\n"

    def close(self) -> None:
        """Close every namespace."""
        for place in [*self.places.values(), self.switch]:
            place.close()
