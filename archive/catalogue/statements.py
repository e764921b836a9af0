"""Statements: what an archivist decides about a node, an event …, kept with its proof.

A statement gives its object whole, as it is from then on; the next one about the same object
corrects it. The decision is committed first: the statement's row, its journal entry and the rows
that repeat it, in one transaction. Then the store follows, outside every transaction; a program
that dies in between leaves the statement not settled, for the next run.

The journal has the digest alone; names and reasons stay in the statement.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.retention_tables import StatementRow
from archive.journal.effects import Subject
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.statement_kinds import StatementKind
from archive.objects.layout import StatementKey, register_key
from archive.objects.port import ObjectStore, Unreadable, read_all
from archive.retention.dates import farthest_lock
from signing.ground.canonical import canonical, parse_canonical
from signing.ground.clock import Clock, parse_stamp, stamp
from signing.ground.errors import Corrupt, Refused

BATCH: Final = 200


@dataclass(frozen=True)
class Statement:
    """One statement, as it was made or read.

    Attributes:
        subject: Identifier of its object.
        number: 1, 2, 3 … of this object.
        change: What was done, one word of ours: ``created``, ``moved``, ``withdrawn`` ….
        body: The object whole, as JSON.
        digest: SHA-256 of its bytes, as in the journal.
    """

    tenant: str
    kind: StatementKind
    subject: str
    number: int
    change: str
    at: datetime
    body: Mapping[str, Any]
    content: bytes
    digest: str

    @property
    def key(self) -> str:
        """Key of the statement in the store."""
        return StatementKey(self.tenant, self.kind.value, self.subject, self.number).key


@dataclass
class Settled:
    """The result of one run.

    Attributes:
        settled: Statements that the store now has.
        failed: Error code by key.
    """

    settled: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def state(
    session: Session,
    ledger: Ledger,
    *,
    tenant: str,
    kind: StatementKind,
    subject: str,
    expected: int,
    change: str,
    body: Mapping[str, Any],
    entry_type: EntryType,
    agent: str,
    now: datetime,
    more: Mapping[str, str] | None = None,
) -> tuple[Statement, int]:
    """State an object inside the caller's transaction; return the statement and its entry's number.

    The caller writes the rows that repeat it in the same transaction.

    Args:
        expected: Number of the statement that the caller read; 0 for a new object.
        more: Digests that its entry has beside that of the statement.

    Raises:
        Refused: ``precondition_failed``: somebody else stated it meanwhile.
    """
    last = latest_number(session, kind, subject)
    if last != expected:
        raise Refused(
            "precondition_failed",
            "Quelqu’un d’autre l’a modifié entre-temps.",
            kept="Votre modification n’a pas été enregistrée.",
            action="Relisez ce qui est en place, puis recommencez.",
        )
    content = canonical(
        {
            "v": 1,
            "type": "statement",
            "kind": kind.value,
            "subject": subject,
            "number": last + 1,
            "tenant": tenant,
            "change": change,
            "at": stamp(now),
            "body": body,
            "salt": secrets.token_hex(16),
        }
    )
    statement = read(content)
    return statement, claim(session, ledger, statement, entry_type=entry_type, agent=agent, more=more)


def claim(
    session: Session,
    ledger: Ledger,
    statement: Statement,
    *,
    entry_type: EntryType,
    agent: str | None,
    more: Mapping[str, str] | None = None,
) -> int:
    """Write the entry and the row of a statement; return the number of the entry."""
    entry = ledger.append(
        session,
        type=entry_type,
        tenant=statement.tenant,
        subject=f"{Subject.STATEMENT}:{statement.kind}:{statement.subject}",
        agent=agent,
        facts={"number": statement.number, "change": statement.change, "statement": statement.digest, **(more or {})},
    )
    enter(session, statement, entry.n, agent or "service:inconnu")
    return entry.n


def enter(session: Session, statement: Statement, entry: int, agent: str, settled_at: datetime | None = None) -> None:
    """Write the row of a statement that the journal has."""
    session.add(
        StatementRow(
            kind=statement.kind.value,
            subject=statement.subject,
            number=statement.number,
            tenant_id=statement.tenant,
            content=statement.content,
            sha256=statement.digest,
            agent=agent,
            entry=entry,
            settled_at=settled_at,
        )
    )
    session.flush()


def read(content: bytes, key: str | None = None) -> Statement:
    """Read a statement from its bytes.

    Args:
        key: Where it lies in the store, if it does.

    Raises:
        ValueError: It is no statement, or not one of this place.
    """
    told = parse_canonical(content)
    try:
        statement = Statement(
            told["tenant"],
            StatementKind(told["kind"]),
            told["subject"],
            told["number"],
            told["change"],
            parse_stamp(told["at"]),
            told["body"],
            content,
            digest_of(content),
        )
        if (told["v"], told["type"]) != (1, "statement") or not isinstance(told["body"], dict):
            raise ValueError("not a statement")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("an incomplete statement") from error
    if not isinstance(register_key(statement.key), StatementKey) or key not in {None, statement.key}:
        raise ValueError(f"a statement of another place: {key}")
    return statement


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of a statement, as it is journalled."""
    return sha256(content).hexdigest()


