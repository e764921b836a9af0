"""Change the description of a record; its content stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archive.catalogue import description
from archive.catalogue import record_json as metadata
from archive.catalogue import rows as catalogue
from archive.catalogue.file_door import admit_to_files
from archive.database.tables import RecordRow
from archive.disposition.holds.effects import require_movable
from archive.holdings.revisions import (
    claim_revision,
    lock_for,
    revision_in_force,
    still_in_force,
    turn_of,
    write_version,
)
from archive.holdings.stores import Stores
from archive.journal.types import EntryType
from archive.retention import schedule


def describe(
    stores: Stores,
    tenant: str,
    record_id: str,
    changes: Mapping[str, Any],
    *,
    agent: str,
    expected_revision: int,
) -> RecordRow:
    """Change a record's description: a revision, a version in the store, a journal entry.

    The version is written in the record's turn, by one at a time, then claimed in a transaction.

    Args:
        tenant: The tenant that owns the record.
        changes: Fields of ``Description``; None empties one.
        agent: The agent that asked.
        expected_revision: The revision that the caller read.

    Raises:
        Refused: ``record_not_found``, ``precondition_failed``, ``record_not_kept``, ``bad_field``,
            ``file_closed``, ``held_in_place``.
        Unavailable: ``turn_taken``: another change of this record is being written.
    """
    with turn_of(stores, record_id):
        with stores.database.read() as session:
            seen = catalogue.get(session, tenant, record_id)
        description.require_describable(seen.state, seen.revision, expected_revision)
        current, before = revision_in_force(stores, seen)
        present = metadata.description_from(current["description"])
        wanted = description.changed(present, changes)
        differences = description.differences(current["description"], metadata.description_json(wanted))
        if not differences:
            return seen
        with stores.database.read() as session:
            schedule.admit(session, tenant, wanted, differences, stores.clock(), kept=description.UNCHANGED)
            admit_to_files(session, tenant, wanted, present, kept=description.UNCHANGED)
            decision = schedule.decide(session, tenant, wanted, stores.clock(), record_id)
            until = lock_for(stores, session, record_id, decision)
        record = metadata.next_record(current, wanted, decision)
        written = write_version(stores, seen, record, before, until, message="Describe")
        with stores.database.write() as session:
            row = still_in_force(session, seen, record)
            require_movable(session, record_id, differences)
            claim_revision(
                stores,
                session,
                row,
                written,
                record,
                until,
                entry_type=EntryType.RECORD_DESCRIBED,
                agent=agent,
                facts={"fields": sorted(differences)},
                changes=differences,
            )
            # a file may have been closed meanwhile; from the entry on, its closing waits for us
            require_movable(session, record_id, differences)
            admit_to_files(session, tenant, wanted, present, kept=description.UNCHANGED)
            return row
