"""Outbox: wake-ups to send, written in the transaction that makes them necessary."""

from __future__ import annotations

import hashlib
import socket
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from ingestion.tables import OutboxRow

ADVANCE = "advance"
PAGES = "pages"


def add(session: Session, kind: str, subject: str, priority: int, *, at: datetime) -> None:
    """Add a wake-up to the outbox; the relay sends it after the commit.

    Args:
        kind: ``advance`` or ``pages``.
        subject: Deposit id, or ``deposit id:first page``.
        priority: From 0 (first) to 9 (last).
    """
    session.flush()  # PostgreSQL accepts a row only if its deposit is there already
    # (see archive/database/row_security.py)
    session.add(OutboxRow(kind=kind, subject=subject, priority=priority, created_at=at, sent_at=None))


class Notifier(Protocol):
    """Notifier: wakes other processes after a commit, so that none has to poll fast.

    A notification is a hint: lost, doubled or late, nothing breaks.
    """

    def notify(self) -> None:
        """Wake the listener, if there is one. Never blocks, never fails."""
        ...

    def wait(self, seconds: float) -> bool:
        """Sleep until notified or until the time is over; True if notified.

        Several notifications that waited count as one.
        """
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class LocalNotifier:
    """Notifier for the processes of one machine.

    A notification is a datagram to an abstract Unix socket named after the home folder: it leaves
    no file, and sending never waits.
    """

    def __init__(self, home: Path, name: str) -> None:
        digest = hashlib.sha256(str(home).encode()).hexdigest()[:32]
        self._address = f"\0chartrier-{digest}-{name}"
        self._listening: socket.socket | None = None

    def notify(self) -> None:
        """Wake the listener, if there is one. Never blocks, never fails."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            with suppress(OSError):
                sender.sendto(b"!", self._address)

    def wait(self, seconds: float) -> bool:
        """Sleep until notified or until the time is over; True if notified.

        Several notifications that waited count as one.
        """
        listening = self._listening or self._listen()
        if listening is None:  # another process of this home listens: wait for the time only
            time.sleep(seconds)
            return False
        listening.settimeout(seconds)
        try:
            listening.recv(8)
        except TimeoutError:
            return False
        listening.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                listening.recv(8)
        return True

    def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None

    def _listen(self) -> socket.socket | None:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            listening.bind(self._address)
        except OSError:
            listening.close()
            return None
        self._listening = listening
        return listening
