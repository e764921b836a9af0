"""Readers of an installation: each says in a word what it sees of a subject.

The question is the same for all: is it *whole*, as the journal states it? A reader that does not
apply to a subject says ``-``:

- *evidence*, *search* and *offline* (``archive verify``) are about records. Of a deposit that is no
  record yet they must say nothing at all, and that is asked.
- *verify* of a deposit is what its depositor can verify: the receipt, by ``verify.py``.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

from sqlalchemy import select

from api.views.deposit import view
from archive.catalogue import rows as catalogue
from archive.database.tables import HoldRow, JournalEntryRow, RecordRow
from archive.evidence.verify import read_receipt
from archive.holdings.verify import look
from archive.journal.types import CHANGES, EntryType
from ingestion.assembly import System
from ingestion.deposits.states import DepositState
from ingestion.processing.quarantine_decisions import LEAVING
from ingestion.reception.receipts import Receipts
from ingestion.tables import DepositRow
from signing.ground.errors import ChartrierError
from tests.crash_subjects import Subject

NONE, WHOLE, DAMAGED, NOT_ASKED = "none", "whole", "damaged", "-"


class RecordReaders:
    """Readers of a record.

    Args:
        folder: Where bundles are written.
        settled: Whether all that follows by itself has followed.
    """

    def __init__(self, system: System, folder: Path, *, settled: bool) -> None:
        self._system = system
        self._folder = folder
        self._settled = settled

    def claimed(self, one: Subject) -> str | None:
        """Return the inventory that the journal claims, by its SHA-512."""
        query = select(JournalEntryRow.body).where(
            JournalEntryRow.subject == f"record:{one.record}", JournalEntryRow.type.in_(CHANGES)
        )
        with self._system.database.read() as session:
            bodies = list(session.scalars(query.order_by(JournalEntryRow.n)))
        return json.loads(bodies[-1])["facts"]["inventory"] if bodies else None

    def verify(self, one: Subject) -> str:
        """Verify the record, as its page and the weekly check do."""
        if one.claimed is None:
            return NONE if _row(self._system, one) is None else "unclaimed record"
        return WHOLE if look(self._system.stores, "demo", one.record).is_whole else DAMAGED

    def evidence(self, one: Subject) -> str:
        """Ask for the bundle, which our own verifier judges first."""
        target = self._folder / "evidence.zip"
        try:
            self._system.evidence.checked_bundle("demo", one.record, target)
        except ChartrierError as error:
            return {"record_not_found": NONE, "missing": DAMAGED, "altered": DAMAGED}.get(error.code, error.code)
        with zipfile.ZipFile(target) as bundle:
            inventory = hashlib.sha512(bundle.read("inventory.json")).hexdigest()
        return WHOLE if inventory == one.claimed else "another inventory"

    def page(self, one: Subject, system: System | None = None) -> str:
        """Read what a page shows: the catalogue, its holds those that the journal states."""
        system = system or self._system
        row = _row(system, one)
        if row is None:
            return NONE
        with system.database.read() as session:
            shown = catalogue.view(session, "demo", one.record)
            holds = {hold["id"] for hold in shown["holds"]}
            stated = {h.id for h in session.scalars(select(HoldRow)) if h.released_at is None}
        agreed = row.inventory_sha512 == one.claimed and holds <= stated
        if one.far is not None:
            told, journalled = one.far(system)
            ahead = 0 if self._settled or system is self._system else 1  # the store may lack the last one
            agreed = agreed and journalled - ahead <= told <= journalled
        return WHOLE if agreed else "another state"

    def search(self, one: Subject) -> str:
        """Look the record up in the index."""
        row, revision = _row(self._system, one), _indexed(self._system, one.record)
        if row is None or revision is None:
            return NONE if row is None and revision is None else "not found"
        return WHOLE if revision == row.revision else "another revision"

    def rebuild(self, one: Subject, rebuilt: System) -> str:
        """Read the page of an installation that was rebuilt from the store alone.

        An archivist's act may be one step ahead or behind there until it is settled: the store
        follows the decision, and a register's file comes before it.
        """
        if one.far is not None:
            apart = abs(one.far(rebuilt)[0] - one.far(self._system)[0])
            if apart > (0 if self._settled else 1):
                return "another statement"
        return self.page(one, rebuilt)


class DepositReaders(RecordReaders):
    """Readers of a deposit that is no record yet."""

    def claimed(self, one: Subject) -> str | None:
        """Return the deposit that the journal says was received; more than one is a fault."""
        ids = self._ids(self._system, one)
        return ", ".join(ids) or None

    def verify(self, one: Subject) -> str:
        """Verify the receipt, as its depositor does."""
        return self._acknowledged(self._system, one)

    def evidence(self, one: Subject) -> str:
        """Ask for the evidence of the record that it may become: there is none."""
        with self._system.database.read() as session:
            row = session.get(DepositRow, one.claimed or "")
        return NOT_ASKED if super().evidence(Subject((row and row.record_id) or "none")) == NONE else "a record"

    def page(self, one: Subject, system: System | None = None) -> str:
        """Read the page of the deposit: its digest, its entry and its state are the journal's."""
        system = system or self._system
        rows, entries = self._rows(system, one), self._ids(system, one)
        if not rows and not entries:
            return NONE
        if [row.id for row in rows] != entries:
            return "another deposit"
        with system.database.read() as session:
            shown = view(session, session.merge(rows[0]))
            about = select(JournalEntryRow).where(JournalEntryRow.subject == f"deposit:{rows[0].id}")
            told = [entry.type for entry in session.scalars(about.order_by(JournalEntryRow.n))]
        aside = told[-1] == EntryType.DEPOSIT_QUARANTINED
        agreed = shown["receipt"]["entry"] == rows[0].entry
        agreed = agreed and (shown["state"] == DepositState.QUARANTINED) == aside
        agreed = agreed and told.count(EntryType.DEPOSIT_RETRIED) <= 1
        return WHOLE if agreed else "another state"

    def search(self, one: Subject) -> str:
        """Look for it in the index, where only records are."""
        with self._system.database.read() as session:
            row = session.get(DepositRow, one.claimed or "")
        return NOT_ASKED if row is None or _indexed(self._system, row.record_id or "") is None else "found"

    def rebuild(self, one: Subject, rebuilt: System) -> str:
        """Read page and receipt of an installation that was rebuilt from the store alone.

        From the store alone nobody can tell whether the transaction that acknowledged a deposit
        was ever committed, when its entry is in no checkpoint: it is recovered, and said to be.
        """
        if one.claimed is not None and self._is_destroyed(rebuilt, one):
            return WHOLE if self._is_destroyed(self._system, one) or self._is_leaving(one) else "destroyed"
        shown = self.page(one, rebuilt)
        if one.claimed is None:
            with rebuilt.database.read() as session:
                query = select(JournalEntryRow).where(JournalEntryRow.type == EntryType.DEPOSIT_RECOVERED)
                recovered = {json.loads(entry.body)["facts"]["sha-256"] for entry in session.scalars(query)}
            return NONE if shown == NONE or _sha256(one.received) in recovered else "invented"
        return self._acknowledged(rebuilt, one) if shown == WHOLE else shown

    def _acknowledged(self, system: System, one: Subject) -> str:
        rows = self._rows(system, one)
        if one.claimed is None:
            return NONE if not rows else "unclaimed deposit"
        try:
            served = Receipts(system.stores, system.log_key).of("demo", one.claimed)
            told = read_receipt(json.dumps(served).encode(), system.log_key.vkey)
        except ChartrierError as error:
            return error.code
        return WHOLE if told["sha-256"] == _sha256(one.received) else "other bytes"

    def _is_destroyed(self, system: System, one: Subject) -> bool:
        """Whether the journal says that the bytes of a refused deposit went."""
        query = select(JournalEntryRow.type).where(JournalEntryRow.subject == f"deposit:{one.claimed}")
        with system.database.read() as session:
            return EntryType.DEPOSIT_DESTROYED in session.scalars(query)

    def _is_leaving(self, one: Subject) -> bool:
        """Whether its destruction is decided and goes on: what is rebuilt may be one step ahead."""
        with self._system.database.read() as session:
            row = session.get(DepositRow, one.claimed or "")
        return not self._settled and row is not None and (row.problem or {}).get("code") == LEAVING

    def _ids(self, system: System, one: Subject) -> list[str]:
        query = select(JournalEntryRow).where(
            JournalEntryRow.type.in_((EntryType.DEPOSIT_RECEIVED, EntryType.DEPOSIT_RECOVERED))
        )
        with system.database.read() as session:
            told = [(entry.subject, json.loads(entry.body)["facts"]) for entry in session.scalars(query)]
        return [subject.partition(":")[2] for subject, facts in told if facts["sha-256"] == _sha256(one.received)]

    def _rows(self, system: System, one: Subject) -> list[DepositRow]:
        with system.database.read() as session:
            return list(session.scalars(select(DepositRow).where(DepositRow.sha256 == _sha256(one.received))))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _row(system: System, one: Subject) -> RecordRow | None:
    with system.database.read() as session:
        return session.get(RecordRow, one.record)


def _indexed(system: System, record: str) -> int | None:
    return dict(system.index.record_ids("demo")).get(record)
