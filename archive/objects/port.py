"""The object store as the archive needs it.

A key is a ``/``-separated ASCII path (docs/formats.md, section 1). A *version* names the bytes of
one write of one key; readers always give it. Retention is per version and can only grow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from signing.ground.errors import Corrupt, Refused, Unavailable


class Assurance(StrEnum):
    """What the store itself guarantees; shown on record pages and in evidence."""

    ADVISORY = "advisory"
    """We refuse, but an administrator of the machine could alter the bytes (they'd be caught)."""
    ENFORCED = "enforced"
    """The store refuses everyone before the date: proven by the probe at start-up."""


class Unreadable(Unavailable):
    """The store answers, and can't give the bytes of this one version.

    They may have rotted on its own disks, or the disk that holds them may be away: it proves no
    alteration, and whoever needs the bytes may try again.
    """


def unreadable(key: str) -> Unreadable:
    """What is raised for such a version."""
    return Unreadable(
        "object_unreadable",
        "Le magasin répond, mais ne peut pas relire « {key} » : un de ses disques manque, ou a abîmé ces octets.",
        kept="Rien n’a été changé.",
        action="Regardez les disques du magasin ; si cela dure, rétablissez ce document depuis la seconde copie.",
        key=key,
    )


def lock_missing(key: str, until: date | None) -> Corrupt:
    """What is raised when a store took the bytes and not their lock."""
    return Corrupt(
        "lock_missing",
        "Le magasin n’a pas verrouillé « {key} » jusqu’au {until}.",
        action="Prévenez l’administrateur : le verrouillage du magasin ne fonctionne pas.",
        key=key,
        until=until.isoformat() if until is not None else "—",
    )


@dataclass(frozen=True)
class StoredObject:
    """One version of one key, as the store states it.

    Attributes:
        key: Path in the store.
        version: Opaque; the bytes of (key, version) never change.
        size: Bytes.
        locked_until: Last day on which the version can't be destroyed; None = no lock.
        legal_hold: Whether a hold forbids destruction whatever the date.
        modified_at: When it was written.
    """

    key: str
    version: str
    size: int
    locked_until: date | None
    legal_hold: bool
    modified_at: datetime


@dataclass(frozen=True)
class Listed:
    """One version of one key, as a listing shows it: enough to find it, not what guards it.

    A listing says nothing of locks: an S3 would have to be asked once more for each version.
    ``stat`` tells.

    Attributes:
        marker: A delete marker: bytes that were there are hidden, and nobody of ours does that.
    """

    key: str
    version: str
    size: int
    modified_at: datetime
    marker: bool = False


class ObjectStore(Protocol):
    """Write-once storage with retention.

    Every method raises ``Unavailable`` when the store can't be reached (retry may help).
    """

    @property
    def assurance(self) -> Assurance:
        """What the store enforces by itself."""

    def put(
        self,
        key: str,
        source: Path | bytes,
        *,
        sha256: str,
        retain_until: date | None = None,
        replace: bool = False,
    ) -> StoredObject:
        """Write one object, durable when this returns (file and folder synced, or acknowledged by a
        server).

        MUST refuse bytes that don't have the given digest, leaving nothing behind. Same bytes at a
        key that holds them already: the existing version is returned, its lock extended if the new
        date is later. Other bytes at an existing key: refused, unless ``replace`` (heads only:
        ``journal/checkpoint``, root ``inventory.json`` and its sidecar, staging; and whatever is
        put back beside a damaged version). With ``replace`` an existing version is returned only
        after its bytes were read again.

        Raises:
            Corrupt: ``digest_mismatch``, the source is not what the caller said.
            Refused: ``object_exists``, other bytes are there.
        """

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        """State of a version (None: the current one).

        Raises:
            Refused: ``object_missing``.
        """

    def read(
        self, key: str, version: str | None = None, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """Bytes in chunks of at most 1 MiB. Does not check digests: ``fixity.verified`` does.

        Raises:
            Refused: ``object_missing``, before the first chunk; ``bad_range`` when offset is past
                the end.
            Unreadable: The store answers and can't give these bytes; before the first chunk or
                after some.
        """

    def list(self, prefix: str) -> Iterator[Listed]:
        """Every version of every key under the prefix, keys in lexical order, a key's versions
        oldest first.
        """

    def extend_lock(self, key: str, version: str, until: date) -> StoredObject:
        """Lengthen the lock.

        A date before the present lock changes nothing and returns the present state.
        """

    def hold(self, key: str, version: str, *, on: bool) -> StoredObject:
        """Set or release the legal hold."""

    def delete(self, key: str, version: str) -> None:
        """Destroy one version.

        Raises:
            Refused: ``object_locked`` while its lock or a hold runs; ``object_missing``.
        """


def read_all(store: ObjectStore, key: str, version: str | None = None) -> bytes:
    """The whole of a small object."""
    return b"".join(store.read(key, version))


def found(store: ObjectStore, key: str) -> bytes | None:
    """The bytes of a small object, or None."""
    try:
        return read_all(store, key)
    except Refused as error:
        if error.code != "object_missing":
            raise
        return None
