"""Publishes the journal as a C2SP tiled log: bundles, then tiles, then the signed checkpoint.

Each step writes what the next relies on, so a crash at any boundary leaves a log that was complete
before, and files that the retry writes again with the same bytes. Nothing is signed before every new
leaf was hashed again from the stored bytes, and the new head shown consistent with the last one stored.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.leases import locked_lease
from archive.database.tables import CheckpointRow, JournalEntryRow, LeaseRow
from archive.database.tenancy import EVERYTHING, acting_for
from archive.journal.merkle import (
    EMPTY_ROOT,
    TILE,
    bundle_path,
    checkpoint_text,
    grown,
    leaf_hash,
    new_tiles,
    node_hash,
    pack_bundle,
    parse_checkpoint,
    unpack_bundle,
    verify_consistency,
)
from archive.journal.sequencer import Ledger, size
from archive.journal.tiles import JOURNAL, StoredTree, journal_damaged
from archive.model.identifiers import new_id
from archive.objects.port import ObjectStore, StoredObject, found, read_all
from archive.retention.dates import farthest_lock
from signing.ground.canonical import canonical, parse_canonical
from signing.ground.clock import Clock, stamp
from signing.ground.errors import Corrupt, Refused, Unavailable
from signing.note import LogKey, verify_note
from signing.port import Signer, Timestamper
from signing.seal import detached, sealed_with

LEASE: Final = "publisher"
_LEASE_TIME: Final = timedelta(minutes=5)
_WAIT: Final = 15.0
PARTIAL_DAYS: Final = 7
"""Lock of partial tiles and bundles: the full ones replace them."""
TOKEN_EVERY: Final = timedelta(hours=24)
TOKEN_ENTRIES: Final = 10_000
PRODUCT: Final = "chartrier"
FIRST_VOUCHER: Final = f"{JOURNAL}/log-key.p7s"


@dataclass(frozen=True)
class Checkpoint:
    """A published tree head.

    Attributes:
        number: 1, 2, 3 … in order of publication.
        size: Entries under it.
        root: Hex.
        note: C2SP signed note, as stored.
        token: RFC 3161 token over the SHA-256 of the note, if it got one.
    """

    number: int
    size: int
    root: str
    note: str
    token: bytes | None
    published_at: datetime


class Publisher:
    """Seals the journal; one at a time, whoever holds the lease.

    Args:
        horizon_days: Lock of what is published for good; 0 = for as long as a store can.
        pause: Sleeps while another publisher is at work.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        log_key: LogKey,
        signer: Signer,
        timestamper: Timestamper,
        clock: Clock,
        *,
        horizon_days: int,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._store = store
        self._log_key = log_key
        self._signer = signer
        self._timestamper = timestamper
        self._clock = clock
        self._horizon_days = horizon_days
        self._pause = pause

    # -- beginning

    def open_log(self) -> None:
        """Write ``layout.json``, the voucher of the log key and entry 0, unless they are there.

        Raises:
            Refused: ``log_key_changed``, the store or the database holds the journal of another key or origin;
                ``database_lost``, the database is empty and the store is not.
        """
        log = {"origin": self._log_key.origin, "vkey": self._log_key.vkey}
        with self._database.read() as session:
            first = session.get(JournalEntryRow, 0)
        if first is not None and parse_canonical(first.body)["facts"]["vkey"] != self._log_key.vkey:
            raise Refused(
                "log_key_changed",
                "La base contient le journal d’une autre installation ou d’une autre clé.",
                action="Rétablissez le dossier des clés d’origine, ou choisissez une base vide.",
            )
        stored = found(self._store, "layout.json")
        if stored is None:
            stored = self._first_layout(log)
        layout = parse_canonical(stored)
        if layout["log"] != log:
            raise Refused(
                "log_key_changed",
                "Le magasin contient le journal d’une autre installation ou d’une autre clé.",
                action="Rétablissez le dossier des clés d’origine, ou choisissez un magasin vide.",
            )
        self._require_journal()
        self._vouch()
        with self._database.write() as session:
            Ledger(self._database, self._clock).open_log(
                session, vkey=self._log_key.vkey, certificate=self._signer.certificate
            )

    def _first_layout(self, log: dict[str, str]) -> bytes:
        """Write ``layout.json``; what another machine wrote in the same moment counts, not what we wanted to."""
        content = canonical({"v": 1, "product": PRODUCT, "created": stamp(self._clock()), "log": log})
        try:
            self._put("layout.json", content, days=self._horizon_days)
        except Refused as error:
            if error.code != "object_exists":
                raise
        return read_all(self._store, "layout.json")

    def _require_journal(self) -> None:
        """Refuse to begin a second journal over the one that is published."""
        with self._database.read() as session:
            if size(session):
                return
        if found(self._store, f"{JOURNAL}/checkpoint") is not None:
            raise Refused(
                "database_lost",
                "La base de données est vide, mais le magasin contient un journal et des documents.",
                kept="Rien n’a été écrit.",
                action="Rétablissez la base d’origine, ou refaites-la depuis le magasin : « chartrier rebuild all ».",
            )

    def _vouch(self) -> None:
        """Have the present seal vouch for the log key, beside what an earlier seal said of it."""
        line = vkey_line(self._log_key.vkey)
        beside = voucher_of(self._signer.certificate)
        first = found(self._store, FIRST_VOUCHER)
        if first is None:
            key = FIRST_VOUCHER
        elif sealed_with(first, line) != self._signer.certificate and found(self._store, beside) is None:
            key = beside
        else:
            return
        self._put(key, detached(self._signer, line, self._timestamper, at=self._clock()), days=self._horizon_days)

    # -- publishing

    def publish(self, *, force_token: bool = False) -> Checkpoint | None:
        """Publish what was sequenced since the last checkpoint.

        Args:
            force_token: Have the latest checkpoint time-stamped even if none is due; waits for another
                publisher instead of leaving the work to it.

        Returns:
            The latest checkpoint; None while the journal is empty.

        Raises:
            Corrupt: The stored journal is damaged, rolled back or forked: nothing was signed.
            Unavailable: The store or, with ``force_token``, the authority did not answer.
        """
        waited = 0.0
        while True:
            # the journal is one for all tenants, also when it is one of them who waits for its sealing
            with acting_for(EVERYTHING), self._lease() as fence:
                if fence is not None:
                    return self._publish(fence, force_token=force_token)
            if not force_token:
                return self.latest()
            if waited >= _WAIT:
                raise Unavailable("publisher_busy", "Le journal est déjà en cours de scellement.", action="Réessayez.")
            self._pause(0.2)
            waited += 0.2

    def latest(self, *, with_token: bool = False) -> Checkpoint | None:
        """The latest checkpoint, or the latest that has a token."""
        with self._database.read() as session:
            row = _latest(session, with_token=with_token)
            return _checkpoint(row) if row is not None else None

    def _publish(self, fence: int, *, force_token: bool) -> Checkpoint | None:
        old_size, old_root, old_note = self._stored_head()
        with self._database.read() as session:
            new_size = size(session)
            row = _latest(session)
        if row is not None and (row.size > old_size or (row.size == old_size and row.note != old_note)):
            raise _forked("journal_rolled_back", old_size)
        if new_size < old_size:
            raise _forked("journal_shorter", new_size)
        if old_size and (row is None or row.size < old_size):
            row = self._record(old_size, old_root, old_note, self._stored_token(old_size, old_note))
        if new_size == old_size:
            if row is not None and row.token is None and force_token:
                row = self._stamp_later(row)
            return _checkpoint(row) if row is not None else None

        tree = StoredTree(self._store, new_size)
        self._write_tiles(tree, old_size, new_size, self._write_bundles(old_size, new_size))
        root = tree.root()
        if not verify_consistency(old_size, new_size, old_root, root, tree.consistency(old_size)):
            raise _forked("journal_forked", old_size)
        note = self._log_key.sign_note(checkpoint_text(self._log_key.origin, new_size, root))
        token = self._token(new_size, note, force=force_token)
        self._still_mine(fence)
        if token is not None:
            self._keep_token(new_size, note, token)
        self._put(f"{JOURNAL}/checkpoint", note.encode(), replace=True)
        return _checkpoint(self._record(new_size, root, note, token))

    def _write_bundles(self, old: int, new: int) -> dict[int, list[bytes]]:
        """Write the bundles that grew; leaf hashes as computed from what the store gives back."""
        leaves: dict[int, list[bytes]] = {}
        for index, width in grown(old, new):
            first = index * TILE
            with self._database.read() as session:
                rows = session.execute(
                    select(JournalEntryRow.n, JournalEntryRow.body, JournalEntryRow.leaf_hash)
                    .where(JournalEntryRow.n >= first, JournalEntryRow.n < first + width)
                    .order_by(JournalEntryRow.n)
                ).all()
            path = bundle_path(index, width)
            if [row.n for row in rows] != list(range(first, first + width)):
                raise journal_damaged(path)
            written = self._put(f"{JOURNAL}/{path}", pack_bundle([row.body for row in rows]), days=self._days(width))
            try:
                again = unpack_bundle(read_all(self._store, written.key, written.version))
            except ValueError as error:
                raise journal_damaged(path) from error
            leaves[index] = [leaf_hash(body) for body in again]
            if [leaf.hex() for leaf in leaves[index]] != [row.leaf_hash for row in rows]:
                raise journal_damaged(path)
        return leaves

    def _write_tiles(self, tree: StoredTree, old: int, new: int, leaves: dict[int, list[bytes]]) -> None:
        for tile in new_tiles(old, new):
            if tile.level == 0:
                hashes = b"".join(leaves[tile.index])
            else:
                first = tile.index * TILE
                below = 8 * tile.level - 1  # the tiles of the level below are there already
                hashes = b"".join(
                    node_hash(tree.node(below, 2 * index), tree.node(below, 2 * index + 1))
                    for index in range(first, first + tile.width)
                )
            written = self._put(f"{JOURNAL}/{tile.path}", hashes, days=self._days(tile.width))
            again = read_all(self._store, written.key, written.version)
            if again != hashes:
                raise journal_damaged(tile.path)
            tree.add(tile, again)

    # -- the head in the store

    def _stored_head(self) -> tuple[int, bytes, str]:
        stored = found(self._store, f"{JOURNAL}/checkpoint")
        if stored is None:
            return 0, EMPTY_ROOT, ""
        try:
            note = stored.decode()
            size_, root = parse_checkpoint(verify_note(note, self._log_key.vkey), self._log_key.origin)
        except ValueError as error:
            raise journal_damaged("checkpoint") from error
        return size_, root, note

    def _token(self, size_: int, note: str, *, force: bool) -> bytes | None:
        """A token over the note if one is asked for or due.

        A daily token that fails is asked for again at the next publication: the checkpoint itself
        must not wait for an authority.
        """
        before = self._stored_token(size_, note)
        if before is not None:
            return before
        if not force and not self._token_due(size_):
            return None
        try:
            return self._timestamper.token(hashlib.sha256(note.encode()).digest())
        except Unavailable:
            if force:
                raise
            return None

    def _token_due(self, size_: int) -> bool:
        with self._database.read() as session:
            last = _latest(session, with_token=True)
        return last is None or self._clock() - last.published_at >= TOKEN_EVERY or size_ - last.size >= TOKEN_ENTRIES

    def _stored_token(self, size_: int, note: str) -> bytes | None:
        """The token of an attempt that died before its checkpoint, if it was over this very note."""
        stamped = found(self._store, f"{JOURNAL}/checkpoints/{size_}")
        if stamped is not None and stamped != note.encode():
            raise _forked("journal_forked", size_)
        return found(self._store, f"{JOURNAL}/checkpoints/{size_}.tsr") if stamped is not None else None

    def _keep_token(self, size_: int, note: str, token: bytes) -> None:
        self._put(f"{JOURNAL}/checkpoints/{size_}", note.encode(), days=self._horizon_days)
        self._put(f"{JOURNAL}/checkpoints/{size_}.tsr", token, days=self._horizon_days)

    def _stamp_later(self, row: CheckpointRow) -> CheckpointRow:
        token = self._token(row.size, row.note, force=True)
        if token is None:
            return row
        self._keep_token(row.size, row.note, token)
        with self._database.write() as session:
            kept = session.get_one(CheckpointRow, row.number)
            kept.token = token
        return kept

    def _record(self, size_: int, root: bytes, note: str, token: bytes | None) -> CheckpointRow:
        row = CheckpointRow(size=size_, root=root.hex(), note=note, token=token, published_at=self._clock())
        with self._database.write() as session:
            session.add(row)
            session.flush()
        return row

    # -- small steps

    def _put(self, key: str, content: bytes, *, days: int | None = None, replace: bool = False) -> StoredObject:
        until = None
        if days is not None:
            until = farthest_lock(self._clock().date(), days)
        return self._store.put(
            key, content, sha256=hashlib.sha256(content).hexdigest(), retain_until=until, replace=replace
        )

    def _days(self, width: int) -> int:
        return self._horizon_days if width == TILE else PARTIAL_DAYS

    @contextmanager
    def _lease(self) -> Iterator[int | None]:
        """The fence of the lease; None while somebody else holds it."""
        holder = new_id()
        with self._database.write() as session:
            now = self._clock()
            row = locked_lease(session, LEASE, now)
            fence = row.fence + 1 if row.until <= now else None
            if fence is not None:
                row.holder, row.until, row.fence = holder, now + _LEASE_TIME, fence
        try:
            yield fence
        finally:
            if fence is not None:
                with self._database.write() as session:
                    held = session.get(LeaseRow, LEASE)
                    if held is not None and held.fence == fence:
                        held.until = self._clock()

    def _still_mine(self, fence: int) -> None:
        """Lengthen the lease before signing.

        Raises:
            Unavailable: ``publisher_busy``, it was taken over meanwhile.
        """
        with self._database.write() as session:
            row = session.get_one(LeaseRow, LEASE, with_for_update=True)
            if row.fence != fence:
                raise Unavailable("publisher_busy", "Le journal est déjà en cours de scellement.", action="Réessayez.")
            row.until = self._clock() + _LEASE_TIME


