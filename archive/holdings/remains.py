"""Destroy again what a restored store brought back of records that are gone.

The decision is not asked for a second time: its two entries are, under a published checkpoint. A
false row of the database destroys nothing. What a lock or a hold of the restored bytes still
guards stays, and is told at each reconciliation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from archive.catalogue import rows as catalogue
from archive.database.tables import CheckpointRow, JournalEntryRow, RecordRow
from archive.holdings.inclusion import Line, Sequenced, check_inclusion
from archive.holdings.present import require_present
from archive.holdings.stores import Stores
from archive.journal.published import SharedLog
from archive.journal.types import EntryType
from archive.model.states import RecordState
from archive.objects.erase import erase
from archive.objects.fixity import Fixity
from archive.objects.layout import record_folder
from archive.objects.port import ObjectStore
from signing.ground.canonical import parse_canonical

_TELLING = (EntryType.DESTRUCTION_DECIDED, EntryType.RECORD_DISPOSED)
AGENT = "service:disposal"


@dataclass(frozen=True)
class Remains:
    """Destroys what is left or came back of records that are gone.

    Attributes:
        copies: Further stores.
        require_trusted: Raises ``clock_distrusted``: nothing irreversible is done then.
    """

    stores: Stores
    copies: Sequence[ObjectStore]
    require_trusted: Callable[[], None]

    def destroy(self, tenant: str, record_id: str) -> bool:
        """Destroy in every store what is there of a record that is gone; whether all of it went.

        Raises:
            Unavailable: ``clock_distrusted``; a store or the database did not answer.
        """
        self.require_trusted()
        told = self._told(tenant, record_id)
        if told is None or not self._is_published(told):
            return False
        require_present(self.stores.database, self.stores.store, self.copies)
        prefix = record_folder(tenant, record_id).prefix
        found = [erase(store, prefix) for store in (*self.copies, self.stores.store)]
        versions = sum(one.versions for one in found)
        if versions:
            with self.stores.database.write() as session:
                self.stores.ledger.append(
                    session,
                    type=EntryType.REMAINS_DESTROYED,
                    tenant=tenant,
                    subject=f"record:{record_id}",
                    agent=AGENT,
                    facts={
                        "disposal": parse_canonical(told.lines[0].body)["facts"]["disposal"],
                        "decided": told.lines[0].n,
                        "versions": versions,
                        "left": sum(len(one.left) for one in found),
                    },
                )
        return all(one.is_gone for one in found)

    def _told(self, tenant: str, record_id: str) -> Sequenced | None:
        """Return the entries that decided and stated its end; None where one of them lacks."""
        entry = JournalEntryRow
        with self.stores.database.read() as session:
            row = session.get(RecordRow, record_id)
            if row is None or (row.tenant_id, row.state) != (tenant, RecordState.DISPOSED):
                return None
            if catalogue.is_held(session, record_id):
                return None
            asked = select(entry).where(entry.subject == f"record:{record_id}", entry.type.in_(_TELLING))
            lines = [
                Line(one.n, one.subject, one.body, one.leaf_hash) for one in session.scalars(asked.order_by(entry.n))
            ]
            published = session.scalar(select(func.max(CheckpointRow.size))) or 0
        types = {parse_canonical(line.body)["type"] for line in lines}
        return Sequenced(tuple(lines), published) if types == set(_TELLING) else None

    def _is_published(self, told: Sequenced) -> bool:
        shared = SharedLog(self.stores.store, self.stores.vkey) if self.stores.vkey is not None else None
        if shared is None:
            return False
        if check_inclusion(self.stores.store, shared, told, self.stores.clock()).verdict is not Fixity.INTACT:
            return False
        head = shared.covering(told.published).head.size
        return all(line.n < head for line in told.lines)
