"""Write the next version of a kept record: added files and new metadata, nothing rewritten."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.catalogue.premis import premis, stage_events, stated_events
from archive.database.tables import RecordRow, RevisionRow
from archive.disposition.holds.decisions import hold_version
from archive.holdings.stores import Stores, events_of, metadata_of
from archive.journal.sequencer import Entry
from archive.model.records import ToolRun
from archive.objects import fixity, ocfl
from archive.objects import ocfl_versions as versions
from archive.objects.layout import record_folder
from archive.objects.ocfl import PREMIS_JSON, RECORD_JSON
from archive.objects.ocfl_versions import Planned, Version
from archive.retention.decisions import RetentionDecision
from archive.retention.rules import retain_until
from signing.ground.canonical import canonical


def revision_in_force(stores: Stores, row: RecordRow) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return ``record.json`` of the revision in force, and the inventory to continue."""
    folder = record_folder(row.tenant_id, row.id)
    inventory = versions.find_inventory(stores.store, folder, row.ocfl_version)
    if inventory is None:
        raise fixity.missing(folder.key(ocfl.version_inventory(row.ocfl_version)))
    if ocfl.sha512(inventory) != row.inventory_sha512:
        raise fixity.altered(folder.key(ocfl.version_inventory(row.ocfl_version)))
    facts = json.loads(inventory)
    return metadata_of(stores, folder, facts, RECORD_JSON), facts


def write_version(
    stores: Stores,
    session: Session,
    row: RecordRow,
    record: Mapping[str, Any],
    before: dict[str, Any],
    until: date,
    *,
    message: str,
    added: Sequence[Planned] = (),
    tools: Sequence[ToolRun] = (),
) -> Version:
    """Write the next version of a kept record and read it back: new files, then metadata.

    Args:
        tools: Stages that ran since the version before; the statements about other stages are
            repeated.
    """
    folder = record_folder(row.tenant_id, row.id)
    in_force = before
    for orphan in versions.finish_begun(stores.store, folder, row.ocfl_version + 1, until=until):
        # A change that was never acknowledged: its files are locked, so it stays as a version
        # superseded at once, and its files are pinned like any other.
        hold_version(stores.store, session, row.id, orphan)
        catalogue.enter_files(session, row.id, orphan, exclude=set())
        before = json.loads(orphan.inventory)
    events = events_of(stores, session, row.id, row.deposit_id)
    stated = stated_events(metadata_of(stores, folder, in_force, PREMIS_JSON))
    planned = [
        *added,
        Planned.of(RECORD_JSON, canonical(record)),
        Planned.of(PREMIS_JSON, premis(record, events, stated | stage_events(tools))),
    ]
    version = versions.write(
        stores.store,
        folder,
        planned,
        until=until,
        created=stores.clock(),
        message=message,
        before=before,
        state=in_force,
    )
    versions.read_back(stores.store, version, until)
    hold_version(stores.store, session, row.id, version)
    return version


def lock_for(stores: Stores, session: Session, record_id: str, decision: RetentionDecision) -> date:
    """Return the lock of a new version: as the rule asks now, never less than the present lock."""
    locks = [row.locked_until for row in catalogue.rows(session, record_id) if row.locked_until]
    return max([retain_until(decision.retention, stores.today, stores.horizon), *locks])


def extend_locks(stores: Stores, session: Session, record_id: str, until: date) -> None:
    """Lock every object that a version refers to as long as the version."""
    for row in catalogue.rows(session, record_id):
        if row.locked_until is None or row.locked_until < until:
            row.locked_until = stores.store.extend_lock(row.key, row.version, until).locked_until


def note_revision(
    session: Session, record: Mapping[str, Any], entry: Entry, agent: str, changes: Mapping[str, Any]
) -> None:
    """Write a revision's row in the record's history: its changes and its entry."""
    session.add(
        RevisionRow(
            record_id=record["record"],
            revision=record["revision"],
            at=entry.at,
            agent=agent,
            changes=dict(changes),
            entry=entry.n,
        )
    )
    session.flush()
