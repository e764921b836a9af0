"""Whether a server is another machine, whose clock may be a witness of ours."""

from __future__ import annotations

import socket
from ipaddress import ip_address


def is_elsewhere(host: str) -> bool:
    """Whether a host is surely not this machine; False where that can't be told.

    A name of one label is the service of a compose file, in a container beside us: the same clock.
    """
    if not _is_address(host) and ("." not in host.strip(".") or host.endswith((".internal", ".localhost"))):
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
    """Whether an address is one of this machine: then, and only then, may it be bound."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return ip_address(host.partition("%")[0]).is_loopback
    return True