def latest_number(session: Session, kind: StatementKind, subject: str) -> int:
    """Return the number of the latest statement about an object; 0 if there is none."""
    query = select(func.max(StatementRow.number)).where(StatementRow.kind == kind, StatementRow.subject == subject)
    return session.scalar(query) or 0


def latest(session: Session, tenant: str, kind: StatementKind, subject: str) -> Statement | None:
    """Return the latest statement about a tenant's object; None if there is none."""
    told = history(session, tenant, kind, subject)
    return told[-1][0] if told else None


def history(session: Session, tenant: str, kind: StatementKind, subject: str) -> list[tuple[Statement, str, int]]:
    """Return every statement about a tenant's object with its agent and entry, oldest first."""
    query = select(StatementRow).where(
        StatementRow.kind == kind, StatementRow.subject == subject, StatementRow.tenant_id == tenant
    )
    rows = session.scalars(query.order_by(StatementRow.number))
    return [(read(row.content), row.agent, row.entry) for row in rows]


class Statements:
    """Bring the store in step with the statements that were made.

    Args:
        horizon_days: Lock of each; 0 = for as long as a store can.
        certain: Gives the moment by which locks are judged.
    """

    def __init__(
        self, database: Database, store: ObjectStore, clock: Clock, horizon_days: int, certain: Clock | None = None
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._horizon = horizon_days
        self._certain = certain or clock

    def is_any_new(self) -> bool:
        """Whether a statement was made that the store does not have yet."""
        with self._database.read() as session:
            return (
                session.scalar(select(StatementRow.entry).where(StatementRow.settled_at.is_(None)).limit(1)) is not None
            )

    def settle(self) -> Settled:
        """Write every statement that the store lacks; one failure doesn't stop the rest.

        Raises:
            Unavailable: The store or the database did not answer; call again.
        """
        done, after = Settled(), -1
        until = farthest_lock(self._certain().date(), self._horizon)
        while True:
            with self._database.read() as session:
                query = select(StatementRow).where(StatementRow.settled_at.is_(None), StatementRow.entry > after)
                rows = session.scalars(query.order_by(StatementRow.entry).limit(BATCH)).all()
            there = []
            for row in rows:
                after = row.entry
                key = StatementKey(row.tenant_id, row.kind, row.subject, row.number).key
                try:
                    self._put(key, row, until)
                    there.append((row.kind, row.subject, row.number))
                except (Corrupt, Refused, Unreadable) as error:
                    done.failed[key] = error.code
            with self._database.write() as session:
                for identity in there:
                    session.get_one(StatementRow, identity).settled_at = self._clock()
            done.settled += len(there)
            if len(rows) < BATCH:
                return done

    def _put(self, key: str, row: StatementRow, until: Any) -> None:
        try:
            self._store.put(key, row.content, sha256=row.sha256, retain_until=until)
        except Refused as error:  # written by a run that died before it said so
            if error.code != "object_exists" or digest_of(read_all(self._store, key)) != row.sha256:
                raise
