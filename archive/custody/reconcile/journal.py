"""Reconcile the catalogue with the journal, and the journal with its published form."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import tenant_register as register
from archive.custody.findings import Findings, Kind
from archive.custody.rebuild import holds as held
from archive.custody.rebuild import registers, report_files, scans
from archive.custody.rebuild import statements as stated
from archive.custody.reconcile import certificates
from archive.database.engine import Database
from archive.database.tables import CheckpointRow, JournalEntryRow, RecordRow
from archive.journal.merkle import TILE, bundle_key, pack_bundle
from archive.journal.types import CHANGES, EntryType
from archive.objects.layout import CHECKPOINT, ENTRIES, EVIDENCE, LAYOUT_JSON, TileKey, evidence_key
from archive.objects.port import ObjectStore, Unreadable, found
from signing.ground.errors import Refused

_LOOKS: Final = 3


@dataclass(frozen=True)
class _Told:
    """Summary of the entries about one record."""

    record_id: str
    last: int
    kept: int
    """Number of ``RecordKept`` entries."""


class JournalReconciliation:
    """Check that each record has its entries, each entry its record, and none is kept twice.

    Args:
        pause: Sleeps before a second look.
    """

    def __init__(self, database: Database, store: ObjectStore, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._database = database
        self._store = store
        self._pause = pause

    # -- catalogue and journal

    def catalogue(self, findings: Findings) -> int:
        """Compare every record with its entries, both in the order of ids; count records."""
        count = 0
        with self._database.read() as rows_of, self._database.read() as told_by:
            told = _told(told_by)
            line = next(told, None)
            for row in rows_of.execute(_records().execution_options(yield_per=1000)):
                count += 1
                while line is not None and line.record_id < row.id:
                    self._again(findings, line.record_id)
                    line = next(told, None)
                mine = line if line is not None and line.record_id == row.id else None
                if _differs(row, mine) is not None:
                    self._again(findings, row.id)
                line = next(told, None) if mine is not None else line
            while line is not None:
                self._again(findings, line.record_id)
                line = next(told, None)
        return count

    def _again(self, findings: Findings, record_id: str) -> None:
        """Compare one record again, reading both sides in one transaction."""
        with self._database.read() as session:
            row = session.execute(_records().where(RecordRow.id == record_id)).first()
            told = next(_told(session, record_id), None)
        if row is None:
            if told is not None:
                findings.add(Kind.MISSING, "database", record_id, "record", record=record_id)
            return
        different = _differs(row, told)
        if different is not None:
            kind, place, detail = different
            findings.add(kind, place, record_id, detail, record=record_id)

    # -- journal and store

    def published(self, findings: Findings) -> None:
        """Check that the published journal has all its files and the database's newest entries."""
        try:
            self._published(findings)
        except Unreadable as error:
            findings.add(Kind.UNREADABLE, "journal", str(error.values["key"]), "bytes")

    def _published(self, findings: Findings) -> None:
        for look in range(_LOOKS):
            with self._database.read() as session:
                row = session.scalars(select(CheckpointRow).order_by(CheckpointRow.size.desc()).limit(1)).first()
            stored = found(self._store, CHECKPOINT)
            if (row.note.encode() if row is not None else None) == stored:
                break
            if look == _LOOKS - 1:
                kind = Kind.MISSING if stored is None else Kind.CHANGED
                findings.add(kind, "journal", CHECKPOINT, "checkpoint")
            else:
                self._pause(2)  # a publisher writes the head first, then its row
        size = row.size if row is not None else 0
        self._register(findings)
        self._holds(findings)
        for kind, key in self._patiently(lambda: stated.compare(self._store, self._database)):
            findings.add(kind, "journal", key, "statement")
        for kind, key in self._patiently(lambda: scans.compare(self._store, self._database)):
            findings.add(kind, "journal", key, "scan")
        for kind, key in self._patiently(lambda: report_files.compare(self._store, self._database)):
            findings.add(kind, "journal", key, "report")
        for kind, key in self._patiently(lambda: certificates.compare(self._store, self._database)):
            findings.add(kind, "store", key, "certificate")
        whole = self._listed(findings)
        self._all_there(findings, size, whole)
        if size:
            self._last_bundle(findings, size)

    def _register(self, findings: Findings) -> None:
        """Check that every file of the register is claimed by an entry."""
        for kind, key in self._patiently(self._unclaimed):
            findings.add(kind, "journal", key, "register")

    def _holds(self, findings: Findings) -> None:
        """Check hold statements: a rebuild would accept a release that nobody decided."""
        for kind, key in self._patiently(lambda: held.compare(self._store, self._database)):
            findings.add(kind, "journal", key, "hold")

    def _unclaimed(self) -> list[tuple[Kind, str]]:
        there = [file for file, _ in registers.files(self._store)]
        with self._database.read() as session:
            query = select(JournalEntryRow.tenant_id, JournalEntryRow.body)
            lines = session.execute(query.where(JournalEntryRow.subject == register.SUBJECT)).all()
        claims = registers.claims_of((tenant, json.loads(body)["facts"]) for tenant, body in lines)
        return registers.compare(there, claims)

    def _patiently(self, compare: Callable[[], list[tuple[Kind, str]]]) -> list[tuple[Kind, str]]:
        """Compare up to three times, until nothing differs: a change in progress gets time."""
        for _ in range(_LOOKS - 1):
            if not compare():
                return []
            self._pause(2)
        return compare()

    def _listed(self, findings: Findings) -> dict[str, int]:
        """Check all keys of journal and register, and ``layout.json``; count full tiles by row."""
        whole: dict[str, int] = {}
        for prefix in EVIDENCE:
            for key, group in groupby(self._store.list(prefix), key=lambda item: item.key):
                versions = list(group)
                place = evidence_key(key)
                if place is None and prefix != LAYOUT_JSON:
                    findings.add(Kind.UNTRACKED, "journal", key, "object")
                if any(item.marker for item in versions):
                    findings.add(Kind.CHANGED, "journal", key, "marker")
                elif len(versions) > 1 and key != CHECKPOINT:
                    findings.add(Kind.UNTRACKED, "journal", key, "version")
                if isinstance(place, TileKey) and place.is_full and not all(item.marker for item in versions):
                    whole[place.row] = whole.get(place.row, 0) + 1
        return whole

    def _all_there(self, findings: Findings, size: int, whole: dict[str, int]) -> None:
        rows = [(ENTRIES, 0)]
        while size >> (8 * len(rows)) or len(rows) == 1:
            rows.append((str(len(rows) - 1), 8 * (len(rows) - 1)))
        for row, shift in rows:
            full, rest = divmod(size >> shift, TILE)
            if whole.get(row, 0) < full:
                for index in range(full):
                    self._require(findings, TileKey(row, index).key)
            if rest and found(self._store, TileKey(row, full).key) is None:
                self._require(findings, TileKey(row, full, rest).key)

    def _require(self, findings: Findings, key: str) -> None:
        try:
            self._store.stat(key)
        except Refused as error:
            if error.code != "object_missing":
                raise
            findings.add(Kind.MISSING, "journal", key, "object")

    def _last_bundle(self, findings: Findings, size: int) -> None:
        """Check that the newest published bundle has the database's entries, byte for byte."""
        index = (size - 1) // TILE
        with self._database.read() as session:
            query = select(JournalEntryRow.body).where(JournalEntryRow.n >= index * TILE, JournalEntryRow.n < size)
            bodies = list(session.scalars(query.order_by(JournalEntryRow.n)))
        key = bundle_key(index, len(bodies)) if bodies else bundle_key(index)
        stored = found(self._store, key) or found(self._store, bundle_key(index))
        if stored is not None and not stored.startswith(pack_bundle(bodies)):
            findings.add(Kind.CHANGED, "journal", key, "entries")


