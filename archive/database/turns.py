"""Turns: one program at a time does long work on a subject, without a transaction.

A write transaction holds SQLite's one writer's place, so nothing slow may be done in it; what two
programs must not do at once, such as writing the next version of a record, is done in a turn. The
kernel (SQLite) or the server (PostgreSQL) ends the turn of a program that died.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from signing.ground.errors import Unavailable
from signing.ground.machine import translated

WAIT: Final = 20.0
"""Seconds that a program waits for its turn."""
_GLANCE: Final = 0.02


@contextmanager
def on_this_machine(database: Path, subject: str) -> Iterator[None]:
    """Hold the turn of a subject among the processes and threads of one machine.

    It is a lock on one byte of an empty file beside the database.

    Raises:
        Unavailable: ``turn_taken``.
    """
    with translated():
        descriptor = os.open(f"{database}-turns", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _number(subject), 1, 0)
        _wait(lambda: _locked(descriptor, lock))
        yield
    finally:
        os.close(descriptor)


@contextmanager
def on_server(engine: Engine, subject: str) -> Iterator[None]:
    """Hold the turn of a subject among all users of a PostgreSQL database.

    Raises:
        Unavailable: ``turn_taken``. A turn that the server ends early is not noticed here: whoever
            claims the work compares the row once more.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        number = {"number": _number(subject)}
        _wait(lambda: bool(connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), number)))
        try:
            yield
        finally:
            connection.invalidate()  # the server ends the turn with the connection, whatever state it is in


def _locked(descriptor: int, lock: bytes) -> bool:
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _wait(taken: Callable[[], bool]) -> None:
    limit = time.monotonic() + WAIT
    while not taken():
        if time.monotonic() > limit:
            raise Unavailable(
                "turn_taken",
                "Un autre programme travaille sur le même objet.",
                kept="Rien n’a été changé.",
                action="Réessayez dans quelques instants.",
            )
        time.sleep(_GLANCE)


def _number(subject: str) -> int:
    """Return the subject's number, below 2^62; two subjects with one number only wait."""
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], "big") >> 2
