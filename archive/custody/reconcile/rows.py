"""Reconcile the rows of records with their entries and with ``record.json`` in the store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from archive.catalogue import filing_plan
from archive.catalogue import rows as catalogue
from archive.catalogue.disposals import state_of_kept
from archive.catalogue.sortings import decision_about
from archive.custody.findings import Findings, Kind
from archive.custody.reconcile.claims import Told, differences
from archive.custody.reconcile.leaves import Pseudonyms
from archive.database.counter_tables import FOR_EVER
from archive.database.engine import Database
from archive.database.tables import (
    CopyRow,
    HeldRecordRow,
    JournalEntryRow,
    RecordRow,
    RepresentationRow,
    RevisionRow,
    StoredFileRow,
    VerificationRow,
)
from archive.journal.types import CHANGES
from archive.model.states import RecordState
from archive.objects import ocfl
from archive.objects.layout import RecordFolder, record_folder
from archive.objects.port import ObjectStore, Unreadable, read_all
from signing.ground.clock import Clock
from signing.ground.errors import Refused

Beside = Callable[[Session, Mapping[str, Any]], Iterable[str]]
"""Compares what another package keeps about a record with its ``record.json``."""


class RowReconciliation:
    """Compare every row about a record with its entry.

    Args:
        beside: Compares the deposit from which the record was made.
        rest: Called after each record: it may sleep.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        clock: Clock,
        *,
        beside: Beside = lambda _session, _record: (),
        rest: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._beside = beside
        self._rest = rest

    def check(self, findings: Findings, records: Iterable[str]) -> list[str]:
        """Compare these records; return those that differ."""
        with self._database.read() as session:
            names = Pseudonyms.load(session)
        wrong = []
        for record_id in records:
            if self._record(findings, record_id, names):
                wrong.append(record_id)
            self._rest()
        return wrong

    def ids(self, after: str = "", limit: int | None = None) -> list[str]:
        """Return ids of records in order, after one."""
        with self._database.read() as session:
            query = select(RecordRow.id).where(RecordRow.id > after).order_by(RecordRow.id).limit(limit)
            return list(session.scalars(query))

    def changed(self, since: int) -> list[str]:
        """Return ids of records about which there are entries from a number on."""
        entry = JournalEntryRow
        with self._database.read() as session:
            query = select(entry.subject).where(entry.n >= since, entry.subject.startswith("record:")).distinct()
            return sorted(subject.removeprefix("record:") for subject in session.scalars(query))

    def _record(self, findings: Findings, record_id: str, names: Pseudonyms) -> bool:
        with self._database.read() as session:
            row = session.get(RecordRow, record_id)
            if row is None:
                return False  # the journal's own comparison misses it
            try:
                told, faults = self._told(session, row, names)
                wrong = list(dict.fromkeys([*differences(told), *_standing(session, told)]))
                record = told.in_force
                wrong += self._beside(session, record) if record is not None else ()
                wrong += ["record_nodes.node_id"] if filing_plan.is_misplaced(session, row) else []
            except (ValueError, KeyError, TypeError, IndexError):
                wrong, faults = ["journal_entries.body"], []
        for detail in wrong:
            findings.add(Kind.CHANGED, "database", record_id, detail, record=record_id)
        for kind, key in faults:
            findings.add(kind, "store", key, "record", record=record_id)
        return bool(wrong or faults)

    def _told(self, session: Session, row: RecordRow, names: Pseudonyms) -> tuple[Told, list[tuple[Kind, str]]]:
        query = select(JournalEntryRow.body).where(JournalEntryRow.subject == f"record:{row.id}")
        entries = [json.loads(body) for body in session.scalars(query.order_by(JournalEntryRow.n))]
        folder = record_folder(row.tenant_id, row.id)
        forms = session.scalars(select(RepresentationRow).where(RepresentationRow.record_id == row.id)).all()
        files = session.scalars(select(StoredFileRow).where(StoredFileRow.record_id == row.id)).all()
        stated = [entry["facts"] for entry in entries if entry["type"] in CHANGES]
        read = _Reading(self._store, folder, {one.key: one.version for one in files})
        gone = RecordState(row.state).destroyed if row.state in set(RecordState) else False
        inventory = read.inventory(stated[-1]["inventory"]) if stated and not gone else None
        records = read.records(inventory, [facts["record"] for facts in stated])
        faults = list(read.faults) if not gone else []
        return (
            Told(
                folder,
                row,
                forms,
                files,
                session.scalars(select(RevisionRow).where(RevisionRow.record_id == row.id)).all(),
                session.scalars(select(VerificationRow).where(VerificationRow.record_id == row.id)).all(),
                entries,
                inventory,
                records,
                _held(session, row.id),
                state_of_kept(session, row.id),
                names,
                self._clock(),
            ),
            faults,
        )


class _Reading:
    """Reads the metadata of a record from the store, by the digests that the journal states."""

    def __init__(self, store: ObjectStore, folder: RecordFolder, versions: Mapping[str, str]) -> None:
        self._store = store
        self._folder = folder
        self._versions = versions
        self.faults: list[tuple[Kind, str]] = []

    def inventory(self, sha512: str) -> bytes | None:
        """Return the root inventory with this digest, or None."""
        content = self._read(self._folder.inventory)
        if content is not None and ocfl.sha512(content) != sha512:
            self.faults.append((Kind.CHANGED, self._folder.inventory))
            return None
        return content

    def records(self, inventory: bytes | None, digests: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return each ``record.json`` that has one of these digests."""
        if inventory is None:
            return {}
        fixity = json.loads(inventory)["fixity"]["sha256"]
        found = {}
        for digest in digests:
            for path in fixity.get(digest, [])[:1]:
                content = self._read(self._folder.key(path))
                if content is None:
                    continue
                if hashlib.sha256(content).hexdigest() != digest:
                    self.faults.append((Kind.CHANGED, self._folder.key(path)))
                    continue
                found[digest] = json.loads(content)
        return found

    def _read(self, key: str) -> bytes | None:
        try:
            return read_all(self._store, key, self._versions.get(key))
        except Refused:
            self.faults.append((Kind.MISSING, key))
        except Unreadable:
            self.faults.append((Kind.UNREADABLE, key))
        return None


def _standing(session: Session, told: Told) -> Iterable[str]:
    """Compare what triggers keep on a row with the holds and the locks that it follows."""
    row = told.row
    ends = [hold.until or FOR_EVER for hold in catalogue.holds_on(session, row.id)]
    if row.held_until != max(ends, default=None):
        yield "records.held_until"
    if row.sorted != decision_about(session, row.id):
        yield "records.sorted"
    copied = session.scalar(select(func.max(CopyRow.locked_until)).where(CopyRow.record_id == row.id))
    locks = [copied, *(one.locked_until for one in told.forms), *(one.locked_until for one in told.files)]
    latest = max((day for day in locks if day is not None), default=None)
    if latest is not None and (row.locked_until is None or row.locked_until < latest):
        yield "records.locked_until"


def _held(session: Session, record_id: str) -> bool | None:
    """Whether the store must hold a record; None while a decision has not reached the store."""
    waits = exists().where(HeldRecordRow.record_id == record_id, HeldRecordRow.settled_at.is_(None))
    if session.scalar(select(waits)):
        return None
    return catalogue.is_held(session, record_id)