def _records() -> Any:
    entry = JournalEntryRow
    return (
        select(
            RecordRow.id,
            RecordRow.last_entry,
            RecordRow.inventory_sha512,
            RecordRow.record_json_sha256,
            entry.subject,
            entry.body,
        )
        .outerjoin(entry, entry.n == RecordRow.last_entry)
        .order_by(RecordRow.id)
    )


def _told(session: Session, record_id: str | None = None) -> Iterator[_Told]:
    query = select(JournalEntryRow.subject, JournalEntryRow.n, JournalEntryRow.type)
    query = query.where(JournalEntryRow.type.in_(CHANGES)).order_by(JournalEntryRow.subject, JournalEntryRow.n)
    if record_id is not None:
        query = query.where(JournalEntryRow.subject == f"record:{record_id}")
    lines = session.execute(query.execution_options(yield_per=2000))
    for subject, group in groupby(lines, key=lambda line: line.subject):
        last, kept = -1, 0
        for line in group:
            last, kept = line.n, kept + (line.type == EntryType.RECORD_KEPT)
        yield _Told(subject.removeprefix("record:"), last, kept)


def _differs(row: Any, told: _Told | None) -> tuple[Kind, str, str] | None:
    """Return the fault between a catalogue row and its entries, or None."""
    if told is None:
        return Kind.UNTRACKED, "database", "entry"
    if told.kept > 1:
        return Kind.DUPLICATE, "journal", "entry"
    if row.body is None or row.subject != f"record:{row.id}" or row.last_entry != told.last:
        return Kind.CHANGED, "database", "entry"
    facts = json.loads(row.body)["facts"]
    if (facts["inventory"], facts["record"]) != (row.inventory_sha512, row.record_json_sha256):
        return Kind.CHANGED, "database", "digest"
    return None
