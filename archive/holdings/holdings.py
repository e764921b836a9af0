"""What the archive does with records: keep, open, describe, verify."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from archive.catalogue import description
from archive.catalogue import record_json as metadata
from archive.catalogue import rows as catalogue
from archive.catalogue.premis import JournalEvent, journal_event, premis, stage_events, stated_events
from archive.database.engine import Database
from archive.database.tables import RecordRow, RepresentationRow, RevisionRow
from archive.disposition.holds.decisions import hold_version
from archive.holdings import verify as verification
from archive.holdings.verify import Verification
from archive.journal.sequencer import Entry, Ledger
from archive.journal.types import EntryType
from archive.model.final_actions import FinalAction
from archive.model.records import ArchivalPackage, ToolRun
from archive.model.states import RecordState
from archive.objects import fixity, layout
from archive.objects import ocfl_versions as versions
from archive.objects.layout import PREMIS_JSON, RECORD_JSON
from archive.objects.ocfl_versions import Planned, Version
from archive.objects.port import ObjectStore, found
from archive.retention import schedule
from archive.retention.decisions import RetentionDecision
from archive.retention.rules import Retention, retain_until
from signing.ground.canonical import canonical
from signing.ground.clock import Clock, parse_stamp
from signing.ground.errors import Refused, Unavailable

_MANY: Final = 100_000


@dataclass(frozen=True)
class Kept:
    """A record that is in the store and in the catalogue.

    Attributes:
        entry: Number of ``RecordKept``.
        leaf_hash: Of that entry, hex.
    """

    record_id: str
    entry: int
    leaf_hash: str
    kept_at: datetime


class Holdings:
    """The records of an installation.

    Args:
        database: Catalogue and journal.
        ledger: The journal's sequencer.
        store: Where the bytes are.
        clock: Says today.
        horizon_days: How far ahead locks reach; 0 = the whole retention at once.
    """

    def __init__(self, database: Database, ledger: Ledger, store: ObjectStore, clock: Clock, horizon_days: int) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._horizon = horizon_days

    # -- keep

    def keep(self, package: ArchivalPackage, in_transaction: Callable[[Session, Kept], None]) -> Kept:
        """Make a package a record: into the store, read back, then catalogue and journal at once.

        Whatever a crash left is finished or adopted: the record's time and salt come from what is in the
        store, and a version whose inventory is there is taken as it stands.

        Args:
            package: What ingestion made.
            in_transaction: More to write in the transaction that makes the record true.

        Raises:
            Corrupt: ``altered``, ``missing``, ``lock_missing``, ``digest_mismatch``: nothing was claimed.
            Unavailable: ``store_away``, ``database_away``, ``keep_contended``.
        """
        with self._database.read() as session:
            row = session.get(RecordRow, package.record_id)
            decision = schedule.decide(session, package.tenant, package.description)
            events = self._events(session, package.record_id, package.deposit_id)
        if row is not None:
            return self._kept_already(package, in_transaction)
        version, record, until = self._written(package, decision, events)
        versions.read_back(self._store, version, until)
        with self._database.write() as session:
            if session.get(RecordRow, package.record_id) is not None:
                kept = self._kept(session, package.record_id)
            else:
                entry = self._enter_kept(session, package.agent, record, version, until)
                catalogue.enter(session, record, version, entry.n)
                kept = Kept(package.record_id, entry.n, entry.leaf_hash, parse_stamp(record["kept_at"]))
            in_transaction(session, kept)
        return kept

    def _kept_already(self, package: ArchivalPackage, in_transaction: Callable[[Session, Kept], None]) -> Kept:
        with self._database.write() as session:
            kept = self._kept(session, package.record_id)
            in_transaction(session, kept)
        return kept

    def _kept(self, session: Session, record_id: str) -> Kept:
        row = session.get_one(RecordRow, record_id)
        (entry,) = self._ledger.entries(session, after=row.kept_entry - 1, limit=1)
        return Kept(row.id, entry.n, entry.leaf_hash, row.kept_at)

    def _written(
        self, package: ArchivalPackage, decision: RetentionDecision, events: list[JournalEvent]
    ) -> tuple[Version, dict[str, Any], date]:
        """The package in the store, as it is there: the version, its ``record.json``, its lock."""
        root = layout.object_root(package.tenant, package.record_id)
        versions.ensure_root(self._store, package.tenant)
        begun = versions.find_inventory(self._store, root, 1)
        try:
            if begun is not None:
                record = self._metadata_of(root, json.loads(begun), RECORD_JSON)
                until = self._lock_of(record)
                return versions.finish(self._store, root, begun, until=until), record, until
            until = retain_until(decision.retention, self._today(), self._horizon)
            kept_at, salt = self._identity(root)
            record = metadata.first_record(package, decision, kept_at=kept_at, salt=salt)
            planned = [
                *(Planned(metadata.logical_name(f), f.path, f.digests.sha256, f.digests.sha512) for f in package.files),
                *(Planned.of(layout.report_name(name), content) for name, content in sorted(package.reports.items())),
                Planned.of(RECORD_JSON, canonical(record)),
                Planned.of(PREMIS_JSON, premis(record, events, stage_events(package.tools))),
            ]
            version = versions.write(
                self._store,
                root,
                package.record_id,
                planned,
                until=until,
                created=kept_at,
                message="Keep",
            )
        except Refused as error:
            if error.code != "object_exists":
                raise
            raise Unavailable(  # another worker writes the same record: what it leaves is adopted next time
                "keep_contended", "Ce document est en cours de rangement par un autre programme."
            ) from error
        return version, record, until

    def _identity(self, root: str) -> tuple[datetime, str]:
        """Time and salt of the record: those of an attempt that was interrupted, or new ones."""
        begun = found(self._store, f"{root}/{layout.content_path(1, RECORD_JSON)}")
        if begun is None:
            return self._clock(), secrets.token_hex(16)
        record = json.loads(begun)
        return parse_stamp(record["kept_at"]), record["salt"]

    def _metadata_of(self, root: str, inventory: Mapping[str, Any], name: str) -> dict[str, Any]:
        content = layout.contents_of(inventory)[name]
        return self._json(f"{root}/{content.path}", None, content.sha256)

    def _json(self, key: str, version: str | None, sha256: str) -> dict[str, Any]:
        item = self._store.stat(key, version)
        chunks = fixity.verified(self._store, key, item.version, sha256=sha256, size=item.size)
        read: dict[str, Any] = json.loads(b"".join(chunks))
        return read

    def _lock_of(self, record: Mapping[str, Any]) -> date:
        given = record["retention"]
        retention = Retention(
            given["rule"],
            given["rule_version"],
            None,
            date.fromisoformat(given["ends_on"]) if given["ends_on"] else None,
            FinalAction(given["final_action"]),
            given["explanation"],
        )
        return retain_until(retention, self._today(), self._horizon)

    def _enter_kept(
        self, session: Session, agent: str, record: Mapping[str, Any], version: Version, until: date
    ) -> Entry:
        digests = {form["kind"]: form["digests"]["sha-256"] for form in record["representations"]}
        return self._ledger.append(
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

    # -- open

    def open(
        self,
        record: RecordRow,
        kind: str,
        *,
        offset: int | None = None,
        length: int | None = None,
    ) -> tuple[RepresentationRow, Iterator[bytes]]:
        """The bytes of one form, whole or in part, checked on the way (see ``fixity``).

        Raises:
            Refused: ``record_not_found``, ``representation_missing``; ``bad_range`` with the first byte.
        """
        with self._database.read() as session:
            row = catalogue.representation(session, record.tenant_id, record.id, kind)
        if offset is None and length is None:
            return row, fixity.verified(self._store, row.key, row.version, sha256=row.sha256, size=row.size)
        first = offset or 0
        count = row.size - first if length is None else length
        return row, fixity.verified_range(
            self._store, row.key, row.version, sha256=row.sha256, size=row.size, offset=first, length=count
        )

    # -- describe

    def describe(
        self,
        tenant: str,
        record_id: str,
        changes: Mapping[str, Any],
        *,
        agent: str,
        expected_revision: int,
    ) -> RecordRow:
        """Change what is said of a record: a revision, a version in the store, an entry; no byte of content.

        The version is written inside the transaction, so that two people can't write it at once; it is a
        few small files.

        Args:
            tenant: Whose.
            record_id: Which.
            changes: Fields of ``Description``; None empties one.
            agent: Who.
            expected_revision: What the caller saw.

        Raises:
            Refused: ``record_not_found``, ``precondition_failed``, ``record_not_kept``, ``bad_field``.
        """
        with self._database.write() as session:
            row = catalogue.get(session, tenant, record_id)
            session.refresh(row, with_for_update=True)
            description.require_describable(row.state, row.revision, expected_revision)
            current, before = self._current(row)
            wanted = description.changed(metadata.description_from(current["description"]), changes)
            differences = description.differences(current["description"], metadata.description_json(wanted))
            if not differences:
                return row
            decision = schedule.decide(session, tenant, wanted)
            record = metadata.next_record(current, wanted, decision)
            until = self._lasting(session, record_id, decision)
            version = self._revised(session, row, record, before, until, message="Describe")
            entry = self._ledger.append(
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
            self._extend_locks(session, record_id, until)
            session.add(
                RevisionRow(
                    record_id=record_id,
                    revision=record["revision"],
                    at=entry.at,
                    agent=agent,
                    changes=differences,
                    entry=entry.n,
                )
            )
            session.flush()
            return row

    def _current(self, row: RecordRow) -> tuple[dict[str, Any], dict[str, Any]]:
        """``record.json`` of the revision in force and the inventory that a next version follows."""
        root = layout.object_root(row.tenant_id, row.id)
        inventory = versions.find_inventory(self._store, root, row.ocfl_version)
        if inventory is None:
            raise fixity.missing(f"{root}/v{row.ocfl_version}/inventory.json")
        if layout.sha512(inventory) != row.inventory_sha512:
            raise fixity.altered(f"{root}/v{row.ocfl_version}/inventory.json")
        facts = json.loads(inventory)
        return self._metadata_of(root, facts, RECORD_JSON), facts

    def _revised(
        self,
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
        """Write the next version of a kept record and read it back: what is added, then the new metadata.

        Args:
            tools: What ran since the version before; of other stages, what was stated of them is stated again.
        """
        root = layout.object_root(row.tenant_id, row.id)
        number = row.ocfl_version + 1
        while (begun := versions.find_inventory(self._store, root, number)) is not None:
            # A change that was never acknowledged: its files are locked, so it stays as a version that
            # was superseded at once, and its files are pinned like any other.
            orphan = versions.finish(self._store, root, begun, until=until)
            hold_version(self._store, session, row.id, orphan)
            catalogue.enter_files(session, row.id, orphan, exclude=set())
            before, number = json.loads(begun), number + 1
        events = self._events(session, row.id, row.deposit_id)
        stage_types = stated_events(self._metadata_of(root, before, PREMIS_JSON)) | stage_events(tools)
        planned = [
            *added,
            Planned.of(RECORD_JSON, canonical(record)),
            Planned.of(PREMIS_JSON, premis(record, events, stage_types)),
        ]
        version = versions.write(
            self._store,
            root,
            row.id,
            planned,
            until=until,
            created=self._clock(),
            message=message,
            before=before,
        )
        versions.read_back(self._store, version, until)
        hold_version(self._store, session, row.id, version)
        return version

    def _lasting(self, session: Session, record_id: str, decision: RetentionDecision) -> date:
        """Lock of a new version: what the rule asks for now, and never less than what is locked already."""
        locks = [row.locked_until for row in catalogue.rows(session, record_id) if row.locked_until]
        return max([retain_until(decision.retention, self._today(), self._horizon), *locks])

    def _extend_locks(self, session: Session, record_id: str, until: date) -> None:
        """Everything a version refers to is locked as long as it is."""
        for row in catalogue.rows(session, record_id):
            if row.locked_until is None or row.locked_until < until:
                row.locked_until = self._store.extend_lock(row.key, row.version, until).locked_until

    # -- verify

    def verify(
        self,
        tenant: str,
        record_id: str,
        *,
        validate_seal: verification.SealCheck | None = None,
        agent: str | None = None,
        asked: bool = True,
    ) -> Verification:
        """Read everything again and compare it with what was promised; the result is recorded.

        Args:
            tenant: Whose.
            record_id: Which.
            validate_seal: Judges the archival PDF's seal.
            agent: Who asked.
            asked: False for the routine: then only what is not intact goes into the journal.

        Raises:
            Refused: ``record_not_found``.
        """
        promise = self._promise(tenant, record_id)
        result = verification.run(self._store, promise, self._clock(), validate_seal)
        while result.verdict is not fixity.Fixity.INTACT and (now := self._promise(tenant, record_id)) != promise:
            promise = now  # described, held or released while it was read: what is wrong is wrong twice
            result = verification.run(self._store, promise, self._clock(), validate_seal)
        with self._database.write() as session:
            verification.record(session, self._ledger, promise, result, agent=agent, asked=asked)
        return result

    def _promise(self, tenant: str, record_id: str) -> verification.Promise:
        with self._database.read() as session:
            row = catalogue.get(session, tenant, record_id)
            if RecordState(row.state).gone:
                raise description.not_kept(row.state)
            return verification.Promise.load(session, row)

    # -- small questions

    def _events(self, session: Session, record_id: str, deposit_id: str) -> list[JournalEvent]:
        entries = [
            entry
            for subject in (f"deposit:{deposit_id}", f"record:{record_id}")
            for entry in self._ledger.entries(session, subject=subject, limit=_MANY)
        ]
        return [journal_event(e.n, e.body) for e in sorted(entries, key=lambda e: e.n)]

    def _today(self) -> date:
        return self._clock().date()
