"""Add a redacted copy to a kept record: a new representation, never a change of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy.orm import Session

from archive.catalogue import description as descriptions
from archive.catalogue import record_json as metadata
from archive.catalogue import rows as catalogue
from archive.database.tables import RecordRow
from archive.holdings.forms import in_order, pin_forms
from archive.holdings.revisions import (
    Written,
    claim_revision,
    lock_for,
    revision_in_force,
    still_in_force,
    turn_of,
    write_version,
)
from archive.holdings.stores import Stores, metadata_of
from archive.journal.types import EntryType
from archive.model.records import Kind, PackageFile
from archive.objects import ocfl
from archive.objects.layout import record_folder
from archive.objects.ocfl_versions import Planned
from archive.retention import schedule
from signing.ground.errors import Refused

REPORT: Final = "redaction.json"
"""Report beside the copy: its number, its boxes and the reason, which are not for the journal."""


@dataclass(frozen=True)
class Redaction:
    """A redacted copy about to be kept.

    Attributes:
        source: SHA-256 of the representation of which it shows the pages.
        report: Bytes of ``reports/redaction.json``.
        boxes: Number of places that were painted over.
    """

    file: PackageFile
    source: str
    report: bytes
    boxes: int


def redact(stores: Stores, tenant: str, record_id: str, redaction: Redaction, *, agent: str) -> RecordRow:
    """Keep a redacted copy: a revision, a version in the store, a journal entry.

    A record has one redacted copy in force; the copies before it stay in its earlier versions.

    Raises:
        Refused: ``record_not_found``, ``record_not_kept``; ``precondition_failed``: the pages that
            the copy shows are not those of the record any more.
        Unavailable: ``turn_taken``: another change of this record is being written.
    """
    with turn_of(stores, record_id):
        with stores.database.read() as session:
            seen = catalogue.get(session, tenant, record_id)
        descriptions.require_describable(seen.state, seen.revision, seen.revision)
        current, before = revision_in_force(stores, seen)
        if redaction.source not in {form["digests"]["sha-256"] for form in current["representations"]}:
            raise Refused(
                "precondition_failed",
                "Le document a changé pendant que la copie se faisait.",
                kept="Rien n’a été changé.",
                action="Relisez le document, puis recommencez.",
            )
        description = metadata.description_from(current["description"])
        with stores.database.read() as session:
            decision = schedule.decide(session, tenant, description, stores.clock(), record_id)
            until = lock_for(stores, session, record_id, decision)
        record = with_copy(metadata.next_record(current, description, decision), redaction.file)
        file = redaction.file
        added = [
            Planned(metadata.logical_name(file), file.path, file.digests.sha256, file.digests.sha512),
            Planned.of(ocfl.report_name(REPORT), redaction.report),
        ]
        written = write_version(stores, seen, record, before, until, message="Redact", added=added)
        with stores.database.write() as session:
            row = still_in_force(session, seen)
            _claim(stores, session, row, (current, record), written, until, redaction, agent)
            return row


def report_of(stores: Stores, row: RecordRow) -> dict[str, Any] | None:
    """Return the report of a record's redacted copy in force; None without a copy."""
    current, inventory = revision_in_force(stores, row)
    if all(form["kind"] != Kind.REDACTED.value for form in current["representations"]):
        return None
    return metadata_of(stores, record_folder(row.tenant_id, row.id), inventory, ocfl.report_name(REPORT))


def with_copy(record: Mapping[str, Any], file: PackageFile) -> dict[str, Any]:
    """Return a ``record.json`` with this file as its redacted copy."""
    others = [form for form in record["representations"] if form["kind"] != file.kind.value]
    return {**record, "representations": in_order([*others, metadata.representation_json(file)])}


def _claim(
    stores: Stores,
    session: Session,
    row: RecordRow,
    revisions: tuple[Mapping[str, Any], Mapping[str, Any]],
    written: Written,
    until: date,
    redaction: Redaction,
    agent: str,
) -> None:
    current, record = revisions
    kinds = [sorted(form["kind"] for form in one["representations"]) for one in (current, record)]
    claim_revision(
        stores,
        session,
        row,
        written,
        record,
        until,
        entry_type=EntryType.RECORD_REDACTED,
        agent=agent,
        facts={
            "redacted": redaction.file.digests.sha256,
            "source": redaction.source,
            "boxes": redaction.boxes,
        },
        changes={"representations": kinds},
        pin=lambda: pin_forms(session, record, written.version, {Kind.REDACTED.value}),
    )
