"""Set again the locks and holds that a store lost, from what the journal proves.

A copy of a folder made without file times or modes has every byte and no lock. The bytes are
checked first, so that no lock is set on what is not the record's. How long a lock must run comes
from the entries about the record and from its proven ``record.json``, never from the catalogue
alone; a hold is set if the journal states one that it does not state as ended.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.catalogue.rows import Placed
from archive.database.tables import JournalEntryRow, RecordRow
from archive.disposition.holds.settling import guard
from archive.disposition.locks import retention_of
from archive.holdings.guards import lacks_lock
from archive.holdings.revisions import turn_of
from archive.holdings.stores import Stores
from archive.holdings.verify import look
from archive.journal.effects import RebuildEffect
from archive.journal.types import CHANGES, EntryType, rebuilding
from archive.model.states import RecordState
from archive.objects.fixity import Fixity
from archive.objects.port import StoredObject, lock_missing
from archive.retention.rules import retain_until


@dataclass(frozen=True)
class _Proven:
    """What the journal proves about the guard of a record."""

    until: date
    held: bool


@dataclass
class _Restored:
    """Guards set again, by key and version."""

    states: dict[tuple[str, str], StoredObject]
    locks: int = 0
    holds: int = 0


def restore_guards(stores: Stores, tenant: str, record_id: str) -> bool:
    """Set again the missing locks and holds of one record; return whether any was missing.

    Raises:
        Refused: ``record_not_found``.
        Corrupt: ``lock_missing``, ``hold_missing``: the store does not accept them.
        Unavailable: The store or the database did not answer, or a hold of this record is being set
            or lifted; call again.
    """
    with turn_of(stores, record_id):
        return _restored(stores, tenant, record_id)


def _restored(stores: Stores, tenant: str, record_id: str) -> bool:
    with stores.database.read() as session:
        row = catalogue.get(session, tenant, record_id)
        objects = catalogue.placed(session, record_id)
        proven = _proven(session, stores, row)
    if RecordState(row.state).gone or look(stores, tenant, record_id).verdict is not Fixity.INTACT:
        return False
    done = _set_again(stores, objects, proven)
    if not done.states:
        return False
    with stores.database.write() as session:
        session.get_one(RecordRow, record_id, with_for_update=True)
        for one in catalogue.rows(session, record_id):
            state = done.states.get((one.key, one.version))
            if state is not None:
                one.locked_until = state.locked_until
        stores.ledger.append(
            session,
            type=EntryType.GUARDS_RESTORED,
            tenant=tenant,
            subject=f"record:{record_id}",
            agent=None,
            facts={"locks": done.locks, "holds": done.holds, "retain_until": proven.until.isoformat()},
        )
    return True


def _set_again(stores: Stores, objects: Sequence[Placed], proven: _Proven) -> _Restored:
    done = _Restored({})
    for item in objects:
        state = stores.store.stat(item.key, item.version)
        loose = lacks_lock(item, state, stores.today)
        free = proven.held and not state.legal_hold
        if loose:
            state = stores.store.extend_lock(item.key, item.version, proven.until)
            if state.locked_until is None or state.locked_until < proven.until:
                raise lock_missing(item.key, proven.until)
        if free:
            state = guard(stores.store, item.key, item.version, on=True)
        if loose or free:
            done.states[item.key, item.version] = state
            done.locks, done.holds = done.locks + loose, done.holds + free
    return done


def _proven(session: Session, stores: Stores, row: RecordRow) -> _Proven:
    query = select(JournalEntryRow).where(JournalEntryRow.subject == f"record:{row.id}")
    entries = list(session.scalars(query.order_by(JournalEntryRow.n)))
    stated = [_facts(one).get("retain_until") for one in entries if one.type in CHANGES]
    # The row is compared with the proven record.json before anything is set (``look``).
    asked = retain_until(retention_of(row), stores.today, stores.horizon)
    until = max([asked, *(date.fromisoformat(one) for one in stated if one)])
    placed = {_facts(one)["hold"] for one in entries if one.type in rebuilding(RebuildEffect.HOLD)}
    ended = {_facts(one)["hold"] for one in entries if one.type in rebuilding(RebuildEffect.RELEASE)}
    return _Proven(until, bool(placed - ended))


def _facts(entry: JournalEntryRow) -> Mapping[str, Any]:
    facts: Mapping[str, Any] = json.loads(entry.body)["facts"]
    return facts
