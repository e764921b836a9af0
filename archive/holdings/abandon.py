"""Abandon a change that was begun and never claimed: the record stays as the journal states it.

The files of such a change are locked and can't be removed. A version that states again what the
version in force states is written over them, and claimed with ``ChangeAbandoned``: a reader who
knows only OCFL then sees the right head. The revision does not change.

The store is written before the transaction, as for a new record. A crash in between leaves one
more version that was begun and never claimed; the next run claims it if it states the right thing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from archive.catalogue import rows as catalogue
from archive.database.tables import RecordRow
from archive.disposition.holds.settling import follow_version, guard
from archive.disposition.locks import retention_of
from archive.holdings.revisions import revision_in_force, turn_of
from archive.holdings.stores import Stores
from archive.journal.types import EntryType
from archive.model.states import RecordState
from archive.objects import ocfl
from archive.objects import ocfl_versions as versions
from archive.objects.begun import Begun, begun, is_sound
from archive.objects.layout import record_folder
from archive.objects.ocfl import RECORD_JSON
from archive.objects.ocfl_versions import Stored, Version
from archive.objects.port import Listed, read_all
from archive.retention.rules import retain_until


def abandon(stores: Stores, tenant: str, record_id: str, *, at_once: bool = False) -> bool:
    """Supersede what was begun and never claimed; return whether there was anything to supersede.

    Args:
        tenant: The tenant that owns the record.
        record_id: The record.
        at_once: Do not wait until no program can claim the change any more.

    Raises:
        Refused: ``record_not_found``.
        Corrupt: The store does not hold what was kept: nothing was written.
        Unavailable: The store or the database did not answer, or a version of this record is being
            written; call again.
    """
    with turn_of(stores, record_id):
        return _abandon(stores, tenant, record_id, at_once=at_once)


def _abandon(stores: Stores, tenant: str, record_id: str, *, at_once: bool) -> bool:
    with stores.database.read() as session:
        row = catalogue.get(session, tenant, record_id)
        locks = [one.locked_until for one in catalogue.rows(session, record_id) if one.locked_until]
        held = catalogue.is_held(session, record_id)
    if RecordState(row.state).gone:
        return False
    listed: dict[str, list[Listed]] = {}
    for item in stores.store.list(record_folder(tenant, record_id).prefix):
        listed.setdefault(item.key, []).append(item)
    left = begun(record_folder(tenant, record_id), row.ocfl_version, listed)
    if not left or (left.may_go_on(stores.clock()) and not at_once):
        return False
    record, in_force = revision_in_force(stores, row)
    key = left.folder.key(ocfl.version_inventory(row.ocfl_version))
    if not is_sound(left, read_all(stores.store, key), listed, lambda item: read_all(stores.store, *_of(item))):
        return False  # not what a crash leaves: a verification reports it
    until = max(locks, default=stores.today)
    if until <= stores.today:
        until = retain_until(retention_of(row), stores.today, stores.horizon)
    made = _superseded(stores, left, in_force, until)
    for version in made:
        if held:
            for name, stored in version.stored.items():
                state = guard(stores.store, name, stored.object.version, on=True)
                version.stored[name] = Stored(state, stored.sha256)
        versions.read_back(stores.store, version, until)
    return _claim(stores, row, record, made, until)


def _superseded(stores: Stores, left: Begun, in_force: Mapping[str, Any], until: date) -> list[Version]:
    """Complete each begun version in turn, and write over them the state that is in force."""
    store, folder = stores.store, left.folder
    made = versions.finish_begun(store, folder, left.number + 1, until=until)
    before = json.loads(made[-1].inventory) if made else in_force
    # content without an inventory is listed as left over
    if any(folder.is_in_version(left.whole + 1, key) for key in left.keys):
        made.append(
            versions.write(store, folder, [], until=until, created=stores.clock(), message="Abandon", before=before)
        )
        before = json.loads(made[-1].inventory)
    if _state(before) != _state(in_force):
        made.append(
            versions.restate(
                store, folder, in_force, until=until, created=stores.clock(), message="Supersede", before=before
            )
        )
    return made


def _claim(stores: Stores, seen: RecordRow, record: Mapping[str, Any], made: list[Version], until: date) -> bool:
    """Claim the last version for catalogue and journal, unless the record changed meanwhile."""
    *abandoned, last = made
    with stores.database.write() as session:
        row = catalogue.get(session, seen.tenant_id, seen.id)
        session.refresh(row, with_for_update=True)
        if (row.ocfl_version, row.inventory_sha512) != (seen.ocfl_version, seen.inventory_sha512):
            return False
        entry = stores.ledger.append(
            session,
            type=EntryType.CHANGE_ABANDONED,
            tenant=row.tenant_id,
            subject=f"record:{row.id}",
            agent=None,
            facts={
                "revision": row.revision,
                "version": last.number,
                "abandoned": [one.inventory_sha512 for one in abandoned],
                "record": last.contents[RECORD_JSON].sha256,
                "inventory": last.inventory_sha512,
                "retain_until": until.isoformat(),
            },
        )
        for version in abandoned:
            catalogue.enter_files(session, row.id, version, exclude=set())
        catalogue.revise(session, row, record, last, entry.n)
        follow_version(session, row.id)
    return True


def _state(inventory: Mapping[str, Any]) -> Any:
    return inventory["versions"][inventory["head"]]["state"]


def _of(item: Listed) -> tuple[str, str]:
    return item.key, item.version
