"""What every verb of the holdings works on, and the questions that several of them ask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
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
    """Where the records of an installation are, and what day it is.

    Attributes:
        database: Catalogue and journal.
        ledger: The journal's sequencer.
        store: Where the bytes are.
        horizon: How many days ahead locks reach; 0 = the whole retention at once.
    """

    database: Database
    ledger: Ledger
    store: ObjectStore
    clock: Clock
    horizon: int

    @property
    def today(self) -> date:
        """The day that locks are counted from."""
        return self.clock().date()


def events_of(stores: Stores, session: Session, record_id: str, deposit_id: str) -> list[JournalEvent]:
    """Entries about a record and its deposit, in order."""
    entries = [
        entry
        for subject in (f"deposit:{deposit_id}", f"record:{record_id}")
        for entry in stores.ledger.entries(session, subject=subject, limit=_MANY)
    ]
    return [journal_event(e.n, e.body) for e in sorted(entries, key=lambda e: e.n)]


def metadata_of(stores: Stores, folder: RecordFolder, inventory: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Read ``record.json`` or ``premis.json`` of the version that an inventory is of."""
    content = ocfl.contents_of(inventory)[name]
    key = folder.key(content.path)
    item = stores.store.stat(key)
    chunks = fixity.verified(stores.store, key, item.version, sha256=content.sha256, size=item.size)
    read: dict[str, Any] = json.loads(b"".join(chunks))
    return read
