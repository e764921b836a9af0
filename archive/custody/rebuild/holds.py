"""Rebuild holds from statements (which, why) and journal entries (that it was decided).

In doubt a record is held: one of the two sources is enough to place a hold. A hold is released by
an entry, or by a statement of the last minutes before the journal was lost: the published journal
would have the entry of an older one.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.custody.findings import Findings, Kind
from archive.database.batches import batches
from archive.database.engine import Database
from archive.database.tables import HeldRecordRow, HoldRow, JournalEntryRow, RecordRow, TenantRow
from archive.disposition.holds import statements as hold_statements
from archive.disposition.holds.decisions import decision_of
from archive.disposition.holds.statements import PLACED, RELEASED, Statement, digest_of
from archive.journal.effects import RebuildEffect
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType, rebuilding, registered
from archive.objects.layout import REGISTER, HoldKey, bare, register_folder, register_key
from archive.objects.port import ObjectStore, Unreadable, read_all
from signing.ground.clock import Clock

_EVENTS: Final = {
    **dict.fromkeys(rebuilding(RebuildEffect.HOLD), PLACED),
    **dict.fromkeys(rebuilding(RebuildEffect.RELEASE), RELEASED),
    EntryType.HOLD_DECIDED: PLACED,
    EntryType.HOLD_ENDED: RELEASED,
}
_COMMITTED_WITHIN: Final = timedelta(minutes=15)
"""Longest time from the moment that a decision states to its commit.

