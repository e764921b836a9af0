"""The journal's tree in the store: tiles read once, proofs made from them."""

from __future__ import annotations

from archive.journal.merkle import (
    Tile,
    consistency_proof,
    inclusion_proof,
    node_in_tile,
    root_hash,
    tile_holding,
    tlog_proof,
)
from archive.objects.layout import below_journal
from archive.objects.port import ObjectStore, found
from signing.ground.errors import Corrupt


class StoredTree:
    """Nodes of the log's tree at one size, from the tiles in the store.

    Args:
        store: The store with ``journal/``.
        size: Entries of the tree; its tiles (or fuller ones) must have been written.
    """

    def __init__(self, store: ObjectStore, size: int) -> None:
        self._store = store
        self._size = size
        self._tiles: dict[Tile, bytes] = {}

    @property
    def size(self) -> int:
        """Entries of the tree."""
        return self._size

    def add(self, tile: Tile, hashes: bytes) -> None:
        """Use these bytes, just written and read back, instead of reading the store."""
        self._tiles[tile] = hashes

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of the perfect subtree at (level, index).

        Raises:
            Corrupt: ``journal_damaged``, if its tile is missing or has the wrong length.
        """
        tile = tile_holding(level, index, self._size)
        if tile not in self._tiles:
            self._tiles[tile] = self._read(tile)
        return node_in_tile(self._tiles[tile], level, index)

    def root(self) -> bytes:
        """Return the tree head."""
        return root_hash(self._size, self.node)

    def inclusion(self, n: int) -> list[bytes]:
        """Return the proof that entry ``n`` is under this tree's head."""
        return inclusion_proof(n, self._size, self.node)

    def consistency(self, old: int) -> list[bytes]:
        """Return the proof that this tree extends the one of ``old`` entries."""
        return consistency_proof(old, self._size, self.node)

    def proof_file(self, n: int, note: str) -> str:
        """Return the ``.tlog-proof`` of entry ``n`` under the checkpoint of this size."""
        return tlog_proof(n, self.inclusion(n), note)

    def _read(self, tile: Tile) -> bytes:
        whole = Tile(tile.level, tile.index)
        for candidate in (tile, whole):  # the full tile may have replaced the partial one
            hashes = found(self._store, candidate.key)
            if hashes is None:
                continue
            if len(hashes) == 32 * candidate.width:
                return hashes[: 32 * tile.width]
            break
        raise journal_damaged(tile.key)


def journal_damaged(key: str) -> Corrupt:
    """Return the error for a published journal that was altered."""
    return Corrupt(
        "journal_damaged",
        "Le journal publié est abîmé ({path}) : rien n’est signé tant qu’il n’est pas rétabli.",
        action="Rétablissez ce fichier depuis une copie saine, puis relancez « chartrier checkpoint ».",
        path=below_journal(key),
    )
