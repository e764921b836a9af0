"""Confront the journal of today with a checkpoint that it signed earlier.

Whoever holds the keys of the service can rewrite the whole journal; whoever holds an older bundle
or receipt can show it. Only what our own key signed counts: anybody may send anything. A
contradiction is remembered as an alarm and entered in the journal, once.
"""

from __future__ import annotations

from dataclasses import dataclass

from archive.database.alarms import HISTORY, alarmed, settle
from archive.database.engine import Database
from archive.database.tables import AlarmRow
from archive.journal.effects import Subject
from archive.journal.merkle import parse_checkpoint, root_hash
from archive.journal.published import PublishedLog
from archive.journal.receipts import contradicts
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.objects.port import ObjectStore
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt
from signing.note import verify_note


@dataclass(frozen=True)
class Confronted:
    """An earlier checkpoint beside the journal of today.

    Attributes:
        size: Entries under the earlier checkpoint.
        now: Entries published today.
        agrees: Whether the journal of today extends it.
    """

    size: int
    now: int
    agrees: bool


class History:
    """History of one journal, as others hold it."""

    def __init__(self, database: Database, ledger: Ledger, store: ObjectStore, vkey: str, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._vkey = vkey
        self._clock = clock

    def confront(self, note: str) -> Confronted | None:
        """Compare a checkpoint's note with the published journal; None if our key did not sign it.

        Raises:
            Corrupt: ``journal_damaged``: the published journal can't be compared with anything.
        """
        try:
            size, root = parse_checkpoint(verify_note(note, self._vkey), self._vkey.partition("+")[0])
        except ValueError:
            return None
        log = PublishedLog(self._store, self._vkey)
        ours = root_hash(size, log.tree.node) if size <= log.head.size else None
        subject = f"{HISTORY}{size}:{root.hex()[:16]}"
        if ours == root:
            settle(self._database, self._clock, subject)
        else:
            self._shout(subject, size, root, ours)
        return Confronted(size, log.head.size, ours == root)

    def _shout(self, subject: str, size: int, shown: bytes, ours: bytes | None) -> None:
        """Raise the alarm, and enter it in the journal when it is new."""
        with self._database.read() as session:
            told = session.query(AlarmRow).filter_by(subject=subject).first() is not None
        try:
            with alarmed(self._database, self._clock, subject):
                raise contradicts(subject, ["root"])
        except Corrupt:
            if told:
                return
        with self._database.write() as session:
            self._ledger.append(
                session,
                type=EntryType.HISTORY_CONTRADICTED,
                tenant=None,
                subject=Subject.LOG,
                agent=None,
                facts={"size": size, "shown": shown.hex(), "published": ours.hex() if ours is not None else None},
            )