PostgreSQL ends an idle transaction after ten minutes.
"""
_UNKNOWN_AGENT: Final = "service:inconnu"
_LOST: Final = "Motif perdu avec la base de données : le journal n’en garde que l’empreinte."


@dataclass(frozen=True)
class _Entry:
    type: EntryType
    record_id: str | None
    """None where the entry is about the hold as a whole."""
    tenant: str | None
    at: datetime
    agent: str | None
    facts: dict[str, Any]


@dataclass
class _Hold:
    """Everything found about one hold, in statements and in entries."""

    statements: dict[str, Statement] = field(default_factory=dict)
    entries: dict[str, list[_Entry]] = field(default_factory=lambda: {PLACED: [], RELEASED: []})

    @property
    def tenant(self) -> str | None:
        told = [one.tenant for one in self.statements.values()]
        told += [entry.tenant for entry in (*self.entries[PLACED], *self.entries[RELEASED]) if entry.tenant]
        return told[0] if told else None


class HoldsAgain:
    """Restore the holds of a rebuild, once records are there.

    Attributes:
        recovered: Holds for which an entry was written again.
    """

    def __init__(self, database: Database, ledger: Ledger, store: ObjectStore, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self.recovered: list[str] = []

    def restore(self, findings: Findings, published: datetime | None) -> int:
        """Enter every hold that is not there yet, none of them settled; return how many there are.

        Args:
            published: When the journal was last published; None if never.
        """
        known = self._known(findings, published)
        for hold_id, hold in sorted(known.items()):
            with self._database.write() as session:
                if session.get(HoldRow, hold_id) is None:
                    self._enter(session, findings, hold_id, hold)
        return len(known)

    def _known(self, findings: Findings, published: datetime | None) -> dict[str, _Hold]:
        known: dict[str, _Hold] = defaultdict(_Hold)
        with self._database.read() as session:
            for kind, hold_id, entry in decisions(session):
                known[hold_id].entries[kind].append(entry)
        for key, content in _files(self._store):
            if content is None:  # the entries are enough to place and release
                findings.add(Kind.UNREADABLE, "store", key, "hold")
                continue
            try:
                statement = hold_statements.read(key, content)
            except ValueError:
                findings.add(Kind.CHANGED, "store", key, "hold")
                continue
            told = known[statement.hold].entries[statement.what]
            if told and statement.digest not in {entry.facts["statement"] for entry in told}:
                findings.add(Kind.CHANGED, "store", key, "journal")
            elif not told and statement.what == RELEASED and _is_old(statement, published):
                findings.add(Kind.UNTRACKED, "store", key, "hold")
            else:
                known[statement.hold].statements[statement.what] = statement
        return known

    def _enter(self, session: Session, findings: Findings, hold_id: str, hold: _Hold) -> None:
        tenant = hold.tenant
        if tenant is None or session.get(TenantRow, tenant) is None:
            findings.add(Kind.MISSING, "store", bare(register_folder(tenant or hold_id)), "register")
            return
        placed, entries = hold.statements.get(PLACED), hold.entries[PLACED]
        if placed is None:
            findings.add(Kind.MISSING, "store", HoldKey(tenant, hold_id, PLACED).key, "hold")
        until = entries[0].facts["until"] if entries else None
        more = dict(placed.more) if placed is not None else {}
        row = HoldRow(
            id=hold_id,
            tenant_id=tenant,
            reason=placed.reason or _LOST if placed is not None else _LOST,
            until=placed.until if placed is not None else date.fromisoformat(until) if until else None,
            placed_at=placed.at if placed is not None else entries[0].at if entries else self._clock(),
            placed_by=(entries[0].agent if entries else None) or _UNKNOWN_AGENT,
            placed_salt=placed.salt if placed is not None else secrets.token_hex(16),
            statement_sha256=placed.digest if placed is not None else None,
            **more,
        )
        since = _since(entries)
        covered = {*(placed.records if placed is not None else ()), *since}
        self._release(findings, row, hold)
        session.add(row)
        session.flush()
        kept = _of_tenant(session, tenant, sorted(covered))
        later = {one: since.get(one) for one in kept} if placed is not None else {}
        session.add_all(HeldRecordRow(hold_id=hold_id, record_id=one, since=later.get(one)) for one in kept)
        session.flush()
        self._tell(session, row, hold, kept)

    def _release(self, findings: Findings, row: HoldRow, hold: _Hold) -> None:
        told, entries = hold.statements.get(RELEASED), hold.entries[RELEASED]
        if told is None and not entries:
            return
        if told is None:
            findings.add(Kind.MISSING, "store", HoldKey(row.tenant_id, row.id, RELEASED).key, "hold")
        ended_alone = entries[0].agent is None if entries else told is not None and told.reason is None
        row.released_at = told.at if told is not None else entries[0].at
        row.released_by = None if ended_alone else (entries[0].agent if entries else None) or _UNKNOWN_AGENT
        row.release_reason = told.reason if told is not None else None if ended_alone else _LOST
        row.release_salt = told.salt if told is not None else secrets.token_hex(16)

    def _tell(self, session: Session, row: HoldRow, hold: _Hold, records: list[str]) -> None:
        """Write again entries that were lost, or whose statement was."""
        placed = hold.statements.get(PLACED)
        first = digest_of(hold_statements.placed(row, records)) if placed is None else placed.digest
        facts: dict[str, Any] = {"until": row.until.isoformat() if row.until is not None else None}
        self._again(session, row, EntryType.HOLD_RECOVERED, hold.entries[PLACED], records, facts | {"statement": first})
        if row.released_at is not None:
            last = digest_of(hold_statements.released(row))
            ended = "expired" if row.released_by is None else "released"
            facts = {"statement": last, "ended": ended}
            self._again(session, row, EntryType.RELEASE_RECOVERED, hold.entries[RELEASED], records, facts)

    def _again(
        self,
        session: Session,
        row: HoldRow,
        kind: EntryType,
        entries: list[_Entry],
        records: list[str],
        facts: dict[str, Any],
    ) -> None:
        told = {entry.record_id for entry in entries if entry.facts["statement"] == facts["statement"]}
        lost = [record_id for record_id in records if record_id not in told]
        whole = row.scope is not None and None not in told
        given: dict[str, Any] = {"tenant": row.tenant_id, "agent": None}
        if whole:
            decided = kind is EntryType.HOLD_RECOVERED
            more = {"scope": row.scope} if decided else {}
            self._ledger.append(
                session,
                type=EntryType.HOLD_DECIDED if decided else EntryType.HOLD_ENDED,
                subject=decision_of(row.id),
                facts={"hold": row.id, **facts, **more, "records": len(records)},
                **given,
            )
        subjects = [f"record:{record_id}" for record_id in lost]
        self._ledger.append_each(session, type=kind, subjects=subjects, facts={"hold": row.id, **facts}, **given)
        if (lost or whole) and f"hold:{row.id}" not in self.recovered:
            self.recovered.append(f"hold:{row.id}")


def _is_old(statement: Statement, published: datetime | None) -> bool:
    """Whether a statement is so old that the published journal would have its entry."""
    return published is not None and statement.at < published - _COMMITTED_WITHIN


def compare(store: ObjectStore, database: Database) -> list[tuple[Kind, str]]:
    """Compare statements and journal: each needs an entry, each settled hold its statements."""
    there = [(key, digest_of(content) if content is not None else None) for key, content in _files(store)]
    claims: dict[str, set[str]] = defaultdict(set)
    with database.read() as session:
        for what, hold_id, entry in decisions(session):
            claims[HoldKey(entry.tenant or "", hold_id, what).key].add(entry.facts["statement"])
        settled = session.scalars(select(HoldRow).where(HoldRow.settled_at.is_not(None)))
        wanted = [
            HoldKey(row.tenant_id, row.id, what).key
            for row in settled
            for what in (PLACED, *([RELEASED] if row.released_at is not None else []))
        ]
    found = [(Kind.MISSING, key) for key in set(wanted) - {key for key, _ in there}]
    for key, digest in there:
        if digest is None:
            found.append((Kind.UNREADABLE, key))
        elif key not in claims:
            found.append((Kind.UNTRACKED, key))
        elif digest not in claims[key]:
            found.append((Kind.CHANGED, key))
    return sorted(found, key=lambda one: one[1])


def _files(store: ObjectStore) -> Iterator[tuple[str, bytes | None]]:
    """Read every statement, None for an unreadable one; a key's oldest version is ours."""
    seen = ""
    for item in store.list(REGISTER):
        if not item.marker and item.key != seen and isinstance(register_key(item.key), HoldKey):
            seen = item.key
            try:
                content = read_all(store, item.key, item.version)
            except Unreadable:
                content = None
            yield item.key, content


