"""Complete a kept record with representations that could not be made in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from archive.catalogue import record_json as metadata
from archive.catalogue import rows as catalogue
from archive.database.tables import RecordRow
from archive.holdings.forms import in_order, pin_forms
from archive.holdings.keep import Kept, kept_record
from archive.holdings.revisions import (
    Written,
    claim_revision,
    lock_for,
    revision_in_force,
    still_in_force,
    turn_of,
    write_version,
)
from archive.holdings.stores import Stores
from archive.journal.types import EntryType
from archive.model.records import ArchivalPackage, Kind, PackageFile
from archive.objects import ocfl
from archive.objects.ocfl_versions import Planned
from archive.retention import schedule
from archive.retention.decisions import RetentionDecision


def complete(
    stores: Stores, package: ArchivalPackage, agent: str, in_transaction: Callable[[Session, Kept], None]
) -> Kept:
    """Add to a kept record the representations that it lacked; the original is never touched.

    The version is written in the record's turn, as for a description: two people can't add the same
    version.

    Args:
        package: Made by the stages this time, from the same deposit.
        agent: The agent that asked.
        in_transaction: Writes more in the same transaction, also when there was nothing to add.

    Raises:
        Refused: ``record_not_found``.
        Corrupt: The store does not hold what was kept; nothing was claimed.
    """
    with turn_of(stores, package.record_id):
        with stores.database.read() as session:
            seen = catalogue.get(session, package.tenant, package.record_id)
        record, before = revision_in_force(stores, seen)
        added = missing_forms(record, package)
        written = _write(stores, seen, record, before, package, added) if added else None
        with stores.database.write() as session:
            row = still_in_force(session, seen)
            if written is not None:
                _claim(stores, session, row, record, written, added, agent)
            done = kept_record(stores, session, row.id)
            in_transaction(session, done)
    return done


def note_virus(
    stores: Stores,
    tenant: str,
    record_id: str,
    virus: Mapping[str, Any],
    agent: str,
    in_transaction: Callable[[Session], None],
) -> None:
    """Note in a kept record that malware was found in it: from then on it is handed out on demand.

    Args:
        virus: The verdict, as among those of ``record.json``.
        in_transaction: Writes more in the same transaction, also when the record says so already.

    Raises:
        Refused: ``record_not_found``.
        Corrupt: The store does not hold what was kept; nothing was claimed.
    """
    with turn_of(stores, record_id):
        with stores.database.read() as session:
            seen = catalogue.get(session, tenant, record_id)
        current, before = revision_in_force(stores, seen)
        known = current["verdicts"].get("virus", {}).get("verdict")
        completed = None
        if known != virus["verdict"]:
            description = metadata.description_from(current["description"])
            with stores.database.read() as session:
                decision = schedule.decide(session, tenant, description, stores.clock(), record_id)
                until = lock_for(stores, session, record_id, decision)
            record = {
                **current,
                "revision": current["revision"] + 1,
                "verdicts": {**current["verdicts"], "virus": dict(virus)},
            }
            written = write_version(stores, seen, record, before, until, message="Malware found")
            completed = _Completed(record, until, written)
        with stores.database.write() as session:
            row = still_in_force(session, seen)
            if completed is not None:
                forms = sorted(form["kind"] for form in current["representations"])
                claim_revision(
                    stores,
                    session,
                    row,
                    completed.written,
                    completed.record,
                    completed.until,
                    entry_type=EntryType.MALWARE_FOUND,
                    agent=agent,
                    facts={},
                    changes={"representations": [forms, forms]},
                )
            in_transaction(session)


@dataclass(frozen=True)
class _Completed:
    """A completed record whose version is in the store."""

    record: dict[str, Any]
    until: date
    written: Written


def missing_forms(current: Mapping[str, Any], package: ArchivalPackage) -> list[PackageFile]:
    """Return the representations worth a new version: missing, newly sealed, or read otherwise.

    Sealing anew gives other bytes each time; that alone is no reason.
    """
    present = {form["kind"]: form["digests"]["sha-256"] for form in current["representations"]}
    made = [file for file in package.files if file.kind is not Kind.ORIGINAL]
    reread = any(f.kind is Kind.TEXT and present.get(f.kind) not in {None, f.digests.sha256} for f in made)
    seals = (current["verdicts"]["seal"]["verdict"], package.verdicts["seal"]["verdict"])
    sealed = seals[1] == "valid" and seals[0] != "valid"
    if not reread and not sealed and all(file.kind in present for file in made):
        return []
    return [file for file in made if present.get(file.kind) != file.digests.sha256]


def next_record(
    current: Mapping[str, Any], package: ArchivalPackage, decision: RetentionDecision, added: list[PackageFile]
) -> dict[str, Any]:
    """Return ``record.json`` of the completed record: new facts, the description unchanged."""
    made = metadata.first_record(package, decision, kept_at=package.received_at, salt=current["salt"])
    kinds = {file.kind.value for file in added}
    forms = [form for form in current["representations"] if form["kind"] not in kinds]
    forms += [form for form in made["representations"] if form["kind"] in kinds]
    unchanged = ("kept_at", "salt", "deposit", "filename", "description")
    return {
        **made,
        **{name: current[name] for name in unchanged},
        "revision": current["revision"] + 1,
        "representations": in_order(forms),
    }


def _write(
    stores: Stores,
    seen: RecordRow,
    current: Mapping[str, Any],
    before: dict[str, Any],
    package: ArchivalPackage,
    added: list[PackageFile],
) -> _Completed:
    description = metadata.description_from(current["description"])
    with stores.database.read() as session:
        decision = schedule.decide(session, seen.tenant_id, description, stores.clock(), seen.id)
        until = lock_for(stores, session, seen.id, decision)
    record = next_record(current, package, decision, added)
    planned = [Planned(metadata.logical_name(f), f.path, f.digests.sha256, f.digests.sha512) for f in added]
    planned += [Planned.of(ocfl.report_name(name), text) for name, text in sorted(package.reports.items())]
    written = write_version(stores, seen, record, before, until, message="Complete", added=planned, tools=package.tools)
    return _Completed(record, until, written)


def _claim(
    stores: Stores,
    session: Session,
    row: RecordRow,
    current: Mapping[str, Any],
    completed: _Completed,
    added: list[PackageFile],
    agent: str,
) -> None:
    record, version = completed.record, completed.written.version
    digests = {form["kind"]: form["digests"]["sha-256"] for form in record["representations"]}
    kinds = {file.kind.value for file in added}
    claim_revision(
        stores,
        session,
        row,
        completed.written,
        record,
        completed.until,
        entry_type=EntryType.RECORD_COMPLETED,
        agent=agent,
        facts={"forms": sorted(kinds), "archival": digests.get(Kind.ARCHIVAL.value)},
        changes={"representations": [sorted(form["kind"] for form in current["representations"]), sorted(digests)]},
        pin=lambda: pin_forms(session, record, version, kinds),
    )
