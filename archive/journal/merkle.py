"""The journal's bytes: entries, Merkle tree (RFC 6962), C2SP tiles, checkpoints, proofs.

Pure.

A node is named by ``(level, index)``: the hash of the perfect subtree over the leaves from
``index * 2**level`` to ``(index + 1) * 2**level - 1``. The caller provides the nodes (from tiles in
a store, from a list in a test); the rules below never read anything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from archive.objects.layout import ENTRIES, TILE_WIDTH, TileKey
from signing.ground.canonical import canonical
from signing.ground.clock import stamp

TILE: Final = TILE_WIDTH
"""Hashes in a full tile and entries in a full bundle (tlog-tiles, height 8)."""
MAX_ENTRY: Final = 8192
"""Largest size of an entry, exclusive; it must also fit the bundle's 16-bit length."""
PROOF_HEADER: Final = "c2sp.org/tlog-proof@v1"

Nodes = Callable[[int, int], bytes]
"""Returns the hash of the perfect subtree at (level, index)."""


# -- entries


def entry_body(
    n: int,
    at: datetime,
    type_: str,
    tenant: str | None,
    subject: str,
    agent: str | None,
    facts: dict[str, Any],
) -> bytes:
    """Return an entry's bytes as they are hashed and published.

    Args:
        tenant: Pseudonym (``t:…``), or None for the installation's own events.
        agent: Pseudonym (``a:…``), or None when the service acted by itself.

    Raises:
        TypeError: If the facts have no canonical form (floats, for one).
        ValueError: If the entry is too long.
    """
    body = canonical(
        {
            "v": 1,
            "n": n,
            "at": stamp(at),
            "type": type_,
            "tenant": tenant,
            "subject": subject,
            "agent": agent,
            "facts": facts,
        }
    )
    if len(body) >= MAX_ENTRY:
        raise ValueError(f"a journal entry of {len(body)} bytes is too long: digest what is long")
    return body


# -- hashes


def leaf_hash(body: bytes) -> bytes:
    """Return the hash of one entry (RFC 6962)."""
    return hashlib.sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees (RFC 6962)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def root_hash(size: int, nodes: Nodes) -> bytes:
    """Return the tree head over the first ``size`` entries."""
    return EMPTY_ROOT if size == 0 else _subtree(0, size, nodes)


