"""The networks of a compose file, made of Linux bridges: each service has addresses and sees its
neighbours only.

What Docker does with the same means, so that "nothing is published but the proxy" and "the index is
on a network of its own" are facts of a test and not only lines of a file. Nothing of it is seen
outside its own namespaces.
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
        """A process in it."""
        return self._keeper.pid

    @property
    def enter(self) -> list[str]:
        """What runs a command in it."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--"]

    def run(self, *command: str) -> None:
        """A command that must succeed."""
        done = subprocess.run([*self.enter, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"

    def close(self) -> None:
        """Let the kernel take it back."""
        self._keeper.kill()
        self._keeper.wait()


class Networks:
    """Every network of a project, and a place in them for each service.

    Args:
        project: As compose-go gives it.
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
        """``/etc/hosts`` of a service: itself, and those it shares a network with."""
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        for members in self.addresses.values():
            if service in members:
                lines += [f"{address} {name}" for name, address in members.items()]
        return "\n".join(lines) + "\n"

    def close(self) -> None:
        """Take all of them down."""
        for place in [*self.places.values(), self.switch]:
            place.close()
