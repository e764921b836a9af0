"""Reconcile rows that state decisions: holds, tenants with types and rules; probes and copies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session

from archive.catalogue import tenant_register as register
from archive.custody.findings import LISTED, Findings, Kind
from archive.custody.rebuild import statements as statements_again
from archive.custody.rebuild.holds import decisions
from archive.custody.rebuild.records import folder_of
from archive.custody.reconcile.leaves import Pseudonyms
from archive.database.batches import batches
from archive.database.engine import Base, Database
from archive.database.tables import (
    CopyRow,
    HeldRecordRow,
    HoldRow,
    JournalEntryRow,
    RecordRow,
    RepresentationRow,
    StoredFileRow,
    StoreProbeRow,
    TenantRow,
)
from archive.disposition.holds import statements
from archive.disposition.holds.statements import PLACED, RELEASED, digest_of
from archive.journal.pseudonyms import AGENT
from archive.journal.types import EntryType
from archive.objects.challenges import REASONS
from archive.objects.port import Assurance, ObjectStore

_PLACE = "database"


class DecisionReconciliation:
    """Compare what was decided with what the journal says was decided."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    def check(self, findings: Findings) -> None:
        """Compare holds, tenants and probes."""
        with self._database.read() as session:
            for what, detail in (
                *self._holds(session),
                *self._tenants(session),
                *_statements(session),
                *_probes(session),
            ):
                findings.add(Kind.CHANGED, _PLACE, what, detail)

    def everything(self, findings: Findings) -> None:
        """Compare copies, and find rows that refer to a row that is not there."""
        with self._database.read() as session:
            for what, detail in _copies(session):
                findings.add(Kind.CHANGED, _PLACE, what, detail)
            for table in Base.metadata.sorted_tables:
                for key in table.foreign_keys:
                    there = exists().where(key.column == key.parent).correlate(table)
                    query = select(key.parent).where(key.parent.is_not(None), ~there).distinct().limit(LISTED)
                    for value in session.scalars(query):
                        findings.add(Kind.CHANGED, _PLACE, str(value), f"{table.name}.{key.parent.name}")

    def _holds(self, session: Session) -> Iterator[tuple[str, str]]:
        told: dict[str, dict[str, list[Any]]] = defaultdict(lambda: {PLACED: [], RELEASED: []})
        for what, hold_id, entry in decisions(session):
            told[hold_id][what].append(entry)
        names = Pseudonyms.load(session)
        rows = {row.id: row for row in session.scalars(select(HoldRow))}
        for hold_id in sorted(told.keys() | rows.keys()):
            if hold_id not in rows:
                yield f"hold:{hold_id}", "holds.id"
            else:
                for detail in _of_hold(session, rows[hold_id], told[hold_id], names):
                    yield f"hold:{hold_id}", detail

    def _tenants(self, session: Session) -> Iterator[tuple[str, str]]:
        there = set(session.scalars(select(TenantRow.id)))
        entry = JournalEntryRow
        claimed = set(session.scalars(select(entry.tenant_id).where(entry.subject == register.SUBJECT)))
        for tenant in sorted(there ^ {one for one in claimed if one is not None}):
            yield f"tenant:{tenant}", "tenants.id"
        for tenant in sorted(there & claimed):
            for detail in register.disagreements(session, self._store, tenant):
                yield f"tenant:{tenant}", detail


def _of_hold(session: Session, row: HoldRow, told: dict[str, list[Any]], names: Pseudonyms) -> Iterator[str]:
    placed, released = told[PLACED], told[RELEASED]
    covered = sorted({entry.record_id for entry in placed} - {None})
    if not placed:
        yield "holds.id"
        return
    late = {entry.record_id for entry in placed if entry.type is EntryType.HOLD_EXTENDED}
    claimed = {entry.facts["statement"] for entry in placed}
    first = [record_id for record_id in covered if record_id not in late]
    if not claimed & {digest_of(statements.placed(row, records)) for records in (first, covered)}:
        yield "holds.placed"
    if row.scope is not None and row.statement_sha256 not in claimed:
        yield "holds.statement_sha256"
    since = {entry.record_id: entry.at for entry in placed if entry.record_id in late - set(first)}
    rows = {one.record_id: one for one in session.scalars(select(HeldRecordRow).where(HeldRecordRow.hold_id == row.id))}
    held = set(rows)
    if row.scope is not None and any(one.since != since.get(record_id) for record_id, one in rows.items()):
        yield "held_records.since"
    there: set[str] = set()
    for some in batches(covered):
        there |= set(session.scalars(select(RecordRow.id).where(RecordRow.id.in_(some))))
    if held != there:
        yield "held_records.record_id"
    if not _by(row.placed_by, placed, names, row.tenant_id):
        yield "holds.placed_by"
    if bool(released) != (row.released_at is not None):
        yield "holds.released_at"
    elif released:
        if digest_of(statements.released(row)) not in {entry.facts["statement"] for entry in released}:
            yield "holds.released"
        alone = all(entry.facts["ended"] == "expired" for entry in released)
        by = row.released_by
        if alone != (by is None) or (by is not None and not _by(by, released, names, row.tenant_id)):
            yield "holds.released_by"


def _by(who: str, entries: list[Any], names: Pseudonyms, tenant: str) -> bool:
    """Whether the agents of the entries may be this one; entries made again have none."""
    agents = {entry.agent for entry in entries if entry.agent is not None}
    return not agents or any(who == agent or names.agrees(agent, AGENT, who, tenant) for agent in agents)


def _statements(session: Session) -> Iterator[tuple[str, str]]:
    names = Pseudonyms.load(session)

    def by(who: str, agent: str | None, tenant: str) -> bool:
        return agent is None or who == agent or names.agrees(agent, AGENT, who, tenant)

    return statements_again.disagreements(session, by)


def _copies(session: Session) -> Iterator[tuple[str, str]]:
    """Compare what the catalogue and the rows of the copy say about the same version."""
    for table in (RepresentationRow, StoredFileRow):
        query = select(CopyRow, table.sha256, table.size, table.record_id).join(
            table, and_(table.key == CopyRow.key, table.version == CopyRow.version)
        )
        for row, sha256, size, record_id in session.execute(query.execution_options(yield_per=2000)):
            told = {"sha256": sha256, "size": size, "record_id": record_id}
            for name, value in told.items():
                if getattr(row, name) != value:
                    yield row.key, f"copies.{name}"
    for key in session.scalars(select(CopyRow.key).where(CopyRow.record_id.is_(None)).order_by(CopyRow.key)):
        if folder_of(key) is not None:
            yield key, "copies.record_id"


def _probes(session: Session) -> Iterator[tuple[str, str]]:
    """Check that no probe claims an assurance that its own attempts do not show."""
    weak = {text for name, text in REASONS.items() if name != "refused"}
    for row in session.scalars(select(StoreProbeRow).where(StoreProbeRow.assurance == Assurance.ENFORCED.value)):
        refused = [one["outcome"] == "refused" for one in row.attempts]
        if not refused or not all(refused) or row.reason in weak:
            yield f"probe:{row.id}", "store_probes.assurance"
