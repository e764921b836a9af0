"""Rebuild database and journal from the store alone: layout, journal, register, tenants.

Nothing is claimed before the whole journal was read and its root is that of the last checkpoint.
Each step finds what an earlier, interrupted run has done and goes on from there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from archive.catalogue import tenant_register as register
from archive.catalogue.premis import JournalEvent, journal_event
from archive.custody import reports
from archive.custody.external_sort import Sorter
from archive.custody.findings import LISTED, Findings, Kind
from archive.custody.rebuild import disposed, newest, registers, rows, scans, sets
from archive.custody.rebuild import journal as published
from archive.custody.rebuild.holds import HoldsAgain
from archive.custody.rebuild.journal import Head, Stamped
from archive.custody.rebuild.owners import Owners
from archive.custody.rebuild.records import Found, by_key, grouped, read_record
from archive.custody.rebuild.statements import StatementsAgain
from archive.database.engine import Base, Database
from archive.database.tables import (
    AlarmRow,
    CheckpointRow,
    ClockRow,
    CustodyReportRow,
    JournalEntryRow,
    LeaseRow,
    RecordRow,
    StoreProbeRow,
    TenantRow,
)
from archive.journal.merkle import TILE, leaf_hash
from archive.journal.promises import Promises
from archive.journal.sequencer import Ledger, size
from archive.journal.types import EntryType
from archive.model.states import RecordState
from archive.objects.layout import TENANTS, RecordFolder, register_folder
from archive.objects.port import Listed, ObjectStore
from archive.retention import schedule
from signing.ground.canonical import parse_canonical
from signing.ground.clock import Clock, parse_stamp
from signing.ground.errors import Refused

NAME: Final = "rebuild"
_BATCH: Final = 64
"""Records read at once and written in one transaction."""
_READERS: Final = 8
_ENTRIES: Final = 10 * TILE
_FREE: Final = frozenset(row.__tablename__ for row in (AlarmRow, ClockRow, CustodyReportRow, LeaseRow, StoreProbeRow))
"""Tables that may hold rows before a rebuild."""

OnProgress = Callable[[str, int, int | None], None]
"""Called with step, number done, and total if known."""

InTransaction = Callable[[Session, Found], None]
"""Writes further rows with a record, in its transaction."""

_Listed = tuple[RecordFolder, list[Listed]]
"""The folder of a record, and every listed version in it."""


@dataclass
class Rebuilt:
    """The result of a rebuild.

    Attributes:
        recovered: Subjects whose entries were lost and written again, up to a bound.
        nameless: Tenants without a register file in the store: their names and rules are lost.
    """

    findings: Findings
    head: Head | None = None
    records: int = 0
    holds: int = 0
    statements: int = 0
    recovered: list[str] = field(default_factory=list)
    recovered_count: int = 0
    nameless: list[str] = field(default_factory=list)
    stored: Sorter = field(default_factory=Sorter)


class Rebuild:
    """One rebuild, or the rest of one that was interrupted.

    Args:
        in_transaction: Writes ingestion's rows of a record.
        copies: Further stores, whose journal may be newer.
        on_progress: Called with step, number done, and total if known.
        thorough: Read every byte of every record.
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        store: ObjectStore,
        clock: Clock,
        *,
        in_transaction: InTransaction = lambda _session, _found: None,
        copies: Sequence[ObjectStore] = (),
        on_progress: OnProgress = lambda _step, _done, _total: None,
        thorough: bool = False,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._in_transaction = in_transaction
        self._copies = copies
        self._on_progress = on_progress
        self._thorough = thorough
        self._published: datetime | None = None
        self._gone: frozenset[str] = frozenset()
        self._over: frozenset[str] = frozenset()
        self._ended: frozenset[str] = frozenset()

    def run(self, findings: Findings) -> Rebuilt:
        """Rebuild everything that the store holds; list what is damaged and go on.

        Raises:
            Refused: ``database_not_empty``, ``store_empty``.
            Corrupt: ``journal_damaged``: nothing was claimed.
        """
        self.require_empty()
        result = Rebuilt(findings, published.read_head(self._store))
        owners = Owners(self._store)
        earlier: list[Stamped] = []
        if result.head is not None:
            earlier = published.stamped(self._store, result.head)
            published.check(self._store, result.head, earlier, owners.show, self._step("journal_read"))
            owners.resolve(findings)
        with self._database.write() as session:
            reports.begin(session, NAME, self._clock())
        self._tenants(result, owners.claims())
        if result.head is not None:
            self._journal(result.head, owners)
            self._checkpoints(result.head, earlier)
        Promises(self._store).withdraw()  # of entries that are lost, and made again from here on
        stated = StatementsAgain(self._database, self._ledger, self._store, self._clock)
        result.statements = stated.restore(findings)
        for kind, key in scans.compare(self._store, self._database):
            findings.add(kind, "store", key, "scan")
        self._records(result)
        holds = HoldsAgain(self._database, self._ledger, self._store, self._clock)
        result.holds = holds.restore(findings, result.head.at if result.head is not None else None)
        for again in (stated.recovered, holds.recovered):
            result.recovered += again
            result.recovered_count += len(again)
        return result

    def require_empty(self) -> None:
        """Require a database that is empty or that an earlier rebuild left unfinished.

        Raises:
            Refused: ``database_not_empty``.
        """
        with self._database.read() as session:
            before = session.get(CustodyReportRow, NAME)
            if before is not None and before.ended_at is None:
                return
            used = [
                table.name
                for table in Base.metadata.sorted_tables
                if table.name not in _FREE and session.execute(select(table).limit(1)).first() is not None
            ]
        if used:
            raise Refused(
                "database_not_empty",
                "La base de données n’est pas vide ({tables}) : elle ne sera pas refaite.",
                kept="Rien n’a été changé.",
                action="Choisissez une base vide (CHARTRIER_DATABASE_URL), ou mettez l’actuelle de côté.",
                tables=", ".join(used[:5]),
            )

    def _step(self, name: str) -> Callable[[int, int], None]:
        return lambda done, total: self._on_progress(name, done, total)

    # -- tenants

    def _tenants(self, result: Rebuilt, claims: registers.Claims) -> None:
        """Restore each tenant from its latest claimed register file; report unclaimed files."""
        latest: dict[str, bytes] = {}
        there = []
        for file, content in registers.files(self._store):
            there.append(file)
            if registers.vouched(file, claims):
                latest[file.tenant] = content
        for kind, key in registers.compare(there, claims):
            result.findings.add(kind, "store", key, "register")
        for done, (tenant, content) in enumerate(sorted(latest.items()), 1):
            with self._database.write() as session:
                if session.get(TenantRow, tenant) is None:
                    register.restore(session, content)
            self._on_progress("tenants", done, len(latest))

    def _nameless(self, session: Session, result: Rebuilt, tenant: str) -> None:
        """Add a tenant that has no register file: with its short name and the bundled rules."""
        if session.get(TenantRow, tenant) is None:
            session.add(TenantRow(id=tenant, name=tenant, created_at=self._clock()))
            session.flush()
            schedule.load_pack(session, tenant, at=self._clock())
            result.nameless.append(tenant)
            result.findings.add(Kind.MISSING, "store", register_folder(tenant), "register")

    # -- journal

    def _journal(self, head: Head, owners: Owners) -> None:
        with self._database.read() as session:
            done = size(session)
        lines: list[dict[str, object]] = []
        for start, bodies in published.bundles(self._store, head.size, done):
            for n, body in enumerate(bodies, start):
                if n >= done:
                    lines.append(_line(n, body, owners))
            if len(lines) >= _ENTRIES or start + len(bodies) == head.size:
                with self._database.write() as session:
                    if lines:
                        session.execute(insert(JournalEntryRow), lines)
                lines = []
                self._on_progress("journal", start + len(bodies), head.size)

    def _checkpoints(self, head: Head, earlier: list[Stamped]) -> None:
        """Add the checkpoints, numbered anew: those never time-stamped are in no store."""
        wanted = [(one.size, one.root, one.note, one.token, one.at) for one in earlier]
        if not wanted or wanted[-1][0] < head.size:
            wanted.append((head.size, head.root, head.note, None, head.at))
        with self._database.write() as session:
            known = set(session.scalars(select(CheckpointRow.size)))
            for size_, root, note, token, at in wanted:
                if size_ not in known:
                    session.add(CheckpointRow(size=size_, root=root.hex(), note=note, token=token, published_at=at))
                    session.flush()

    # -- records

    def _records(self, result: Rebuilt) -> None:
        with self._database.read() as session:
            expected = session.scalar(
                select(func.count()).select_from(JournalEntryRow).where(JournalEntryRow.type == EntryType.RECORD_KEPT)
            )
        folders = grouped(self._store.list(TENANTS))
        newer = newest.told_by_copies(self._database, self._copies, result.head, result.findings)
        self._gone = disposed.decided(self._database)
        self._over = disposed.done(self._database) | newer.keys()
        with self._database.read() as session:
            self._ended = sets.ended(session) | newer.keys()
        self._published = self._last_published(result.head)
        with ThreadPoolExecutor(_READERS) as readers:
            while batch := list(islice(folders, _BATCH)):
                self._batch(result, [(folder, items) for folder, items in batch if folder is not None], readers)
                self._on_progress("records", result.records, max(expected or 0, result.records))
        disposed.restore(self._database, self._gone)
        disposed.restore_newer(self._database, newer)
        disposed.hand_over_again(self._database)
        self._missing(result)

    def _last_published(self, head: Head | None) -> datetime | None:
        """Return the time of the last published entry; None if the journal was never published."""
        with self._database.read() as session:
            row = session.get(JournalEntryRow, head.size - 1) if head is not None else None
        return row.at if row is not None else None

    def _batch(
        self, result: Rebuilt, batch: list[tuple[RecordFolder, list[Listed]]], readers: ThreadPoolExecutor
    ) -> None:
        ids = [folder.record_id for folder, _ in batch]
        with self._database.read() as session:
            done = set(session.scalars(select(RecordRow.id).where(RecordRow.id.in_(ids))))
            events = _events(session, [one for one in ids if one not in done])
        for record_id in done - self._ended:
            result.stored.add(record_id)
        for folder, _ in batch:
            if folder.record_id in self._over - done:
                result.findings.add(
                    Kind.UNTRACKED, "store", folder.root, RecordState.DISPOSED.value, record=folder.record_id
                )
        due = [(folder, items) for folder, items in batch if folder.record_id not in done | self._over]

        def read(item: _Listed) -> Found:
            folder, items = item
            told = events[folder.record_id]
            return read_record(
                self._store, folder, by_key(items), told, thorough=self._thorough, published=self._published
            )

        found = list(readers.map(read, due))
        if found:
            with self._database.write() as session:
                for one in found:
                    self._enter(session, result, one)
        result.records += len(done) + sum(one.whole for one in found)

    def _enter(self, session: Session, result: Rebuilt, found: Found) -> None:
        if found.record_id in self._gone and not found.whole:
            return  # its destruction was decided: what is left of it is destroyed next
        for fault in found.faults:
            result.findings.add(fault.kind, "store", fault.key, fault.detail, record=found.record_id)
        if found.unfinished:
            result.findings.add_begun(found.record_id)
        if not found.whole:
            return
        self._nameless(session, result, found.tenant)
        entry = None
        if found.ahead:
            entry = self._ledger.append(
                session,
                type=EntryType.RECORD_RECOVERED,
                tenant=found.tenant,
                subject=f"record:{found.record_id}",
                agent=None,
                facts=rows.facts(found, result.head.size if result.head is not None else 0),
            ).n
            result.recovered_count += 1
            if len(result.recovered) < LISTED:
                result.recovered.append(f"record:{found.record_id}")
        # what the store has lost may have moved its dates: nothing goes before they were judged
        rows.enter(session, found, entry).stale_since = self._clock()
        self._in_transaction(session, found)
        if found.record_id not in self._ended:
            result.stored.add(found.record_id)

    def _missing(self, result: Rebuilt) -> None:
        """Report records that are in the journal but not in the store."""
        listed = {finding.record_id for finding in result.findings.listed}
        lost = (
            select(JournalEntryRow.subject, JournalEntryRow.tenant_id)
            .where(
                JournalEntryRow.type == EntryType.RECORD_KEPT,
                ~select(RecordRow.id).where(JournalEntryRow.subject == "record:" + RecordRow.id).exists(),
            )
            .order_by(JournalEntryRow.n)
        )
        with self._database.read() as session:
            for subject, _ in session.execute(lost.execution_options(yield_per=1000)):
                record_id = subject.removeprefix("record:")
                if record_id not in listed:
                    result.findings.add(Kind.MISSING, "store", subject, "record", record=record_id)


