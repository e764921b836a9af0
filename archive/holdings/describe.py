"""Change the description of a record; its content stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archive.catalogue import description
from archive.catalogue import record_json as metadata
from archive.catalogue import rows as catalogue
from archive.database.tables import RecordRow
from archive.holdings.revisions import extend_locks, lock_for, note_revision, revision_in_force, write_version
from archive.holdings.stores import Stores
from archive.journal.types import EntryType
from archive.objects.ocfl import RECORD_JSON
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

    The version is written inside the transaction, so that two people can't write it at once; it is
    a few small files.

    Args:
        tenant: The tenant that owns the record.
        record_id: The record.
        changes: Fields of ``Description``; None empties one.
        agent: The agent that asked.
        expected_revision: The revision that the caller read.

    Raises:
        Refused: ``record_not_found``, ``precondition_failed``, ``record_not_kept``, ``bad_field``.
    """
    with stores.database.write() as session:
        row = catalogue.get(session, tenant, record_id)
        session.refresh(row, with_for_update=True)
        description.require_describable(row.state, row.revision, expected_revision)
        current, before = revision_in_force(stores, row)
        wanted = description.changed(metadata.description_from(current["description"]), changes)
        differences = description.differences(current["description"], metadata.description_json(wanted))
        if not differences:
            return row
        schedule.admit(session, tenant, wanted, differences, stores.clock(), kept=description.UNCHANGED)
        decision = schedule.decide(session, tenant, wanted, stores.clock())
        record = metadata.next_record(current, wanted, decision)
        until = lock_for(stores, session, record_id, decision)
        version = write_version(stores, session, row, record, before, until, message="Describe")
        entry = stores.ledger.append(
            session,
            type=EntryType.RECORD_DESCRIBED,
            tenant=tenant,
            subject=f"record:{record_id}",
            agent=agent,
            facts={
                "revision": record["revision"],
                "fields": sorted(differences),
                "record": version.contents[RECORD_JSON].sha256,
                "inventory": version.inventory_sha512,
                "retain_until": until.isoformat(),
            },
        )
        catalogue.revise(session, row, record, version, entry.n)
        extend_locks(stores, session, record_id, until)
        note_revision(session, record, entry, agent, differences)
        return row
