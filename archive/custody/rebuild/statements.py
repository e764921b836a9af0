"""Rebuild what archivists stated: the filing plan, events …, from the store and the journal.

A statement counts if an entry of the journal has its digest. One that the store holds although the
journal lost its entry was made in the last minutes before the loss: it is claimed again, if it
follows what is known about its object.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import filing_plan, statements
from archive.catalogue.statements import Statement
from archive.custody.findings import Findings, Kind
from archive.database.engine import Database
from archive.database.retention_tables import StatementRow
from archive.database.tables import JournalEntryRow, TenantRow
from archive.disposition.disposals import projection
from archive.journal.effects import RebuildEffect, Subject
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType, rebuilding
from archive.model.statement_kinds import StatementKind
from archive.objects.layout import REGISTER, StatementKey, register_key
from archive.objects.port import ObjectStore, Unreadable, read_all
from signing.ground.clock import Clock

_UNKNOWN_AGENT = "service:inconnu"
STATED = rebuilding(RebuildEffect.STATE)
"""Types of entries that claim a statement."""

Identity = tuple[str, str, int]
"""Kind, subject and number of a statement."""


@dataclass(frozen=True)
class Claimed:
    """What an entry says of a statement."""

    tenant: str | None
    digest: str
    entry: int
    agent: str | None
    at: datetime


class StatementsAgain:
    """Restore the statements of a rebuild, before the records that they place.

    Attributes:
        recovered: Statements for which an entry was written again.
    """

    def __init__(self, database: Database, ledger: Ledger, store: ObjectStore, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self.recovered: list[str] = []
        self._faulty: set[str] = set()

    def restore(self, findings: Findings) -> int:
        """Enter every statement that is not there yet, in the order of the journal; count them."""
        with self._database.read() as session:
            claims = claimed(session)
            done = {(row.kind, row.subject, row.number) for row in session.scalars(select(StatementRow))}
        found, loose = self._read(findings, claims)
        for identity, told in sorted(claims.items(), key=lambda item: item[1].entry):
            statement = found.get(identity)
            if statement is None:
                kind, subject, number = identity
                key = StatementKey(told.tenant or "", kind, subject, number).key
                if key not in self._faulty:
                    findings.add(Kind.MISSING, "store", key, "statement")
            elif identity not in done:
                with self._database.write() as session:
                    statements.enter(session, statement, told.entry, told.agent or _UNKNOWN_AGENT, self._clock())
                    self._project(session, statement, told.entry)
        for statement in sorted(loose, key=lambda one: (one.at, one.number)):
            self._claim_again(findings, statement)
        return len(found) + len(self.recovered)

    def _read(
        self, findings: Findings, claims: dict[Identity, Claimed]
    ) -> tuple[dict[Identity, Statement], list[Statement]]:
        """Return the statements that entries claim, and those that no entry claims."""
        found: dict[Identity, Statement] = {}
        loose: list[Statement] = []
        for key, content in files(self._store):
            try:
                statement = statements.read(content, key) if content is not None else None
            except ValueError:
                self._fault(findings, Kind.CHANGED, key, "statement")
                continue
            if statement is None:
                self._fault(findings, Kind.UNREADABLE, key, "statement")
                continue
            identity = (statement.kind.value, statement.subject, statement.number)
            told = claims.get(identity)
            if told is None:
                loose.append(statement)
            elif told.digest != statement.digest:
                self._fault(findings, Kind.CHANGED, key, "journal")
            else:
                found[identity] = statement
        return found, loose

    def _fault(self, findings: Findings, kind: Kind, key: str, detail: str) -> None:
        findings.add(kind, "store", key, detail)
        self._faulty.add(key)

    def _claim_again(self, findings: Findings, statement: Statement) -> None:
        with self._database.write() as session:
            follows = statements.latest_number(session, statement.kind, statement.subject) == statement.number - 1
            if session.get(TenantRow, statement.tenant) is None or not follows:
                findings.add(Kind.UNTRACKED, "store", statement.key, "statement")
                return
            entry = statements.claim(
                session, self._ledger, statement, entry_type=EntryType.STATEMENT_RECOVERED, agent=None
            )
            self._project(session, statement, entry)
        self.recovered.append(f"{Subject.STATEMENT}:{statement.kind}:{statement.subject}")

    def _project(self, session: Session, statement: Statement, entry: int) -> None:
        filing_plan.project(session, statement, entry)
        projection.follow(session, statement)


def claimed(session: Session) -> dict[Identity, Claimed]:
    """Return what the journal says of every statement."""
    found: dict[Identity, Claimed] = {}
    query = select(JournalEntryRow).where(JournalEntryRow.type.in_(STATED)).order_by(JournalEntryRow.n)
    for row in session.scalars(query.execution_options(yield_per=1000)):
        entry: dict[str, Any] = json.loads(row.body)
        _, kind, subject = row.subject.split(":", 2)
        facts = entry["facts"]
        told = Claimed(row.tenant_id, facts["statement"], row.n, entry["agent"], row.at)
        found[kind, subject, facts["number"]] = told
    return found


def files(store: ObjectStore) -> Iterator[tuple[str, bytes | None]]:
    """Read every statement of the store: key and bytes (None if unreadable).

    The oldest version of a key is the one that we wrote: a statement is never replaced.
    """
    seen = ""
    for item in store.list(REGISTER):
        if item.marker or item.key == seen or not isinstance(register_key(item.key), StatementKey):
            continue
        seen = item.key
        try:
            yield item.key, read_all(store, item.key, item.version)
        except Unreadable:
            yield item.key, None


def compare(store: ObjectStore, database: Database) -> list[tuple[Kind, str]]:
    """Return each faulty key of a statement with its kind of fault."""
    with database.read() as session:
        claims = claimed(session)
        waiting = {
            (row.kind, row.subject, row.number)
            for row in session.scalars(select(StatementRow).where(StatementRow.settled_at.is_(None)))
        }
    found: list[tuple[Kind, str]] = []
    there: dict[tuple[str, Identity], bool] = defaultdict(bool)
    for key, content in files(store):
        place = register_key(key)
        assert isinstance(place, StatementKey)  # noqa: S101 - files() yields no other
        told = claims.get((place.kind, place.subject, place.number))
        if content is None:
            found.append((Kind.UNREADABLE, key))
        elif told is None:
            found.append((Kind.UNTRACKED, key))
        elif statements.digest_of(content) != told.digest or place.tenant != told.tenant:
            found.append((Kind.CHANGED, key))
        there[place.tenant, (place.kind, place.subject, place.number)] = True
    for identity, told in claims.items():
        if told.tenant is not None and not there[told.tenant, identity] and identity not in waiting:
            found.append((Kind.MISSING, StatementKey(told.tenant, *identity).key))
    return sorted(found, key=lambda one: one[1])


def disagreements(session: Session, by: Callable[[str, str | None, str], bool]) -> Iterator[tuple[str, str]]:
    """Return subject and ``table.column`` of each row that contradicts its entry or statement.

    Args:
        by: Whether an agent may be the one of an entry: agent, the entry's, tenant.
    """
    claims = claimed(session)
    latest: dict[tuple[str, str], tuple[Statement, int]] = {}
    for row in session.scalars(select(StatementRow).order_by(StatementRow.entry).execution_options(yield_per=1000)):
        subject = f"{Subject.STATEMENT}:{row.kind}:{row.subject}"
        told = claims.pop((row.kind, row.subject, row.number), None)
        if told is None:
            yield subject, "statements.number"
            continue
        expected = {"sha256": told.digest, "entry": told.entry, "tenant_id": told.tenant}
        yield from ((subject, f"statements.{name}") for name, value in expected.items() if getattr(row, name) != value)
        if not by(row.agent, told.agent, row.tenant_id):
            yield subject, "statements.agent"
        if statements.digest_of(row.content) != told.digest:
            yield subject, "statements.content"
            continue
        statement = statements.read(row.content)
        before = latest.get((row.kind, row.subject))
        if before is None or before[0].number < statement.number:
            latest[row.kind, row.subject] = statement, told.entry
    for kind, subject, _ in claims:
        yield f"{Subject.STATEMENT}:{kind}:{subject}", "statements.number"
    yield from _repeated(session, latest)


def _repeated(session: Session, latest: dict[tuple[str, str], tuple[Statement, int]]) -> Iterator[tuple[str, str]]:
    for kind, table in filing_plan.TABLES.items():
        rows: Iterable[Any] = session.scalars(select(table))
        there = {row.id: row for row in rows}
        wanted = {subject: told for (name, subject), told in latest.items() if StatementKind(name) is kind}
        for subject in sorted(there.keys() ^ wanted.keys()):
            yield f"{Subject.STATEMENT}:{kind}:{subject}", f"{table.__tablename__}.id"
        for subject in sorted(there.keys() & wanted.keys()):
            for name, value in filing_plan.columns(*wanted[subject]).items():
                if getattr(there[subject], name) != value:
                    yield f"{Subject.STATEMENT}:{kind}:{subject}", f"{table.__tablename__}.{name}"
