"""Spool: a file being received, hashed while written, on a disk of this machine."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from types import TracebackType

from archive.model.records import Digests
from ingestion.reception.submission import ALONE
from signing.ground.errors import Refused, Unavailable
from signing.ground.machine import blamed, is_full


class Spool:
    """Spool: a file being received; it is deleted at the end of its block.

    Args:
        path: A name that we chose; no file is there yet.
        max_bytes: Largest file accepted.

    Attributes:
        size: Bytes written so far.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.size = 0
        self._max_bytes = max_bytes
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if is_full(path.parent):  # what was acknowledged keeps the room that its own work needs
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _full(error) from error

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def write(self, chunk: bytes) -> None:
        """Write and hash the next bytes.

        Raises:
            Refused: ``too_large``.
            Unavailable: ``spool_full``.
        """
        self.size += len(chunk)
        if self.size > self._max_bytes:
            raise Refused(
                "too_large",
                "Ce fichier dépasse la taille acceptée ({limit} octets).",
                kept=ALONE,
                action="Découpez le document ou demandez à l’administrateur de relever la limite.",
                limit=self._max_bytes,
            )
        self._sha256.update(chunk)
        self._sha512.update(chunk)
        try:
            view = memoryview(chunk)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise _full(error) from error

    @property
    def digests(self) -> Digests:
        """Digests of all bytes written so far."""
        return Digests(self._sha256.hexdigest(), self._sha512.hexdigest())

    def sync(self) -> None:
        """Write everything to disk, so that it survives a power cut.

        Raises:
            Unavailable: ``spool_full``.
        """
        try:
            os.fsync(self._descriptor)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _full(error) from error

    def discard(self) -> None:
        """Delete the file; harmless when it is gone already."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self.path.unlink(missing_ok=True)


def _full(error: OSError) -> Unavailable:
    said = Unavailable(
        "spool_full",
        "Le disque de réception ne répond pas ou est plein.",
        kept=ALONE,
        action="Réessayez dans quelques minutes ; si cela dure, prévenez l’administrateur.",
    )
    return blamed(said, error)
