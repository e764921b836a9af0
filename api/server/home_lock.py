"""The lock of a home: one supervisor holds it as long as it runs."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signing.ground.errors import Refused


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock file, alone.

    Raises:
        Refused: ``already_served`` while another process holds it.
    """
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                "already_served",
                "Ce dossier des données est déjà servi par un autre processus.",
                action="Arrêtez-le d’abord, ou choisissez un autre CHARTRIER_HOME.",
            ) from error
        yield
