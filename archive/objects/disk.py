"""Files and folders for the local store: durable, in order; a failing disk is unavailable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from archive.objects import layout
from signing.ground.errors import Unavailable
from signing.ground.machine import blamed

CHUNK: Final = 1 << 20


def walk(base: Path, prefix: str, skip: tuple[str, ...] = ()) -> Iterator[tuple[str, Path]]:
    """List files below a folder whose relative name begins with the prefix, in lexical order."""
    start, _ = layout.folder_and_name(prefix)
    pending: list[tuple[str, Path]] = [(f"{start}/" if start else "", base / start)]
    while pending:
        name, path = pending.pop()
        if name and not name.endswith("/"):
            yield name, path
            continue
        found = [(name + below, there) for below, there in _entries(path) if name or below.rstrip("/") not in skip]
        inside = [item for item in found if item[0].startswith(prefix) or prefix.startswith(item[0])]
        pending.extend(sorted(inside, reverse=True))


def _entries(folder: Path) -> list[tuple[str, Path]]:
    """List a folder, a ``/`` behind the names of folders; nothing where it is gone meanwhile."""
    with away():
        try:
            with os.scandir(folder) as entries:
                return [(entry.name + "/" * entry.is_dir(follow_symlinks=False), Path(entry.path)) for entry in entries]
        except (FileNotFoundError, NotADirectoryError):
            return []


def read(path: Path, offset: int, length: int | None) -> Iterator[bytes]:
    """Read a part of a file, in chunks."""
    with away(), path.open("rb") as source:
        source.seek(offset)
        left = length
        while left is None or left > 0:
            chunk = source.read(CHUNK if left is None else min(CHUNK, left))
            if not chunk:
                return
            if left is not None:
                left -= len(chunk)
            yield chunk


def chunks(source: Path | bytes) -> Iterator[bytes]:
    """Yield the bytes to write, in chunks."""
    if isinstance(source, bytes):
        yield source
    else:
        yield from read(source, 0, None)


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, each durable before it has content."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    sync(folder.parent)


@contextmanager
def away() -> Iterator[None]:
    """Raise ``Unavailable`` for a disk that is full or gone, which may end.

    Raises:
        MachineFault: ``store_away``, where the error shows what is wrong with the machine.
        Unavailable: ``store_away``.
    """
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        said = Unavailable(
            "store_away",
            "Le magasin ne répond pas ({reason}).",
            action="Vérifiez l’espace libre et l’état du disque.",
            reason=error.strerror or type(error).__name__,
        )
        raise blamed(said, error) from error
