"""Whether a server is another machine, whose clock may be a witness of ours."""

from __future__ import annotations

import socket
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import Final

_ROUTES: Final = Path("/proc/net/route")
_DEVICES: Final = Path("/sys/class/net")
_CONTAINER: Final = (Path("/.dockerenv"), Path("/run/.containerenv"))
_DIRECT: Final = "00000000"


def is_elsewhere(host: str) -> bool:
    """Whether a host is surely not this machine; False where that can't be told.

    A name of one label is the service of a compose file, in a container beside us: the same clock.
    A private address may be a container's too; an administrator who knows of another machine there
    gives it by its name, and even then not in a network that only containers of this host share.
    """
    if _is_address(host):
        if not ip_address(host).is_global:
            return False
    elif "." not in host.strip(".") or host.endswith((".internal", ".localhost")):
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return False
    return bool(found) and not any(_is_ours(family, str(address[0])) for family, _, _, _, address in found)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_ours(family: int, host: str) -> bool:
    """Whether an address is of this machine (only then it may be bound) or of a container on it."""
    address = ip_address(host.partition("%")[0])
    if any(address in network for network in _shared_networks()):
        return True
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return address.is_loopback
    return True


def _shared_networks() -> list[IPv4Network]:
    """Return the networks of containers: bridges of this host, or from inside one, its own."""
    try:
        lines = _ROUTES.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return []
    inside, found = any(path.exists() for path in _CONTAINER), []
    for line in lines:
        device, network, gateway, *rest = line.split()
        mask = rest[4]
        if gateway == _DIRECT and mask != _DIRECT and (inside or (_DEVICES / device / "bridge").exists()):
            found.append(IPv4Network((_number(network), f"{ip_address(_number(mask))}"), strict=False))
    return found


def _number(text: str) -> int:
    """Read an address as the kernel prints it, its first byte last."""
    return int.from_bytes(bytes.fromhex(text), "little")