def nodes_of(leaves: Sequence[bytes]) -> Nodes:
    """Return nodes computed from leaf hashes in memory."""

    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def _split(count: int) -> int:
    """Return the largest power of two smaller than ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


def _subtree(low: int, high: int, nodes: Nodes) -> bytes:
    count = high - low
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return nodes(level, low >> level)
    middle = low + _split(count)
    return node_hash(_subtree(low, middle, nodes), _subtree(middle, high, nodes))


# -- proofs


def inclusion_proof(n: int, size: int, nodes: Nodes) -> list[bytes]:
    """Return the hashes that lead from entry ``n`` to the tree head over ``size`` entries.

    Raises:
        ValueError: If the entry is not under that head.
    """
    if not 0 <= n < size:
        raise ValueError(f"entry {n} is not among the first {size}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if n < middle:
            proof.append(_subtree(middle, high, nodes))
            high = middle
        else:
            proof.append(_subtree(low, middle, nodes))
            low = middle
    return proof[::-1]


def batch_proof(wanted: Sequence[int], size: int, nodes: Nodes) -> list[bytes]:
    """Return the hashes that lead from several entries at once to the head over ``size`` entries.

    They stand from left to right: one for each largest subtree without any of these entries, where
    a tree is split as RFC 6962 does.

    Args:
        wanted: Numbers of the entries, in order.

    Raises:
        ValueError: If there is none, or one is not under that head.
    """
    if not wanted or not 0 <= wanted[0] <= wanted[-1] < size:
        raise ValueError(f"not entries among the first {size}")
    proof: list[bytes] = []

    def descend(low: int, high: int) -> None:
        at = bisect_left(wanted, low)
        if at == len(wanted) or wanted[at] >= high:
            proof.append(_subtree(low, high, nodes))
        elif high - low > 1:
            middle = low + _split(high - low)
            descend(low, middle)
            descend(middle, high)

    descend(0, size)
    return proof


def verify_inclusion(n: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= n < size:
        return False
    index, last, found = n, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if index & 1 or index == last:
            found = node_hash(sibling, found)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and found == root


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """Return the hashes that show the first ``old`` entries unchanged in the tree of ``new``.

    Raises:
        ValueError: If ``old`` is not within ``new``.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a log of {new} entries can't extend one of {old}")
    if old in {0, new}:
        return []
    proof: list[bytes] = []
    low, high, whole = 0, new, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(_subtree(middle, high, nodes))
            high = middle
        else:
            proof.append(_subtree(low, middle, nodes))
            low, whole = middle, False
    if not whole:
        proof.append(_subtree(low, high, nodes))
    return proof[::-1]


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the new tree extends the old one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    index, last = old - 1, new - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    from_old = from_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            from_old, from_new = node_hash(sibling, from_old), node_hash(sibling, from_new)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            from_new = node_hash(from_new, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and from_old == old_root and from_new == new_root


# -- tiles (C2SP tlog-tiles)


@dataclass(frozen=True)
class Tile:
    """One tile of hashes.

    Attributes:
        level: Tile level; its hashes are nodes at tree level ``8 * level``.
        index: Position among the tiles of that level.
        width: Hashes in it, 1 to 256; less than 256 = partial.
    """

    level: int
    index: int
    width: int = TILE

    @property
    def key(self) -> str:
        """Key of the tile in the store."""
        return TileKey(str(self.level), self.index, self.width).key


def bundle_key(index: int, width: int = TILE) -> str:
    """Return the key of a bundle of entries in the store."""
    return TileKey(ENTRIES, index, width).key


def grown(old: int, new: int) -> Iterator[tuple[int, int]]:
    """List index and width of a row's tiles grown from ``old`` to ``new``, full ones first."""
    if new == old:
        return
    for index in range(old // TILE, new // TILE):
        yield index, TILE
    if new % TILE:
        yield new // TILE, new % TILE


def new_tiles(old: int, new: int) -> Iterator[Tile]:
    """List the tiles to write when the log grew from ``old`` to ``new``, lowest level first."""
    level = 0
    while new >> (8 * level):
        for index, width in grown(old >> (8 * level), new >> (8 * level)):
            yield Tile(level, index, width)
        level += 1


def tile_holding(level: int, index: int, size: int) -> Tile:
    """Return the widest tile of a log of ``size`` that contains the node (level, index).

    Raises:
        ValueError: If the node is not within the log.
    """
    if (index + 1) << level > size:
        raise ValueError(f"node ({level}, {index}) is not within {size} entries")
    row, rest = divmod(level, 8)
    position = index << rest
    width = min(TILE, (size >> (8 * row)) - position // TILE * TILE)
    return Tile(row, position // TILE, width)


def node_in_tile(hashes: bytes, level: int, index: int) -> bytes:
    """Compute a node from the bytes of the tile that ``tile_holding`` returned."""
    rest = level % 8
    start = (index << rest) % TILE
    row = [hashes[32 * at : 32 * at + 32] for at in range(start, start + (1 << rest))]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def pack_bundle(bodies: Sequence[bytes]) -> bytes:
    """Pack an entry bundle: each entry after its big-endian 16-bit length."""
    return b"".join(len(body).to_bytes(2, "big") + body for body in bodies)


def unpack_bundle(packed: bytes) -> list[bytes]:
    """Read an entry bundle.

    Raises:
        ValueError: If it ends within an entry.
    """
    bodies, at = [], 0
    while at < len(packed):
        end = at + 2 + int.from_bytes(packed[at : at + 2], "big")
        if at + 2 > len(packed) or end > len(packed):
            raise ValueError("the bundle ends within an entry")
        bodies.append(packed[at + 2 : end])
        at = end
    return bodies


# -- texts


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Return the text of a checkpoint's note (C2SP tlog-checkpoint)."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def parse_checkpoint(text: str, origin: str) -> tuple[int, bytes]:
    """Read size and root from a checkpoint of this origin.

    Args:
        text: The signed text (without signatures), as the note's verifier returned it.

    Raises:
        ValueError: If it isn't a checkpoint of this log, to the letter.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[0] != origin:
        raise ValueError("not a checkpoint of this log")
    try:
        size, root = int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (ValueError, binascii.Error) as error:
        raise ValueError("not a checkpoint") from error
    if len(root) != 32 or checkpoint_text(origin, size, root) != text:
        raise ValueError("not a checkpoint in its only form")
    return size, root


def tlog_proof(n: int, proof: Sequence[bytes], note: str) -> str:
    """Write a self-contained proof that entry ``n`` is under the checkpoint (C2SP tlog-proof)."""
    hashes = "".join(base64.b64encode(item).decode() + "\n" for item in proof)
    return f"{PROOF_HEADER}\nindex {n}\n{hashes}\n{note}"
