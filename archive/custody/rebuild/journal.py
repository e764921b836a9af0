"""Read the published journal from the store, in order and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from archive.journal.merkle import (
    EMPTY_ROOT,
    TILE,
    Tile,
    bundle_key,
    leaf_hash,
    node_hash,
    parse_checkpoint,
    unpack_bundle,
)
from archive.journal.tiles import StoredTree, journal_damaged
from archive.objects.layout import CHECKPOINT, CHECKPOINTS, LAYOUT_JSON, TILES, StampedKey, journal_key
from archive.objects.port import Listed, ObjectStore, found, read_all
from signing.ground.canonical import parse_canonical
from signing.ground.errors import Refused
from signing.note import verify_note

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Head:
    """The latest checkpoint, its signature checked with the key that ``layout.json`` names."""

    size: int
    root: bytes
    note: str
    origin: str
    vkey: str
    at: datetime


@dataclass(frozen=True)
class Stamped:
    """An earlier checkpoint that was time-stamped."""

    size: int
    root: bytes
    note: str
    token: bytes | None
    at: datetime


class Roots:
    """Compute the tree head over leaves added one by one; keeps one hash a level."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        """Add the next leaf hash."""
        level, node = 0, leaf
        while self._peaks and self._peaks[-1][0] == level:
            node = node_hash(self._peaks.pop()[1], node)
            level += 1
        self._peaks.append((level, node))
        self.size += 1

    def root(self) -> bytes:
        """Return the tree head over all leaves added so far."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1][1]
        for _, node in reversed(self._peaks[:-1]):
            root = node_hash(node, root)
        return root


def read_head(store: ObjectStore) -> Head | None:
    """Read the latest checkpoint; None for a store whose journal was never published.

    Raises:
        Refused: ``store_empty``: there is no ``layout.json``.
        Corrupt: ``journal_damaged``.
    """
    stored = found(store, LAYOUT_JSON)
    if stored is None:
        raise Refused(
            "store_empty",
            "Ce magasin ne contient pas d’archives : « layout.json » n’y est pas.",
            action="Vérifiez les réglages du magasin.",
        )
    try:
        log = parse_canonical(stored)["log"]
        note = found(store, CHECKPOINT)
        if note is None:
            if next(iter(store.list(TILES)), None) is not None:
                raise journal_damaged(CHECKPOINT)
            return None
        size, root = parse_checkpoint(verify_note(note.decode(), log["vkey"]), log["origin"])
    except (ValueError, KeyError) as error:
        raise journal_damaged(CHECKPOINT) from error
    at = store.stat(CHECKPOINT).modified_at
    return Head(size, root, note.decode(), log["origin"], log["vkey"], at)


def stamped(store: ObjectStore, head: Head) -> list[Stamped]:
    """Read time-stamped checkpoints, smallest first: one a day, or one in 10,000 entries.

    Raises:
        Corrupt: ``journal_damaged``: one is not a note of this log, or covers more entries than the
            latest.
    """
    sizes: dict[int, Listed] = {}
    for item in store.list(CHECKPOINTS):
        key = journal_key(item.key)
        if isinstance(key, StampedKey) and not key.token and not item.marker:
            sizes.setdefault(key.size, item)
    result = []
    for size, item in sorted(sizes.items()):
        try:
            note = read_all(store, item.key, item.version).decode()
            said, root = parse_checkpoint(verify_note(note, head.vkey), head.origin)
        except ValueError as error:
            raise journal_damaged(item.key) from error
        if said != size or size > head.size:
            raise journal_damaged(item.key)
        result.append(Stamped(size, root, note, found(store, StampedKey(size, token=True).key), item.modified_at))
    return result


def bundles(store: ObjectStore, size: int, first: int = 0) -> Iterator[tuple[int, list[bytes]]]:
    """Read entries in order, a bundle at a time, with the number of each bundle's first entry.

    Args:
        first: Begin with the bundle that holds this entry.

    Raises:
        Corrupt: ``journal_damaged``.
    """
    for index in range(first // TILE, -(-size // TILE)):
        width = min(TILE, size - index * TILE)
        for wide in dict.fromkeys((width, TILE)):  # the full one may have replaced the partial one
            packed = found(store, bundle_key(index, wide))
            if packed is not None:
                break
        else:
            raise journal_damaged(bundle_key(index, width))
        try:
            bodies = unpack_bundle(packed)
        except ValueError as error:
            raise journal_damaged(bundle_key(index, width)) from error
        if len(bodies) < width:
            raise journal_damaged(bundle_key(index, width))
        yield index * TILE, bodies[:width]


def check(
    store: ObjectStore,
    head: Head,
    earlier: list[Stamped],
    each: Callable[[bytes], None],
    progress: Progress = lambda _done, _total: None,
) -> None:
    """Read the whole journal once: every leaf, every head, the tiles that proofs are made from.

    Args:
        each: Called with every entry, in order.

    Raises:
        Corrupt: ``journal_damaged``, naming the first piece that does not fit.
    """
    roots, due = Roots(), {one.size: one.root for one in earlier} | {head.size: head.root}
    for start, bodies in bundles(store, head.size):
        leaves = [leaf_hash(body) for body in bodies]
        tile = Tile(0, start // TILE, len(bodies))
        if _tile(store, tile) != b"".join(leaves):
            raise journal_damaged(tile.key)
        for body, leaf in zip(bodies, leaves, strict=True):
            each(body)
            roots.add(leaf)
            if roots.size in due and roots.root() != due[roots.size]:
                raise journal_damaged(StampedKey(roots.size).key)
        progress(roots.size, head.size)
    if roots.root() != head.root or StoredTree(store, head.size).root() != head.root:
        raise journal_damaged(CHECKPOINT)


def _tile(store: ObjectStore, tile: Tile) -> bytes | None:
    for candidate in (tile, Tile(tile.level, tile.index)):
        hashes = found(store, candidate.key)
        if hashes is not None:
            return hashes[: 32 * tile.width]
    return None