def decisions(session: Session) -> Iterator[tuple[str, str, _Entry]]:
    """Return every entry that places or releases a hold: which of the two, hold, entry."""
    query = select(JournalEntryRow).where(JournalEntryRow.type.in_(_EVENTS)).order_by(JournalEntryRow.n)
    for row in session.scalars(query.execution_options(yield_per=1000)):
        body = json.loads(row.body)
        kind = registered(row.type)
        about = row.subject.removeprefix("record:") if row.subject.startswith("record:") else None
        entry = _Entry(kind, about, row.tenant_id, row.at, body["agent"], body["facts"])
        yield _EVENTS[kind], body["facts"]["hold"], entry


def _since(entries: list[_Entry]) -> dict[str, datetime | None]:
    """Return each record that entries hold, with the time at which a standing hold reached it."""
    found: dict[str, datetime | None] = {}
    for entry in entries:
        if entry.record_id is not None and found.get(entry.record_id, entry) is not None:
            found[entry.record_id] = entry.at if entry.type is EntryType.HOLD_EXTENDED else None
    return found


def _of_tenant(session: Session, tenant: str, records: list[str]) -> list[str]:
    there: list[str] = []
    for some in batches(records):
        query = select(RecordRow.id).where(RecordRow.id.in_(some), RecordRow.tenant_id == tenant)
        there += session.scalars(query.order_by(RecordRow.id))
    return there
