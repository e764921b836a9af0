"""Wake-ups that must still be sent, written in the transaction that makes them necessary."""

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
    """Promise a wake-up; it is sent after the commit, by the relay.

    Args:
        kind: ``advance`` or ``pages``.
        subject: Deposit id, or ``deposit id:first page``.
        priority: 0 first, 9 last.
    """
    session.flush()  # PostgreSQL lets a row in if its deposit is there already (see archive/database/row_security.py)
    session.add(OutboxRow(kind=kind, subject=subject, priority=priority, created_at=at, sent_at=None))


class Notifier(Protocol):
    """Tells other processes that something was committed: nobody has to poll fast.

    A notification is a hint: lost, doubled or late, nothing breaks.
    """

    def notify(self) -> None:
        """Wake the listener, if there is one. Never blocks, never fails."""
        ...

    def wait(self, seconds: float) -> bool:
        """Sleep until notified or the time is over; True if notified.

        Notifications that piled up count as one.
        """
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class LocalNotifier:
    """For the processes of one machine.

    A notification travels as a datagram to an abstract Unix socket named after the home folder: no
    file to clean up, nothing to wait for.
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
        """Sleep until notified or the time is over; True if notified.

        Notifications that piled up count as one.
        """
        listening = self._listening or self._listen()
        if listening is None:  # another process of this home listens: fall back on time
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