def is_kept_for_ever(key: str) -> bool:
    """Whether an object outside the tenants is locked for as long as a store can: not heads, nor partial tiles."""
    return (
        key == "layout.json"
        or key.startswith("register/")
        or (key.startswith(f"{JOURNAL}/") and key != f"{JOURNAL}/checkpoint" and ".p/" not in key)
    )


def vkey_line(vkey: str) -> bytes:
    """What ``journal/log-key.p7s`` is a signature over: the verifier key and a line break."""
    return vkey.encode() + b"\n"


def voucher_of(certificate: bytes) -> str:
    """Key of the voucher that a later seal certificate (DER) gave, beside the first."""
    return f"{JOURNAL}/log-key-{hashlib.sha256(certificate).hexdigest()}.p7s"


def voucher(store: ObjectStore, certificate: bytes) -> bytes:
    """What the seal of a certificate says of the log key; the first voucher if that seal gave no other."""
    later = found(store, voucher_of(certificate))
    return later if later is not None else read_all(store, FIRST_VOUCHER)


def _latest(session: Session, *, with_token: bool = False) -> CheckpointRow | None:
    query = select(CheckpointRow).order_by(CheckpointRow.number.desc()).limit(1)
    return session.scalar(query.where(CheckpointRow.token.is_not(None)) if with_token else query)


def _checkpoint(row: CheckpointRow) -> Checkpoint:
    return Checkpoint(row.number, row.size, row.root, row.note, row.token, row.published_at)


def _forked(code: str, size_: int) -> Corrupt:
    return Corrupt(
        code,
        "Le journal ne prolonge plus ce qui avait été publié (à {size} entrées) : rien n’a été signé.",
        action="Ne supprimez rien. Comparez la base et le magasin avec leurs copies ; gardez les deux états.",
        size=size_,
    )
