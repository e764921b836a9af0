"""Sequencer of the journal: number each entry in the transaction of its change."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.tables import JournalEntryRow
from archive.database.time_sense import note_entry
from archive.journal.effects import Subject
from archive.journal.merkle import entry_body, leaf_hash
from archive.journal.pseudonyms import AGENT, TENANT, pseudonym
from archive.journal.types import EntryType, registered
from archive.objects.layout import LAYOUT_JSON
from archive.objects.port import ObjectStore, found
from signing.ground.clock import Clock

_TURN: Final = 0x4368_6172
"""PostgreSQL advisory lock that makes writers of the journal wait for each other."""


@dataclass(frozen=True)
class Entry:
    """One sequenced entry.

    Attributes:
        n: Its number, from 0, without gaps.
        tenant: Plain tenant id (for rights); the body carries the pseudonym.
        body: Canonical JSON, byte for byte what is published.
        leaf_hash: RFC 6962 leaf hash, hex.
    """

    n: int
    at: datetime
    type: str
    tenant: str | None
    subject: str
    body: bytes
    leaf_hash: str


class Ledger:
    """Append to and read the journal.

    Args:
        database: Database in which the journal is sequenced.
        clock: Gives the time of an entry.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def append(
        self,
        session: Session,
        *,
        type: EntryType,  # noqa: A002 - the word of the entry itself
        tenant: str | None,
        subject: str,
        agent: str | None,
        facts: dict[str, Any],
    ) -> Entry:
        """Add an entry inside the caller's transaction, so that both are committed or neither.

        Args:
            session: From ``database.write()``.
            tenant: Plain tenant id; the entry has its pseudonym.
            subject: ``record:<id>``, ``deposit:<id>`` …: our own ids, nothing personal.
            agent: ``user:<id>``, ``key:<id>``, ``service:<name>``; the entry has its pseudonym.
            facts: Ids, digests, numbers and words of ours. No floats, nothing personal.

        Raises:
            TypeError: If the facts have no canonical form.
            ValueError: If the entry would be 8 KiB or more, if its type is not registered, or if
                its subject does not fit the type.
        """
        (entry,) = self.append_each(session, type=type, tenant=tenant, subjects=[subject], agent=agent, facts=facts)
        return entry

    def append_each(
        self,
        session: Session,
        *,
        type: EntryType,  # noqa: A002 - the word of the entry itself
        tenant: str | None,
        subjects: Sequence[str],
        agent: str | None,
        facts: dict[str, Any],
    ) -> list[Entry]:
        """Add the same entry about each of many subjects, in their order, as ``append`` adds one.

        A decision about 100,000 records is one transaction: what is the same for all of them is
        asked of the database once.
        """
        name = registered(type)
        for subject in subjects:
            if not name.subject.fits(subject):
                raise ValueError(f"{name} is not about {subject}")
        self.take_turn(session)
        first = size(session)
        at = self._clock()
        note_entry(session, first, at)
        owner = pseudonym(session, tenant, TENANT, tenant) if tenant is not None else None
        who = pseudonym(session, tenant, AGENT, agent) if agent is not None else None
        entries = []
        for n, subject in enumerate(subjects, first):
            body = entry_body(n, at, name.value, owner, subject, who, facts)
            entries.append(Entry(n, at, name.value, tenant, subject, body, leaf_hash(body).hex()))
        session.flush()
        if entries:
            session.connection().execute(insert(JournalEntryRow), [_values(entry) for entry in entries])
        return entries

    def take_turn(self, session: Session) -> None:
        """Wait until no other transaction can add entries before this one ends.

        What is read afterwards is what every earlier entry left: nothing can be kept or described
        unseen meanwhile. Rows are locked before it, never after: their owners wait for this turn.
        """
        if not self._database.is_sqlite:  # SQLite's write transaction is the lock already
            session.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})

    def open_log(self, session: Session, *, vkey: str, certificate: bytes) -> Entry:
        """Write entry 0 of an empty journal: the log's key and its seal; return it if it exists.

        Args:
            vkey: The log's verifier key line.
            certificate: DER of the seal certificate that vouches for the key.
        """
        first = session.get(JournalEntryRow, 0)
        if first is not None:
            return _entry(first)
        return self.append(
            session,
            type=EntryType.LOG_OPENED,
            tenant=None,
            subject=Subject.LOG,
            agent=None,
            facts={"vkey": vkey, "seal_certificate": base64.b64encode(certificate).decode()},
        )

    def entries(
        self,
        session: Session,
        after: int = -1,
        limit: int = 200,
        tenant: str | None = None,
        subject: str | None = None,
    ) -> list[Entry]:
        """Return entries after a number, in order; of one tenant or about one subject if given."""
        query = select(JournalEntryRow).where(JournalEntryRow.n > after).order_by(JournalEntryRow.n).limit(limit)
        if tenant is not None:
            query = query.where(JournalEntryRow.tenant_id == tenant)
        if subject is not None:
            query = query.where(JournalEntryRow.subject == subject)
        return [_entry(row) for row in session.scalars(query)]

    def head(self, session: Session) -> Entry | None:
        """Return the latest entry; None while the journal is empty."""
        row = session.scalar(select(JournalEntryRow).order_by(JournalEntryRow.n.desc()).limit(1))
        return _entry(row) if row is not None else None


def size(session: Session) -> int:
    """Return the number of entries of the whole journal."""
    if session.get_bind().dialect.name == "postgresql":
        return session.scalar(select(func.journal_size())) or 0
    last = session.scalar(select(func.max(JournalEntryRow.n)))
    return 0 if last is None else last + 1


def _values(entry: Entry) -> dict[str, Any]:
    return {
        "n": entry.n,
        "at": entry.at,
        "type": entry.type,
        "tenant_id": entry.tenant,
        "subject": entry.subject,
        "body": entry.body,
        "leaf_hash": entry.leaf_hash,
    }


def _entry(row: JournalEntryRow) -> Entry:
    return Entry(row.n, row.at, row.type, row.tenant_id, row.subject, row.body, row.leaf_hash)


def has_a_journal(database: Database, store: ObjectStore) -> bool:
    """Whether the database or the store already belongs to an installation."""
    with database.read() as session:
        if session.get(JournalEntryRow, 0) is not None:
            return True
    return found(store, LAYOUT_JSON) is not None
