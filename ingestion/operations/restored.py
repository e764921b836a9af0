"""What a restored database or store brings back of records that are gone, found and put away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from archive.custody.findings import Findings, Kind
from archive.custody.rebuild.newest import Decision, decisions_beyond
from archive.custody.reconcile.store import DISPOSED
from archive.custody.replica.remains import remains_in
from archive.database.tables import RecordRow
from archive.holdings.gone import forget
from archive.holdings.remains import Remains
from archive.model.states import RecordState
from ingestion.deposits.leave import leave_deposit
from signing.ground.errors import Unavailable

if TYPE_CHECKING:
    from ingestion.assembly import System

log = structlog.get_logger(__name__)


def newest_decisions(system: System) -> Mapping[str, Decision]:
    """Return the destructions that a newer journal tells than the database's, by record.

    Raises:
        Unavailable: The store or the database did not answer; of a second store that is away,
            nothing is told.
    """
    vkey = system.stores.vkey
    found = decisions_beyond(system.database, [system.store], vkey)
    if system.copy_store is not None:
        try:
            found |= decisions_beyond(system.database, [system.copy_store], vkey)
        except Unavailable as error:
            log.warning("copy_journal_not_read", code=error.code)
    return found


def bury(system: System, findings: Findings, *, repair: bool) -> None:
    """Find the records that a restored database shows although they are gone.

    Args:
        repair: Whether to leave of them what their entries tell, and no word more; index and
            files of the database are made anew then, by the next look of the duty of disposals.
    """
    owed = set[str]()
    for decision in newest_decisions(system).values():
        with system.database.read() as session:
            row = session.get(RecordRow, decision.record)
            tenant = None if row is None or RecordState(row.state).destroyed else row.tenant_id
        if tenant is None:
            continue
        if repair:
            if tenant not in owed:  # before a row is emptied: who dies here owes it
                system.forgetting.owe(tenant)
                owed.add(tenant)
            with system.database.write() as session:
                row = session.get_one(RecordRow, decision.record, with_for_update=True)
                forget(session, row)
                leave_deposit(system.settings.home, session, row.id, row.deposit_id)
        findings.add(Kind.CHANGED, "database", decision.record, DISPOSED, record=decision.record, done=repair)


def destroy_remains(system: System, tenant: str, record_id: str) -> bool:
    """Destroy again what came back of a record that is gone; whether all of it went."""
    copies = [system.copy_store] if system.copy_store is not None else []
    try:
        return Remains(system.stores, copies, system.time_sense.require_trusted).destroy(tenant, record_id)
    except Unavailable as error:
        log.warning("remains_not_destroyed", record_id=record_id, code=error.code)
        return False


def copy_remains(system: System, findings: Findings) -> None:
    """Find what came back of records that are gone in the second store, and destroy it."""
    if system.copy_store is None:
        return
    for folder in remains_in(system.database, system.copy_store):
        done = destroy_remains(system, folder.tenant, folder.record_id)
        findings.add(Kind.UNTRACKED, "copy", folder.root, DISPOSED, record=folder.record_id, done=done)
