"""Ask a ClamAV daemon over its socket. The daemon parses; we only send bytes."""

from __future__ import annotations

import contextlib
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from signing.ground.errors import Unavailable

_USUAL: Final = (
    "/run/clamav/clamd.ctl",
    "/run/clamd.scan/clamd.sock",
    "/var/run/clamav/clamd.ctl",
    "/run/clamav/clamd.sock",
)
_FRESH: Final = timedelta(hours=48)
"""Age up to which virus signatures count.

Older ones miss current viruses, so "clean" would be a claim without evidence.
"""

_CHUNK: Final = 1 << 20
_REPLY: Final = re.compile(rb"stream: (?:(?P<name>.+) FOUND|(?P<ok>OK))\0?$")
_TOO_LARGE: Final = re.compile(rb"size limit exceeded|^stream: Heuristics\.Limits\.Exceeded")
"""Answers for a stream that is too large, or (``AlertExceedsMax``) whose contents were not examined
to their end.
"""


@dataclass(frozen=True)
class Answer:
    """Answer of the daemon.

    Attributes:
        verdict: ``clean`` needs fresh signatures.
        name: Name of the malware.
        why: Reason of ``unverified``: ``too_large`` for the daemon's limits, ``old_signatures`` (or
            without a date), ``not_examined`` (the daemon could not read it).
    """

    verdict: Literal["clean", "infected", "unverified"]
    name: str | None
    tool: str
    version: str
    why: Literal["", "too_large", "old_signatures", "not_examined"] = ""


class ClamAv:
    """ClamAV daemon, if there is one.

    Args:
        address: Socket path or ``host:port`` from the settings; empty: the usual places.
    """

    def __init__(self, address: str) -> None:
        self._named = address

    def scan(self, path: Path, now: datetime) -> Answer | None:
        """Have a file scanned; None when no daemon was configured and none is found.

        Raises:
            Unavailable: ``clamd_away``: the configured daemon does not answer, or one stopped
                answering.
        """
        address = self._address()
        if address is None:
            return None
        try:
            version = _asked(address, b"zVERSION\0").decode("utf-8", "replace").rstrip("\0\n")
        except OSError as error:
            if not self._named:
                return None
            raise _away(error) from error
        try:
            said = _streamed(address, path)
        except OSError as error:
            raise _away(error) from error
        if not version or not said:  # killed in the middle: the document waits until a daemon answers
            raise _away(ConnectionError("connection closed without an answer"))
        return _understood(said, version, now)

    def _address(self) -> str | None:
        if self._named:
            return self._named
        return next((place for place in _USUAL if Path(place).is_socket()), None)


def _understood(said: bytes, version: str, now: datetime) -> Answer:
    if _TOO_LARGE.search(said):
        return Answer("unverified", None, "clamav", version, "too_large")
    reply = _REPLY.search(said)
    if reply is None:
        return Answer("unverified", None, "clamav", version, "not_examined")
    if reply["name"]:
        return Answer("infected", reply["name"].decode("utf-8", "replace"), "clamav", version)
    if not _fresh(version, now):
        return Answer("unverified", None, "clamav", version, "old_signatures")
    return Answer("clean", None, "clamav", version)


def _connected(address: str) -> socket.socket:
    if "/" in address:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(120)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection
    host, _, port = address.rpartition(":")
    return socket.create_connection((host or "127.0.0.1", int(port)), timeout=120)


def _asked(address: str, question: bytes) -> bytes:
    with _connected(address) as connection:
        connection.sendall(question)
        return _all(connection)


def _streamed(address: str, path: Path) -> bytes:
    with _connected(address) as connection, path.open("rb") as file:
        connection.sendall(b"zINSTREAM\0")
        # The daemon answers that a stream is over its limit, and closes the connection.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while chunk := file.read(_CHUNK):
                connection.sendall(len(chunk).to_bytes(4, "big") + chunk)
            connection.sendall(bytes(4))
        return _all(connection)


def _all(connection: socket.socket) -> bytes:
    said = b""
    while part := connection.recv(4096):
        said += part
    return said


def _fresh(version: str, now: datetime) -> bool:
    """Whether signatures are recent, from ``ClamAV 1.4.3/27793/Tue Oct 14 09:56:55 2025``.

    False without a date.
    """
    parts = version.split("/")
    if len(parts) < 3:
        return False
    try:
        made = datetime.strptime(parts[2].strip(), "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return False
    return now - made <= _FRESH


def _away(error: OSError) -> Unavailable:
    return Unavailable("clamd_away", "L’antivirus ne répond pas : {why}.", why=str(error))
