"""Reconcile the journal's rows with the published journal: leaves, root, checkpoints, pseudonyms.

The root is computed again from the bodies in the database, and each leaf is looked up in the tiles
of the store: a database that was rewritten contradicts what was signed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.custody.findings import Findings, Kind
from archive.custody.rebuild.journal import Roots
from archive.database.engine import Database
from archive.database.tables import CheckpointRow, JournalEntryRow, PseudonymRow
from archive.journal.merkle import TILE, leaf_hash, parse_checkpoint, tile_holding
from archive.journal.pseudonyms import AGENT, TENANT
from archive.journal.published import PublishedLog
from archive.objects.layout import CHECKPOINT, CHECKPOINTS, JOURNAL, StampedKey, journal_key
from archive.objects.port import ObjectStore, Unreadable, found
from signing.ground.canonical import parse_canonical
from signing.ground.clock import Clock, stamp
from signing.ground.errors import Corrupt
from signing.note import verify_note

_SKEW: Final = timedelta(minutes=5)
_PLACE: Final = "database"
_BLOCK: Final = 16 * TILE


@dataclass(frozen=True)
class Pseudonyms:
    """Pseudonyms that can still be resolved: to identity and tenant."""

    of: Mapping[str, tuple[str, str, str]]

    @classmethod
    def load(cls, session: Session) -> Pseudonyms:
        """Read every pseudonym whose key was not destroyed."""
        return cls({row.pseudonym: (row.kind, row.identity, row.tenant_id) for row in session.scalars(_pseudonyms())})

    def agrees(self, told: str | None, kind: str, identity: str | None, tenant: str | None) -> bool:
        """Whether a pseudonym in the journal may stand for this identity.

        One whose key was destroyed stands for anybody: it can't be told any more.
        """
        if told is None or identity is None:
            return told is None and (identity is None or identity.startswith("service:"))
        known = self.of.get(told)
        if known is None:
            return True
        return known == (kind, identity, tenant or "")


class LeafReconciliation:
    """Compare every journal row with its body, its leaf and the published tiles.

    Args:
        vkey: Verifier key of the log.
        rest: Called after each block of entries: it may sleep.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        vkey: str,
        clock: Clock,
        *,
        rest: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._store = store
        self._vkey = vkey
        self._clock = clock
        self._rest = rest
        self._away: set[str] = set()

    def check(self, findings: Findings, *, since: int = 0) -> int:
        """Check entries from a number on, and with ``since=0`` the root; return how many there are.

        Args:
            since: Entries before it were checked by an earlier run.
        """
        try:
            log = PublishedLog(self._store, self._vkey)
        except Corrupt as error:
            findings.add(Kind.CHANGED, "journal", str(error.values.get("path", "")), "checkpoint")
            return since
        except Unreadable as error:
            findings.add(Kind.UNREADABLE, "journal", str(error.values["key"]), "bytes")
            return since
        begin = since // TILE * TILE
        with self._database.read() as session:
            names = Pseudonyms.load(session)
            sizes = {row.size: row.root for row in session.scalars(select(CheckpointRow))}
        roots, n = Roots(), begin
        for row in self._entries(begin):
            if row.n != n:
                findings.add(Kind.MISSING, _PLACE, f"journal:{n}", "journal_entries.n")
            self._published(findings, row, log)
            for detail in dict.fromkeys(self._differences(row, names)):
                findings.add(Kind.CHANGED, _PLACE, f"journal:{row.n}", detail)
            roots.add(leaf_hash(row.body))
            n = row.n + 1
            if begin == 0 and n in sizes and sizes[n] != roots.root().hex():
                findings.add(Kind.CHANGED, _PLACE, f"checkpoint:{n}", "journal_checkpoints.root")
            if begin == 0 and n == log.head.size and roots.root() != log.head.root:
                findings.add(Kind.CHANGED, "journal", CHECKPOINT, "root")
        if n < log.head.size:
            findings.add(Kind.MISSING, _PLACE, f"journal:{n}", "journal_entries.n")
        return n

    def _entries(self, begin: int) -> Iterator[Any]:
        """Read entries in blocks, each in a transaction of its own: none is open while it rests."""
        entry = JournalEntryRow
        columns = (entry.n, entry.at, entry.type, entry.tenant_id, entry.subject, entry.body, entry.leaf_hash)
        while True:
            with self._database.read() as session:
                query = select(*columns).where(entry.n >= begin).order_by(entry.n).limit(_BLOCK)
                block = session.execute(query).all()
            yield from block
            if len(block) < _BLOCK:
                return
            begin = block[-1].n + 1
            self._rest()

    def _published(self, findings: Findings, row: Any, log: PublishedLog) -> None:
        """Look an entry up in the tiles; tell which of the two is not as it was signed."""
        if row.n >= log.head.size:
            return
        tile = tile_holding(0, row.n, log.head.size).key
        if tile in self._away:
            return
        try:
            same = log.tree.node(0, row.n) == leaf_hash(row.body)
            if not same and not log.holds(row.n, row.body):  # the tile leads to the signed root
                findings.add(Kind.CHANGED, _PLACE, f"journal:{row.n}", "journal_entries.body")
        except Unreadable:
            self._away.add(tile)
            findings.add(Kind.UNREADABLE, "journal", tile, "bytes")
        except Corrupt as error:
            self._away.add(tile)
            key = f"{JOURNAL}{error.values.get('path', '')}"
            if found(self._store, key) is not None:  # a file that is gone is missed by the listing
                findings.add(Kind.CHANGED, "journal", tile, "tile")

    def _differences(self, row: Any, names: Pseudonyms) -> Iterator[str]:
        if leaf_hash(row.body).hex() != row.leaf_hash:
            yield "journal_entries.leaf_hash"
        try:
            entry = parse_canonical(row.body)
            told = (entry["n"], entry["at"], entry["type"], entry["subject"])
            tenant, agent = entry["tenant"], entry["agent"]
        except (ValueError, KeyError, TypeError):
            yield "journal_entries.body"
            return
        is_so = (row.n, stamp(row.at), row.type, row.subject)
        for name, said, shown in zip(("n", "at", "type", "subject"), told, is_so, strict=True):
            if said != shown:
                yield f"journal_entries.{name}"
        if (tenant is None) != (row.tenant_id is None) or not names.agrees(
            tenant, TENANT, row.tenant_id, row.tenant_id
        ):
            yield "journal_entries.tenant_id"
        if agent in names.of and names.of[agent][2] != (row.tenant_id or ""):
            yield "pseudonyms.tenant_id"

    # -- pseudonyms and checkpoints

    def pseudonyms(self, findings: Findings) -> None:
        """Check that each key still gives its pseudonym."""
        with self._database.read() as session:
            for row in session.scalars(_pseudonyms()):
                made = hmac.new(row.key, row.identity.encode(), hashlib.sha256).hexdigest()[:32]
                fits = row.kind in {TENANT, AGENT} and row.pseudonym == f"{row.kind[0]}:{made}"
                if not fits or (row.kind == TENANT and row.tenant_id != row.identity):
                    findings.add(Kind.CHANGED, _PLACE, row.pseudonym, "pseudonyms.key")

    def checkpoints(self, findings: Findings, *, since: int = 0) -> None:
        """Check each checkpoint's row against its own note, its neighbours and the store.

        Args:
            since: Checkpoints of fewer entries were checked by an earlier run.
        """
        stamped = {
            key.size
            for item in self._store.list(CHECKPOINTS)
            if isinstance(key := journal_key(item.key), StampedKey) and not item.marker
        }
        before: CheckpointRow | None = None
        for count, row in enumerate(self._rows(since)):
            for detail in self._of_checkpoint(before, row, stamped):
                findings.add(Kind.CHANGED, _PLACE, f"checkpoint:{row.size}", detail)
            if row.token is not None:
                self._stamped(findings, row)
            before = row
            if count % TILE == TILE - 1:
                self._rest()

    def _rows(self, since: int) -> Iterator[CheckpointRow]:
        number = -1
        while True:
            with self._database.read() as session:
                query = select(CheckpointRow).where(CheckpointRow.number > number, CheckpointRow.size >= since)
                block = session.scalars(query.order_by(CheckpointRow.number).limit(TILE)).all()
            yield from block
            if len(block) < TILE:
                return
            number = block[-1].number

    def _of_checkpoint(self, before: CheckpointRow | None, row: CheckpointRow, stamped: set[int]) -> Iterator[str]:
        try:
            size, root = parse_checkpoint(verify_note(row.note, self._vkey), self._vkey.partition("+")[0])
        except ValueError:
            yield "journal_checkpoints.note"
            return
        if size != row.size:
            yield "journal_checkpoints.size"
        if root.hex() != row.root:
            yield "journal_checkpoints.root"
        if before is not None and before.size >= row.size:
            yield "journal_checkpoints.number"
        with self._database.read() as session:
            last = session.get(JournalEntryRow, row.size - 1)
        early = (last is not None and row.published_at < last.at - _SKEW) or (
            before is not None and row.published_at < before.published_at - _SKEW
        )
        if early or row.published_at > self._clock() + _SKEW:
            yield "journal_checkpoints.published_at"
        if row.token is None and row.size in stamped and found(self._store, StampedKey(row.size, token=True).key):
            yield "journal_checkpoints.token"

    def _stamped(self, findings: Findings, row: CheckpointRow) -> None:
        """Check that the store has a time-stamped checkpoint and its token, as the row has them."""
        for key, told in ((StampedKey(row.size), row.note.encode()), (StampedKey(row.size, token=True), row.token)):
            try:
                stored = found(self._store, key.key)
            except Unreadable:
                findings.add(Kind.UNREADABLE, "journal", key.key, "bytes")
                continue
            if stored is None:
                findings.add(Kind.MISSING, "journal", key.key, "object")
            elif stored != told:
                findings.add(Kind.CHANGED, "journal", key.key, "checkpoint")


def _pseudonyms() -> Any:
    return select(PseudonymRow).order_by(PseudonymRow.pseudonym)
