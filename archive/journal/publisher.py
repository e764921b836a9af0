"""Publish the journal as a C2SP tiled log: bundles, then tiles, then the checkpoint.

Each step writes files on which the next relies (``log_files``, in the order of
``Publisher._publish``), so a crash at any boundary leaves a log that was complete before, and files
that the retry writes again with the same bytes. Nothing is signed before every new leaf was hashed
again from the stored bytes, and the new head shown consistent with the last one stored.
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

from archive.database.alarms import alarmed
from archive.database.engine import Database
from archive.database.leases import locked_lease, runs
from archive.database.tables import CheckpointRow, LeaseRow
from archive.database.tenancy import EVERYTHING, acting_for
from archive.journal.effects import Subject
from archive.journal.log_files import LogFiles, forked
from archive.journal.merkle import checkpoint_text, verify_consistency
from archive.journal.opening import Opening
from archive.journal.promises import Promises
from archive.journal.published import stored_head
from archive.journal.sequencer import size
from archive.journal.tiles import StoredTree
from archive.model.identifiers import new_id
from archive.objects.port import ObjectStore
from signing.ground.clock import Clock, has_passed
from signing.ground.errors import Unavailable
from signing.note import LogKey
from signing.port import Signer, Timestamper

LEASE: Final = "publisher"
_LEASE_TIME: Final = timedelta(minutes=5)
_WAIT: Final = 15.0
TOKEN_EVERY: Final = timedelta(hours=24)
TOKEN_ENTRIES: Final = 10_000


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
    """Publish and sign the journal, under a lease: one publisher at a time.

    Args:
        horizon_days: Lock of files published for good; 0 = for as long as a store can.
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
        self._files = LogFiles(database, store, clock, horizon_days)
        self._log_key = log_key
        self._signer = signer
        self._timestamper = timestamper
        self._clock = clock
        self._pause = pause

    # -- beginning

    def open_log(self) -> None:
        """Write ``layout.json``, the voucher of the log key and entry 0, unless they are there.

        Raises:
            Refused: ``log_key_changed``: the store or the database holds the journal of another key
                or origin; ``database_lost``: the database is empty and the store is not.
        """
        Opening(self._database, self._files, self._log_key, self._signer, self._timestamper, self._clock).open()

    # -- publishing

    def publish(self, *, force_token: bool = False) -> Checkpoint | None:
        """Publish the entries sequenced since the last checkpoint.

        Args:
            force_token: Have the latest checkpoint time-stamped even if no token is due; wait for
                another publisher instead of leaving the work to it.

        Returns:
            The latest checkpoint; None while the journal is empty.

        Raises:
            Corrupt: The stored journal is damaged, rolled back or forked, or new entries are not
                those that receipts promised: nothing was signed.
            Unavailable: The store or, with ``force_token``, the authority did not answer.
        """
        waited = 0.0
        while True:
            # All tenants share one journal, so all entries are published even when one tenant waits
            # for its sealing.
            with acting_for(EVERYTHING), self._lease() as fence:
                if fence is not None:
                    with alarmed(self._database, self._clock, Subject.LOG):
                        return self._publish(fence, force_token=force_token)
            if not force_token:
                return self.latest()
            if waited >= _WAIT:
                raise Unavailable("publisher_busy", "Le journal est déjà en cours de scellement.", action="Réessayez.")
            self._pause(0.2)
            waited += 0.2

    def latest(self, *, with_token: bool = False) -> Checkpoint | None:
        """Return the latest checkpoint, or the latest that has a token; None if there is none."""
        with self._database.read() as session:
            row = _latest(session, with_token=with_token)
            return _checkpoint(row) if row is not None else None

    def _publish(self, fence: int, *, force_token: bool) -> Checkpoint | None:
        old = stored_head(self._store, self._log_key.vkey)
        old_size, old_root, old_note = old.size, old.root, old.note
        with self._database.read() as session:
            new_size = size(session)
            row = _latest(session)
        if row is not None and (row.size > old_size or (row.size == old_size and row.note != old_note)):
            raise forked("journal_rolled_back", old_size)
        if new_size < old_size:
            raise forked("journal_shorter", new_size)
        if old_size and (row is None or row.size < old_size):
            row = self._record(old_size, old_root, old_note, self._files.stored_token(old_size, old_note))
        if new_size == old_size:
            if row is not None and row.token is None and force_token:
                row = self._stamp_later(row)
            return _checkpoint(row) if row is not None else None

        tree = StoredTree(self._store, new_size)
        leaves = self._files.write_bundles(old_size, new_size)
        self._files.write_tiles(tree, old_size, new_size, leaves)
        promises = Promises(self._store)
        promises.check(new_size, lambda n: tree.node(0, n))
        root = tree.root()
        if not verify_consistency(old_size, new_size, old_root, root, tree.consistency(old_size)):
            raise forked("journal_forked", old_size)
        note = self._log_key.sign_note(checkpoint_text(self._log_key.origin, new_size, root))
        token = self._token(new_size, note, force=force_token)
        self._still_mine(fence)
        if token is not None:
            self._files.write_token(new_size, note, token)
        self._files.write_checkpoint(note)
        promises.fulfil(new_size)
        return _checkpoint(self._record(new_size, root, note, token))

    def _token(self, size_: int, note: str, *, force: bool) -> bytes | None:
        """Return a token over the note if one is forced or due, else None.

        After a failure, a daily token is requested again at the next publication: the checkpoint
        itself must not wait for an authority.
        """
        before = self._files.stored_token(size_, note)
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
        if last is None or size_ - last.size >= TOKEN_ENTRIES:
            return True
        return has_passed(TOKEN_EVERY, last.published_at, self._clock())

    def _stamp_later(self, row: CheckpointRow) -> CheckpointRow:
        token = self._token(row.size, row.note, force=True)
        if token is None:
            return row
        self._files.write_token(row.size, row.note, token)
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

    @contextmanager
    def _lease(self) -> Iterator[int | None]:
        """Acquire the lease and yield its fence; None while another publisher holds it."""
        holder = new_id()
        with self._database.write() as session:
            now = self._clock()
            row = locked_lease(session, LEASE, now)
            fence = row.fence + 1 if not runs(row.until, now, _LEASE_TIME) else None
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
        """Extend the lease before signing.

        Raises:
            Unavailable: ``publisher_busy``: another publisher holds the lease now.
        """
        with self._database.write() as session:
            row = session.get_one(LeaseRow, LEASE, with_for_update=True)
            if row.fence != fence:
                raise Unavailable("publisher_busy", "Le journal est déjà en cours de scellement.", action="Réessayez.")
            row.until = self._clock() + _LEASE_TIME


def _latest(session: Session, *, with_token: bool = False) -> CheckpointRow | None:
    query = select(CheckpointRow).order_by(CheckpointRow.number.desc()).limit(1)
    return session.scalar(query.where(CheckpointRow.token.is_not(None)) if with_token else query)


def _checkpoint(row: CheckpointRow) -> Checkpoint:
    return Checkpoint(row.number, row.size, row.root, row.note, row.token, row.published_at)
