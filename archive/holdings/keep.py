"""Keep an archival package: into the store, read back, then catalogue and journal at once."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from archive.catalogue import record_json as metadata
from archive.catalogue import rows as catalogue
from archive.catalogue import stale
from archive.catalogue.premis import JournalEvent, premis, stage_events
from archive.database.tables import RecordRow
from archive.disposition.holds import standing
from archive.holdings.stores import Stores, events_of, metadata_of
from archive.journal.sequencer import Entry
from archive.journal.types import EntryType
from archive.model.final_actions import FinalAction
from archive.model.records import ArchivalPackage
from archive.objects import ocfl
from archive.objects import ocfl_versions as versions
from archive.objects.layout import RecordFolder, record_folder
from archive.objects.ocfl import PREMIS_JSON, RECORD_JSON
from archive.objects.ocfl_versions import Planned, Version
from archive.objects.port import found
from archive.retention import schedule
from archive.retention.decisions import RetentionDecision
from archive.retention.rules import Retention, retain_until
from signing.ground.canonical import canonical
from signing.ground.clock import parse_stamp
from signing.ground.errors import Refused, Unavailable


@dataclass(frozen=True)
class Kept:
    """A record that is in the store and in the catalogue.

    Attributes:
        entry: Number of ``RecordKept``.
        leaf_hash: Leaf hash of that entry, hex.
    """

    record_id: str
    entry: int
    leaf_hash: str
    kept_at: datetime


def keep(stores: Stores, package: ArchivalPackage, in_transaction: Callable[[Session, Kept], None]) -> Kept:
    """Make a package a record: into the store, read back, then catalogue and journal at once.

    An attempt that a crash interrupted is finished or adopted: the record's time and salt come from
    the store, and a version whose inventory is there is adopted unchanged.

    Args:
        package: The package that ingestion made.
        in_transaction: Writes more in the transaction that commits the record.

    Raises:
        Corrupt: ``altered``, ``missing``, ``lock_missing``, ``digest_mismatch``: nothing was
            claimed.
        Unavailable: ``store_away``, ``database_away``, ``keep_contended``.
    """
    with stores.database.read() as session:
        row = session.get(RecordRow, package.record_id)
        decision = schedule.decide(session, package.tenant, package.description, stores.clock(), package.record_id)
        events = events_of(stores, session, package.record_id, package.deposit_id)
    if row is not None:
        return _kept_already(stores, package, in_transaction)
    version, record, until = _written(stores, package, decision, events)
    versions.read_back(stores.store, version, until)
    with stores.database.write() as session:
        if session.get(RecordRow, package.record_id) is not None:
            kept = kept_record(stores, session, package.record_id)
        else:
            stale.lock_with_companions(session, package.tenant, record)
            entry = _enter_kept(stores, session, package.agent, record, version, until)
            row = catalogue.enter(session, record, version, entry.n)
            stale.settle(session, row, record, stores.clock())
            stale.mark_companions(session, row, {}, stores.clock())
            standing.follow(session, stores.ledger, package.tenant, RecordRow.id == package.record_id)
            kept = Kept(package.record_id, entry.n, entry.leaf_hash, parse_stamp(record["kept_at"]))
        in_transaction(session, kept)
    return kept


def kept_record(stores: Stores, session: Session, record_id: str) -> Kept:
    """Return a record of the catalogue in the form that ``keep`` returned for it."""
    row = session.get_one(RecordRow, record_id)
    (entry,) = stores.ledger.entries(session, after=row.kept_entry - 1, limit=1)
    return Kept(row.id, entry.n, entry.leaf_hash, row.kept_at)


def _kept_already(stores: Stores, package: ArchivalPackage, in_transaction: Callable[[Session, Kept], None]) -> Kept:
    with stores.database.write() as session:
        kept = kept_record(stores, session, package.record_id)
        in_transaction(session, kept)
    return kept


def _written(
    stores: Stores, package: ArchivalPackage, decision: RetentionDecision, events: list[JournalEvent]
) -> tuple[Version, dict[str, Any], date]:
    """Write the package, or adopt it from the store; return version, ``record.json`` and lock."""
    folder = record_folder(package.tenant, package.record_id)
    versions.ensure_root(stores.store, package.tenant)
    begun = versions.find_inventory(stores.store, folder, 1)
    try:
        if begun is not None:
            record = metadata_of(stores, folder, json.loads(begun), RECORD_JSON)
            until = _lock_of(stores, record)
            return versions.finish(stores.store, folder, begun, until=until), record, until
        until = retain_until(decision.retention, stores.today, stores.horizon)
        kept_at, salt = _identity(stores, folder)
        record = metadata.first_record(package, decision, kept_at=kept_at, salt=salt)
        planned = [
            *(Planned(metadata.logical_name(f), f.path, f.digests.sha256, f.digests.sha512) for f in package.files),
            *(Planned.of(ocfl.report_name(name), content) for name, content in sorted(package.reports.items())),
            Planned.of(RECORD_JSON, canonical(record)),
            Planned.of(PREMIS_JSON, premis(record, events, stage_events(package.tools))),
        ]
        version = versions.write(
            stores.store,
            folder,
            planned,
            until=until,
            created=kept_at,
            message="Keep",
        )
    except Refused as error:
        if error.code != "object_exists":
            raise
        raise Unavailable(  # another worker writes the same record: its files are adopted next time
            "keep_contended", "Ce document est en cours de rangement par un autre programme."
        ) from error
    return version, record, until


def _identity(stores: Stores, folder: RecordFolder) -> tuple[datetime, str]:
    """Return the record's time and salt: those of an interrupted attempt, or new ones."""
    begun = found(stores.store, folder.key(ocfl.content_path(1, RECORD_JSON)))
    if begun is None:
        return stores.clock(), secrets.token_hex(16)
    record = json.loads(begun)
    return parse_stamp(record["kept_at"]), record["salt"]


def _lock_of(stores: Stores, record: Mapping[str, Any]) -> date:
    given = record["retention"]
    retention = Retention(
        given["rule"],
        given["rule_version"],
        None,
        date.fromisoformat(given["ends_on"]) if given["ends_on"] else None,
        FinalAction(given["final_action"]),
        given["explanation"],
    )
    return retain_until(retention, stores.today, stores.horizon)


def _enter_kept(
    stores: Stores, session: Session, agent: str, record: Mapping[str, Any], version: Version, until: date
) -> Entry:
    digests = {form["kind"]: form["digests"]["sha-256"] for form in record["representations"]}
    return stores.ledger.append(
        session,
        type=EntryType.RECORD_KEPT,
        tenant=record["tenant"],
        subject=f"record:{record['record']}",
        agent=agent,
        facts={
            "record": version.contents[RECORD_JSON].sha256,
            "original": digests["original"],
            "archival": digests.get("archival"),
            "inventory": version.inventory_sha512,
            "retain_until": until.isoformat(),
        },
    )