def require_finished(database: Database) -> None:
    """Refuse to start over a database that was rebuilt only in part.

    Raises:
        Refused: ``rebuild_unfinished``.
    """
    with database.read() as session:
        row = reports.latest(session, NAME)
    if row is not None and row.ended_at is None:
        raise Refused(
            "rebuild_unfinished",
            "La base n’a été refaite qu’en partie depuis le magasin : le service ne démarre pas sur elle.",
            kept="Ce qui est refait reste en place.",
            action="Relancez « chartrier rebuild all » : il reprend où il s’était arrêté.",
        )


def _line(n: int, body: bytes, owners: Owners) -> dict[str, object]:
    entry = parse_canonical(body)
    return {
        "n": n,
        "at": parse_stamp(entry["at"]),
        "type": entry["type"],
        "tenant_id": owners.of(entry["tenant"]),
        "subject": entry["subject"],
        "body": body,
        "leaf_hash": leaf_hash(body).hex(),
    }


def _events(session: Session, ids: Sequence[str]) -> dict[str, list[JournalEvent]]:
    """Return the journal entries about records, in order, by record."""
    events: dict[str, list[JournalEvent]] = defaultdict(list)
    query = select(JournalEntryRow.n, JournalEntryRow.subject, JournalEntryRow.body)
    query = query.where(JournalEntryRow.subject.in_([f"record:{one}" for one in ids])).order_by(JournalEntryRow.n)
    for n, subject, body in session.execute(query):
        events[subject.removeprefix("record:")].append(journal_event(n, body))
    return events
