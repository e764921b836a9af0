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
    """Assurance of a store, shown on record pages and in evidence."""

    ADVISORY = "advisory"
    """We refuse, but an administrator of the machine could alter the bytes (checks show it)."""
    ENFORCED = "enforced"
    """The store refuses everyone before the date: proven by the probe at start-up."""


class Unreadable(Unavailable):
    """The store answers, and can't give the bytes of this one version.

    They may have rotted on its own disks, or the disk that holds them may be away: it proves no
    alteration, and the caller may try again.
    """


def unreadable(key: str) -> Unreadable:
    """Return the error for a version whose bytes the store can't give."""
    return Unreadable(
        "object_unreadable",
        "Le magasin répond, mais ne peut pas relire « {key} » : un de ses disques manque, ou a abîmé ces octets.",
        kept="Rien n’a été changé.",
        action="Regardez les disques du magasin ; si cela dure, rétablissez ce document depuis la seconde copie.",
        key=key,
    )


def forbidden(key: str) -> Unreadable:
    """Return the error for a file that lost its right to be read."""
    return Unreadable(
        "object_forbidden",
        "Le fichier « {key} » est là, mais ses droits interdisent de le lire.",
        kept="Rien n’a été changé.",
        action="Rendez les fichiers du magasin au compte du service (chown), avec le droit de les lire (chmod u+r) ; "
        "« chartrier reconcile --repair » remet ensuite les verrous.",
        key=key,
    )


def lock_missing(key: str, until: date | None) -> Corrupt:
    """Return the error for a store that accepted the bytes and not their lock."""
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
    """One version of one key, as a listing shows it: enough to find it, without its lock.

    A listing of an S3 has no locks: it would need one more request for each version. ``stat``
    returns them.

    Attributes:
        marker: Whether it is a delete marker: it hides earlier bytes, and we never write one.
        lock: Whether a listing of this store states locks, and then the last day of this one.
    """

    key: str
    version: str
    size: int
    modified_at: datetime
    marker: bool = False
    lock: tuple[date | None] | None = None


class ObjectStore(Protocol):
    """Write-once storage with retention.

    Every method raises ``Unavailable`` when the store can't be reached (retry may help).
    """

    @property
    def assurance(self) -> Assurance:
        """Assurance that the store itself gives."""

    def put(
        self,
        key: str,
        source: Path | bytes,
        *,
        sha256: str,
        retain_until: date | None = None,
        replace: bool = False,
    ) -> StoredObject:
        """Write one object, durable when this returns.

        Durable means that file and folder are synced, or that a server acknowledged it.

        MUST refuse bytes that don't have the given digest, leaving nothing behind. If the key
        already holds the same bytes, the existing version is returned, its lock extended if the new
        date is later. Other bytes at an existing key are refused, unless ``replace`` (heads only:
        ``journal/checkpoint``, root ``inventory.json`` and its sidecar, staging; and an object
        restored next to a damaged version). With ``replace`` an existing version is returned only
        after its bytes were read again.

        Raises:
            Corrupt: ``digest_mismatch``: the source does not have the given digest.
            Refused: ``object_exists``: other bytes are there.
        """

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        """Return the state of a version (None: the current one).

        Raises:
            Refused: ``object_missing``.
        """

    def read(
        self, key: str, version: str | None = None, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """Read bytes in chunks of at most 1 MiB.

        Digests are not checked: ``fixity.verified`` does.

        Raises:
            Refused: ``object_missing``, before the first chunk; ``bad_range`` when offset is past
                the end.
            Unreadable: The store answers and can't give these bytes; before the first chunk or
                after some.
        """

    def list(self, prefix: str) -> Iterator[Listed]:
        """List every version of every key under the prefix.

        Keys come in lexical order, a key's versions oldest first.
        """

    def extend_lock(self, key: str, version: str, until: date) -> StoredObject:
        """Extend the lock.

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
    """Read a small object whole."""
    return b"".join(store.read(key, version))


def found(store: ObjectStore, key: str) -> bytes | None:
    """Read a small object whole; None if it is missing."""
    try:
        return read_all(store, key)
    except Refused as error:
        if error.code != "object_missing":
            raise
        return None
