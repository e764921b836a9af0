"""Write the files of the published log; each relies on those written before it.

Bundles of entries, then tiles of hashes, then the token of the new checkpoint, then the checkpoint
itself. A crash at any boundary leaves a log that was complete before, and files that the retry
writes again with the same bytes. Bundles and tiles, from which proofs are made, are read back
before anything is signed over them.
"""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import select

from archive.database.engine import Database
from archive.database.tables import JournalEntryRow
from archive.journal.merkle import TILE, bundle_key, grown, leaf_hash, new_tiles, node_hash, pack_bundle, unpack_bundle
from archive.journal.tiles import StoredTree, journal_damaged
from archive.objects import layout
from archive.objects.layout import StampedKey
from archive.objects.port import ObjectStore, StoredObject, found, read_all
from archive.retention.dates import farthest_lock
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt

PARTIAL_DAYS: Final = 7
"""Lock of partial tiles and bundles, in days: the full ones replace them."""


class LogFiles:
    """The files of the log in the store, each written with its lock.

    Args:
        horizon_days: Lock of files published for good; 0 = for as long as a store can.
    """

    def __init__(self, database: Database, store: ObjectStore, clock: Clock, horizon_days: int) -> None:
        self.store = store
        self._database = database
        self._clock = clock
        self._horizon_days = horizon_days

    def put_for_good(self, key: str, content: bytes) -> StoredObject:
        """Write a file that never changes."""
        return self._put(key, content, self._horizon_days)

    # -- first: the files under a checkpoint

    def write_bundles(self, old: int, new: int) -> dict[int, list[bytes]]:
        """Write the bundles that grew; return leaf hashes computed from the stored bytes."""
        leaves: dict[int, list[bytes]] = {}
        for index, width in grown(old, new):
            first = index * TILE
            with self._database.read() as session:
                rows = session.execute(
                    select(JournalEntryRow.n, JournalEntryRow.body, JournalEntryRow.leaf_hash)
                    .where(JournalEntryRow.n >= first, JournalEntryRow.n < first + width)
                    .order_by(JournalEntryRow.n)
                ).all()
            key = bundle_key(index, width)
            if [row.n for row in rows] != list(range(first, first + width)):
                raise journal_damaged(key)
            written = self._put(key, pack_bundle([row.body for row in rows]), self._days(width))
            try:
                again = unpack_bundle(read_all(self.store, written.key, written.version))
            except ValueError as error:
                raise journal_damaged(key) from error
            leaves[index] = [leaf_hash(body) for body in again]
            if [leaf.hex() for leaf in leaves[index]] != [row.leaf_hash for row in rows]:
                raise journal_damaged(key)
        return leaves

    def write_tiles(self, tree: StoredTree, old: int, new: int, leaves: dict[int, list[bytes]]) -> None:
        """Write the tiles that grew, lowest level first, and add them to the tree as read back."""
        for tile in new_tiles(old, new):
            if tile.level == 0:
                hashes = b"".join(leaves[tile.index])
            else:
                first = tile.index * TILE
                below = 8 * tile.level - 1  # the tiles of the level below are written already
                hashes = b"".join(
                    node_hash(tree.node(below, 2 * index), tree.node(below, 2 * index + 1))
                    for index in range(first, first + tile.width)
                )
            written = self._put(tile.key, hashes, self._days(tile.width))
            again = read_all(self.store, written.key, written.version)
            if again != hashes:
                raise journal_damaged(tile.key)
            tree.add(tile, again)

    # -- then: the token over the new checkpoint, if it gets one

    def stored_token(self, size: int, note: str) -> bytes | None:
        """Return the token of an interrupted attempt, if it was over this same note, or None.

        Raises:
            Corrupt: ``journal_forked``: it was over another note.
        """
        stamped = found(self.store, StampedKey(size).key)
        if stamped is not None and stamped != note.encode():
            raise forked("journal_forked", size)
        return found(self.store, StampedKey(size, token=True).key) if stamped is not None else None

    def write_token(self, size: int, note: str, token: bytes) -> None:
        """Write a time-stamped checkpoint, then its token."""
        self.put_for_good(StampedKey(size).key, note.encode())
        self.put_for_good(StampedKey(size, token=True).key, token)

    # -- last: the head

    def write_checkpoint(self, note: str) -> None:
        """Write the latest checkpoint over the one before."""
        self._put(layout.CHECKPOINT, note.encode(), None, replace=True)

    def _put(self, key: str, content: bytes, days: int | None, *, replace: bool = False) -> StoredObject:
        until = farthest_lock(self._clock().date(), days) if days is not None else None
        digest = hashlib.sha256(content).hexdigest()
        return self.store.put(key, content, sha256=digest, retain_until=until, replace=replace)

    def _days(self, width: int) -> int:
        return self._horizon_days if width == TILE else PARTIAL_DAYS


def forked(code: str, size: int) -> Corrupt:
    """Return the error for a journal that no longer extends the published one."""
    return Corrupt(
        code,
        "Le journal ne prolonge plus ce qui avait été publié (à {size} entrées) : rien n’a été signé.",
        action="Ne supprimez rien. Comparez la base et le magasin avec leurs copies ; gardez les deux états.",
        size=size,
    )
