"""Fixity: check stored bytes by their digest, and return only bytes that match it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from archive.objects.port import ObjectStore
from signing.ground.errors import Corrupt, Refused

WHOLE: Final = 64 << 20
"""Up to this size no byte is returned before all were checked."""

IN_HAND: Final = 8 << 20
"""Up to this size checked bytes are held in memory; larger objects are read twice instead."""


class Fixity(StrEnum):
    """Result of a check. Absence of evidence is never a pass."""

    INTACT = "intact"
    ALTERED = "altered"
    MISSING = "missing"
    UNVERIFIABLE = "unverifiable"


_GRAVITY: Final = (Fixity.INTACT, Fixity.UNVERIFIABLE, Fixity.MISSING, Fixity.ALTERED)


def gravest(verdicts: Iterator[Fixity] | list[Fixity]) -> Fixity:
    """Return the gravest verdict; unverifiable when there is none."""
    return max(verdicts, key=_GRAVITY.index, default=Fixity.UNVERIFIABLE)


def verified(store: ObjectStore, key: str, version: str, *, sha256: str, size: int) -> Iterator[bytes]:
    """Yield the bytes of one version, checked on the way.

    Up to ``WHOLE`` all bytes are checked before the first is returned. Beyond, the last chunk is
    held back until the digest is known: a reader of altered bytes never gets their end.

    Raises:
        Corrupt: ``altered``: the bytes do not match the digest; ``missing``: they are gone.
    """
    in_hand = size <= min(IN_HAND, WHOLE)
    if not in_hand and size <= WHOLE:
        check(store, key, version, sha256=sha256, size=size)
    held: list[bytes] = []
    for chunk in _hashed(store, key, version, sha256, size):
        held.append(chunk)
        while not in_hand and len(held) > 1:
            yield held.pop(0)
    yield from held


def _hashed(store: ObjectStore, key: str, version: str, sha256: str, size: int) -> Iterator[bytes]:
    """Yield every chunk as it is read; raise any fault of the whole after the last."""
    digest = hashlib.sha256()
    seen = 0
    try:
        for chunk in store.read(key, version):
            digest.update(chunk)
            seen += len(chunk)
            if seen > size:
                raise altered(key)
            yield chunk
    except Refused as error:
        if error.code != "object_missing":
            raise
        raise missing(key) from error
    if seen != size or digest.hexdigest() != sha256:
        raise altered(key)


def verified_range(
    store: ObjectStore, key: str, version: str, *, sha256: str, size: int, offset: int, length: int
) -> Iterator[bytes]:
    """Yield a part of one version; the whole is checked before its first byte is returned.

    Raises:
        Corrupt: As ``verified``.
        Refused: ``bad_range``.
    """
    if offset < 0 or length < 0 or offset + length > size:
        raise Refused("bad_range", "La plage demandée dépasse la fin du fichier.")
    if length <= IN_HAND:
        part = bytearray()
        begin = 0
        for chunk in _hashed(store, key, version, sha256, size):
            part += chunk[max(0, offset - begin) : max(0, offset + length - begin)]
            begin += len(chunk)
        yield bytes(part)
        return
    check(store, key, version, sha256=sha256, size=size)
    yield from store.read(key, version, offset=offset, length=length)


def check(store: ObjectStore, key: str, version: str, *, sha256: str, size: int) -> None:
    """Read one version whole; return if it is intact.

    Raises:
        Corrupt: As ``verified``.
    """
    for _ in _hashed(store, key, version, sha256, size):
        pass


def altered(key: str) -> Corrupt:
    """Return the error for altered bytes."""
    return Corrupt(
        "altered",
        "Un fichier gardé ne correspond plus à son empreinte ({key}) : il n’est pas servi.",
        action="Prévenez l’administrateur : il faut le rétablir depuis une copie saine.",
        key=key,
    )


def missing(key: str) -> Corrupt:
    """Return the error for missing bytes."""
    return Corrupt(
        "missing",
        "Un fichier gardé n’est plus dans le magasin ({key}).",
        action="Prévenez l’administrateur : il faut le rétablir depuis une copie saine.",
        key=key,
    )
