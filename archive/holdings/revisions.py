"""Write the next version of a kept record: added files and new metadata, nothing rewritten."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.catalogue import stale
from archive.catalogue.premis import premis, stage_events, stated_events
from archive.database.tables import RecordRow, RevisionRow
from archive.disposition.holds import settling, standing
from archive.disposition.holds.settling import follow_version, hold_version
from archive.holdings.stores import Stores, events_of, metadata_of
from archive.journal.sequencer import Entry
from archive.journal.types import EntryType
from archive.model.records import ToolRun
from archive.objects import fixity, ocfl
from archive.objects import ocfl_versions as versions
from archive.objects.layout import record_folder
from archive.objects.ocfl import PREMIS_JSON, RECORD_JSON
from archive.objects.ocfl_versions import Planned, Version
from archive.retention.decisions import RetentionDecision
from archive.retention.rules import retain_until
from signing.ground.canonical import canonical
from signing.ground.errors import Unavailable


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


@dataclass(frozen=True)
class Written:
    """A version that is in the store, read back, and that no row claims yet.

    Attributes:
        left: Versions that earlier attempts began and nobody claimed; superseded at once.
        locks: Lock of every object that the catalogue pins already, by key and version.
    """

    version: Version
    left: tuple[Version, ...]
    locks: Mapping[tuple[str, str], date | None]


def turn_of(stores: Stores, record_id: str) -> AbstractContextManager[None]:
    """Return the turn in which alone versions and legal holds of a record are written."""
    return stores.database.turn(settling.turn_of(record_id))


def write_version(
    stores: Stores,
    row: RecordRow,
    record: Mapping[str, Any],
    before: dict[str, Any],
    until: date,
    *,
    message: str,
    added: Sequence[Planned] = (),
    tools: Sequence[ToolRun] = (),
) -> Written:
    """Write the next version of a kept record and read it back: new files, then metadata.

    In the record's turn, outside any transaction; ``claim_revision`` then makes it the revision in
    force.

    Args:
        tools: Stages that ran since the version before; the statements about other stages are
            repeated.
    """
    folder = record_folder(row.tenant_id, row.id)
    in_force = before
    # Changes that were never acknowledged: their files are locked, so they stay as versions that
    # are superseded at once, and their files are pinned like any other.
    left = versions.finish_begun(stores.store, folder, row.ocfl_version + 1, until=until)
    for orphan in left:
        before = json.loads(orphan.inventory)
    with stores.database.read() as session:
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
    with stores.database.read() as session:
        held = catalogue.is_held(session, row.id)
        pinned = [(one.key, one.version, one.locked_until) for one in catalogue.rows(session, row.id)]
    if held:
        for one in (*left, version):
            hold_version(stores.store, one)
    locks = {
        (key, name): stores.store.extend_lock(key, name, until).locked_until
        for key, name, lock in pinned
        if lock is None or lock < until
    }
    return Written(version, tuple(left), locks)


def still_in_force(session: Session, seen: RecordRow, record: Mapping[str, Any] | None = None) -> RecordRow:
    """Lock a record's row for the claim of its next version, and those that it will mark.

    Args:
        record: Its new ``record.json``, where that may give other dates to others.

    Raises:
        Unavailable: ``keep_contended``: the record changed although its turn was held; the version
            stays in the store, claimed by nobody.
    """
    if record is not None:
        stale.lock_with_companions(session, seen.tenant_id, record)
    row = session.get_one(RecordRow, seen.id, with_for_update=True, populate_existing=True)
    if (row.state, row.revision, row.ocfl_version) != (seen.state, seen.revision, seen.ocfl_version):
        raise Unavailable("keep_contended", "Ce document est en cours de rangement par un autre programme.")
    return row


def claim_revision(
    stores: Stores,
    session: Session,
    row: RecordRow,
    written: Written,
    record: Mapping[str, Any],
    until: date,
    *,
    entry_type: EntryType,
    agent: str,
    facts: Mapping[str, Any],
    changes: Mapping[str, Any],
    pin: Callable[[], None] = lambda: None,
) -> None:
    """Make a version that was written the revision in force, with its journal entry and history.

    Args:
        record: Its ``record.json``.
        until: Its lock.
        facts: What the entry states besides revision, digests and lock.
        changes: What the history shows.
        pin: Pins its representations to new objects.
    """
    version = written.version
    entry = stores.ledger.append(
        session,
        type=entry_type,
        tenant=row.tenant_id,
        subject=f"record:{row.id}",
        agent=agent,
        facts={
            "revision": record["revision"],
            "record": version.contents[RECORD_JSON].sha256,
            "inventory": version.inventory_sha512,
            "retain_until": until.isoformat(),
            **facts,
        },
    )
    for left in written.left:
        catalogue.enter_files(session, row.id, left, exclude=set())
    beside = stale.newest_beside(session, row)
    catalogue.revise(session, row, record, version, entry.n)
    stale.settle(session, row, record, stores.clock())
    stale.mark_companions(session, row, beside, stores.clock())
    pin()
    for pinned in catalogue.rows(session, row.id):
        lock = written.locks.get((pinned.key, pinned.version))
        if lock is not None and (pinned.locked_until is None or pinned.locked_until < lock):
            pinned.locked_until = lock
    standing.follow(session, stores.ledger, row.tenant_id, RecordRow.id == row.id)
    follow_version(session, row.id)
    _note_revision(session, record, entry, agent, changes)


def lock_for(stores: Stores, session: Session, record_id: str, decision: RetentionDecision) -> date:
    """Return the lock of a new version: as the rule asks now, never less than the present lock."""
    locks = [row.locked_until for row in catalogue.rows(session, record_id) if row.locked_until]
    return max([retain_until(decision.retention, stores.today, stores.horizon), *locks])


def _note_revision(
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
