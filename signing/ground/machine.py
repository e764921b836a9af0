"""Faults of the machine: no room, a failing disk, too many files, no memory.

Such a fault is never a fact about a document: whoever meets it waits and tries again. Each place
that touches the machine (store, workspace, spool, database, sandbox) translates the operating
system's errors here, and nowhere else.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

from signing.ground.errors import Unavailable


class Fault(StrEnum):
    """Kind of fault; the member's value is the code of an error that has no other."""

    NO_ROOM = "no_room"
    """No free block, no free inode, or a quota is used up."""
    READ_ONLY = "disk_read_only"
    FAILING = "disk_failing"
    FORBIDDEN = "disk_forbidden"
    """The service's account may not write where it must."""
    DESCRIPTORS = "too_many_files"
    MEMORY = "out_of_memory"


_FAULTS: Final = {
    errno.ENOSPC: Fault.NO_ROOM,
    errno.EDQUOT: Fault.NO_ROOM,
    errno.EFBIG: Fault.NO_ROOM,  # a limit on the size of files (ulimit -f, or the file system's own)
    errno.EROFS: Fault.READ_ONLY,
    errno.EIO: Fault.FAILING,
    errno.ENXIO: Fault.FAILING,
    errno.ENODEV: Fault.FAILING,
    errno.ESTALE: Fault.FAILING,
    errno.EACCES: Fault.FORBIDDEN,
    errno.EPERM: Fault.FORBIDDEN,
    errno.EMFILE: Fault.DESCRIPTORS,
    errno.ENFILE: Fault.DESCRIPTORS,
    errno.ENOMEM: Fault.MEMORY,
    errno.EAGAIN: Fault.MEMORY,  # no room for another process or thread
}

_TEXTS: Final = {
    Fault.NO_ROOM: (
        "Il n’y a plus de place sur un disque de cette machine.",
        "Faites de la place (octets, nombre de fichiers ou quota) ; le travail reprend de lui-même.",
    ),
    Fault.READ_ONLY: (
        "Un disque de cette machine n’accepte plus d’écritures.",
        "Remontez-le en écriture après l’avoir vérifié ; le travail reprend de lui-même.",
    ),
    Fault.FAILING: (
        "Un disque de cette machine ne lit ou n’écrit plus.",
        "Vérifiez l’état du disque ; le travail reprend de lui-même.",
    ),
    Fault.FORBIDDEN: (
        "Le compte du service n’a plus le droit d’écrire dans ses dossiers.",
        "Rendez-lui ses dossiers ; le travail reprend de lui-même.",
    ),
    Fault.DESCRIPTORS: (
        "Cette machine a trop de fichiers ouverts.",
        "Relevez la limite (ulimit -n) ; le travail reprend de lui-même.",
    ),
    Fault.MEMORY: (
        "Cette machine n’a plus de mémoire libre.",
        "Libérez de la mémoire ou ajoutez-en ; le travail reprend de lui-même.",
    ),
}

_KEPT: Final = ("Les dépôts acceptés et les documents gardés sont conservés.",)

ROOM: Final = 16 << 20
"""Free bytes below which a disk counts as full, so that what must be noted still has its room."""
FILES: Final = 64
"""Free inodes below which a disk counts as full."""


class MachineFault(Unavailable):
    """The machine can't do its work now; true of every document, so of none in particular.

    Attributes:
        fault: What is wrong with the machine.
    """

    retry_after = 15

    def __init__(
        self,
        fault: Fault,
        code: str = "",
        detail: str = "",
        *,
        kept: str = _KEPT[0],
        action: str = "",
        **values: object,
    ) -> None:
        said, advice = _TEXTS[fault]
        self.fault = fault
        super().__init__(
            code or fault.value, detail or said, kept=kept, action=action or advice, pointer=None, **values
        )


def fault_of(error: BaseException) -> Fault | None:
    """Return the fault of the machine that an error shows; None when it shows none."""
    if isinstance(error, MachineFault):
        return error.fault
    if isinstance(error, MemoryError):
        return Fault.MEMORY
    return _FAULTS.get(error.errno or 0) if isinstance(error, OSError) else None


def machine_fault(error: BaseException) -> MachineFault | None:
    """Translate an error that shows a fault of the machine or was raised ``from`` one; else None.

    What merely happened while a fault was being dealt with (``__context__``) is a bug of ours: it
    has to be told, it would not end with the fault.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MachineFault):
            return seen
        fault = fault_of(seen)
        if fault is not None:
            return MachineFault(fault)
        seen = seen.__cause__
    return None


def blamed(said: Unavailable, cause: OSError | Fault) -> Unavailable:
    """Return what a place says of its cause: as the machine's fault, if that is what it shows."""
    fault = cause if isinstance(cause, Fault) else fault_of(cause)
    if fault is None:
        return said
    return MachineFault(fault, said.code, said.detail, kept=said.kept, action=said.action, **said.values)


@contextmanager
def translated() -> Iterator[None]:
    """Raise ``MachineFault`` for the operating system's errors that show one.

    Raises:
        MachineFault: See ``Fault``.
    """
    try:
        yield
    except (OSError, MemoryError) as error:
        fault = machine_fault(error)
        if fault is None:
            raise
        raise fault from error


def is_full(folder: Path, *, room: int = ROOM, files: int = FILES) -> bool:
    """Whether the disk of a folder has no room left for this account.

    Raises:
        MachineFault: The disk does not answer.
    """
    with translated():
        state = os.statvfs(folder)
    if state.f_bavail * state.f_frsize < room:
        return True
    return state.f_files > 0 and state.f_favail < files  # some file systems count no inodes


def require_room(folder: Path) -> None:
    """Refuse to begin work on a full disk.

    Raises:
        MachineFault: ``no_room``.
    """
    if is_full(folder):
        raise MachineFault(Fault.NO_ROOM)
