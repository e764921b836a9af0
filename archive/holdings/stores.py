"""Stores: the parts that every verb of the holdings works on, and their shared questions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from archive.catalogue.premis import JournalEvent, journal_event
from archive.database.engine import Database
from archive.journal.sequencer import Ledger
from archive.objects import fixity, ocfl
from archive.objects.layout import RecordFolder
from archive.objects.port import ObjectStore
from signing.ground.clock import Clock

_MANY: Final = 100_000


@dataclass(frozen=True)
class Stores:
    """The places where an installation keeps its records, with its clock and its horizon.

    Attributes:
        database: Catalogue and journal.
        ledger: The journal's sequencer.
        store: Objects with the bytes of the records.
        horizon: How many days ahead locks reach; 0 = the whole retention at once.
        certain: Gives the moment by which locks are judged; ``clock`` where it is None.
        vkey: Verifier key of the journal; None: no published journal can be believed.
    """

    database: Database
    ledger: Ledger
    store: ObjectStore
    clock: Clock
    horizon: int
    vkey: str | None = None
    certain: Clock | None = None

    @property
    def certain_now(self) -> datetime:
        """The moment by which locks are judged."""
        return (self.certain or self.clock)()

    @property
    def today(self) -> date:
        """The day from which locks are counted: a certain one, since a lock can't be taken back."""
        return self.certain_now.date()


def events_of(stores: Stores, session: Session, record_id: str, deposit_id: str) -> list[JournalEvent]:
    """Return the entries about a record and its deposit, in order."""
    entries = [
        entry
        for subject in (f"deposit:{deposit_id}", f"record:{record_id}")
        for entry in stores.ledger.entries(session, subject=subject, limit=_MANY)
    ]
    return [journal_event(e.n, e.body) for e in sorted(entries, key=lambda e: e.n)]


def metadata_of(stores: Stores, folder: RecordFolder, inventory: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Read ``record.json`` or ``premis.json`` of the version that an inventory describes."""
    content = ocfl.contents_of(inventory)[name]
    key = folder.key(content.path)
    item = stores.store.stat(key)
    chunks = fixity.verified(stores.store, key, item.version, sha256=content.sha256, size=item.size)
    read: dict[str, Any] = json.loads(b"".join(chunks))
    return read
