"""Destructions that the newest journal to be had tells, and that a restored database has not read.

A database that was restored knows less than the journal that it published later, in the store or in
the second copy. Until it is made again from there, what was disposed of since is not shown, not
copied and not written back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from archive.custody.findings import Findings, Kind
from archive.custody.rebuild.journal import Head, bundles
from archive.database.engine import Database
from archive.database.tables import CheckpointRow
from archive.journal.published import PublishedLog, stored_head
from archive.journal.types import EntryType
from archive.objects.layout import CHECKPOINT
from archive.objects.port import ObjectStore, Unreadable
from signing.ground.canonical import parse_canonical
from signing.ground.errors import Corrupt, Unavailable


@dataclass(frozen=True)
class Decision:
    """A destruction that was decided, as its published entry tells it.

    Attributes:
        facts: Of ``DestructionDecided``.
    """

    n: int
    record: str
    facts: Mapping[str, Any]

    @property
    def deposit(self) -> str:
        """Return the id of its deposit."""
        return str(self.facts["deposit"])


def decisions_beyond(
    database: Database, stores: Iterable[ObjectStore], vkey: str | None, known: int | None = None
) -> dict[str, Decision]:
    """Return the destructions under checkpoints that the database does not know, by record.

    A journal that is damaged or can't be read tells nothing here: reconciliation says that.

    Args:
        stores: The store, and the copies that may have a newer journal.
        vkey: Verifier key of the log; None: no published journal can be believed.
        known: Entries that are known; by default those under the latest checkpoint in the database.

    Raises:
        Unavailable: A store or the database did not answer.
    """
    if vkey is None:
        return {}
    if known is None:
        with database.read() as session:
            known = session.scalar(select(func.max(CheckpointRow.size))) or 0
    found: dict[str, Decision] = {}
    for store in stores:
        try:
            found |= _beyond(store, vkey, known)
        except (Corrupt, Unreadable):
            continue
    return found


def told_by_copies(
    database: Database, copies: Iterable[ObjectStore], head: Head | None, findings: Findings
) -> dict[str, Decision]:
    """Return the destructions that a copy's journal tells and the store's does not, by record.

    A copy that does not answer is a finding: the store may be older than what it would tell.
    """
    found: dict[str, Decision] = {}
    vkey, known = (head.vkey, head.size) if head is not None else (None, 0)
    for copy in copies:
        try:
            found |= decisions_beyond(database, [copy], vkey, known)
        except Unavailable:
            findings.add(Kind.UNREADABLE, "copy", CHECKPOINT, "journal")
    return found


def _beyond(store: ObjectStore, vkey: str, known: int) -> dict[str, Decision]:
    if stored_head(store, vkey).size <= known:
        return {}
    log, found = PublishedLog(store, vkey), {}
    for start, bodies in bundles(store, log.head.size, known):
        for n, body in enumerate(bodies, start):
            if n < known:
                continue
            told = parse_canonical(body)
            if told["type"] == EntryType.DESTRUCTION_DECIDED and log.holds(n, body):
                record = str(told["subject"]).removeprefix("record:")
                found[record] = Decision(n, record, told["facts"])
    return found
