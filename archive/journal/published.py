"""Read the published journal from the store alone: what the signed checkpoint covers.

The database is not its own witness: an entry counts as published only if its leaf is in the tiles
and the tiles lead to the root that the log key signed.
"""

from __future__ import annotations

from dataclasses import dataclass

from archive.journal.merkle import EMPTY_ROOT, leaf_hash, parse_checkpoint, verify_inclusion
from archive.journal.receipts import contradicts
from archive.journal.tiles import StoredTree, journal_damaged
from archive.objects.layout import CHECKPOINT
from archive.objects.port import ObjectStore, found
from signing.note import verify_note


@dataclass(frozen=True)
class Head:
    """The tree head that the store holds, its signature checked.

    Attributes:
        note: C2SP signed note; empty while nothing was published.
    """

    size: int
    root: bytes
    note: str


def stored_head(store: ObjectStore, vkey: str) -> Head:
    """Read the latest checkpoint of the store.

    Raises:
        Corrupt: ``journal_damaged``: it is not a checkpoint of the log of this key.
    """
    stored = found(store, CHECKPOINT)
    if stored is None:
        return Head(0, EMPTY_ROOT, "")
    try:
        note = stored.decode()
        size, root = parse_checkpoint(verify_note(note, vkey), vkey.partition("+")[0])
    except ValueError as error:
        raise journal_damaged(CHECKPOINT) from error
    return Head(size, root, note)


class PublishedLog:
    """The journal as published: entries, tiles and the checkpoint over them.

    Args:
        store: The store with ``journal/``.
        vkey: Verifier key of the log.

    Raises:
        Corrupt: ``journal_damaged``.
    """

    def __init__(self, store: ObjectStore, vkey: str) -> None:
        self.head = stored_head(store, vkey)
        self.tree = StoredTree(store, self.head.size)

    def holds(self, n: int, body: bytes) -> bool:
        """Whether entry ``n`` was published with exactly these bytes; it must be under the head.

        Raises:
            Corrupt: ``journal_damaged``: the tiles do not lead to the signed root.
        """
        proof, told = self.tree.inclusion(n), self.tree.node(0, n)
        if not verify_inclusion(n, self.head.size, told, proof, self.head.root):
            raise journal_damaged(CHECKPOINT)
        return leaf_hash(body) == told


class SharedLog:
    """The published journal, opened once for many records, and again once it has grown.

    Args:
        store: The store with ``journal/``.
        vkey: Verifier key of the log.
    """

    def __init__(self, store: ObjectStore, vkey: str) -> None:
        self._store = store
        self._vkey = vkey
        self._opened: PublishedLog | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was opened before: what it says was read a while ago."""
        return self._opened is not None

    def covering(self, size: int = 0) -> PublishedLog:
        """Return the log, opened again if it is shorter than ``size`` entries.

        Raises:
            Corrupt: ``journal_damaged``.
        """
        if self._opened is None or self._opened.head.size < size:
            self._opened = PublishedLog(self._store, self._vkey)
        return self._opened

    def forget(self) -> None:
        """Read all of it again when it is asked next."""
        self._opened = None


def proof_of(store: ObjectStore, vkey: str, n: int, body: bytes) -> str | None:
    """Return the ``.tlog-proof`` of an entry; None while no checkpoint covers its number.

    Args:
        body: The entry's bytes, from a place that may have been changed.

    Raises:
        Corrupt: ``journal_contradicts``: another entry of this number was published;
            ``journal_damaged``.
    """
    log = PublishedLog(store, vkey)
    if n >= log.head.size:
        return None
    if not log.holds(n, body):
        raise contradicts(f"entry:{n}", ["leaf"])
    return log.tree.proof_file(n, log.head.note)
