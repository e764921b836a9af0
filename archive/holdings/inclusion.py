"""Check entries against the journal as published: the database is not its own witness."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from archive.database.tables import CheckpointRow, JournalEntryRow
from archive.holdings.checks import Aspect, Check
from archive.journal.published import SharedLog
from archive.journal.types import CHANGES
from archive.objects.fixity import Fixity
from archive.objects.layout import CHECKPOINT
from archive.objects.port import ObjectStore, Unreadable, found
from signing.ground.clock import parse_stamp
from signing.ground.errors import Corrupt

PUBLISHED: Final = "Journal publié"
_NO_KEY: Final = "La clé du journal n’est pas connue : rien n’a pu être comparé au publié."
_NOT_BYTES: Final = "Cela ne dit rien des octets."
PROMISED: Final = timedelta(minutes=15)
"""An entry that states the record is published within a minute; after this it is missed."""


class Line(NamedTuple):
    """An entry as the database has it."""

    n: int
    subject: str
    body: bytes
    leaf_hash: str


@dataclass(frozen=True)
class Sequenced:
    """Entries as the database has them, read in one transaction.

    Attributes:
        lines: Each entry about a record and its deposit, in order.
        published: Entries under the latest checkpoint that the database knows of.
    """

    lines: tuple[Line, ...]
    published: int

    @property
    def entries(self) -> list[tuple[int, bytes]]:
        """Number and body of each entry."""
        return [(line.n, line.body) for line in self.lines]

    @classmethod
    def load(cls, session: Session, record_id: str, deposit_id: str) -> Sequenced:
        """Read the entries about a record and its deposit."""
        entry = JournalEntryRow
        about = or_(entry.subject == f"record:{record_id}", entry.subject == f"deposit:{deposit_id}")
        query = select(entry.n, entry.subject, entry.body, entry.leaf_hash).where(about).order_by(entry.n)
        lines = tuple(Line(*line) for line in session.execute(query))
        published = session.scalar(select(func.max(CheckpointRow.size))) or 0
        return cls(lines, published)


def check_inclusion(store: ObjectStore, shared: SharedLog | None, told: Sequenced, now: datetime) -> Check:
    """Compare entries with the tiles in the store.

    An entry that was published otherwise is a fault of what is kept. A published journal that is
    damaged, shortened or out of reach is not: it says nothing about the record, and the answer is
    about the journal alone. An entry of the last minutes is only sequenced: no fault, and said.

    Args:
        shared: The published journal; None: its key is not known.
    """
    if shared is None and (told.published or found(store, CHECKPOINT) is not None):
        return _of_journal(Fixity.UNVERIFIABLE, _NO_KEY)
    if shared is None:
        return _of_journal(Fixity.INTACT, "Rien n’est encore publié.")
    read_before = shared.is_open
    check = _compared(shared, told, now)
    if read_before and check.verdict is not Fixity.INTACT:
        shared.forget()
        check = _compared(shared, told, now)
    return check


def _compared(shared: SharedLog, told: Sequenced, now: datetime) -> Check:
    try:
        log = shared.covering(told.published)
        covered = [(n, body) for n, body in told.entries if n < log.head.size]
        for n, body in covered:
            if not log.holds(n, body):
                return Check(PUBLISHED, Fixity.ALTERED, f"L’entrée {n} n’est pas celle qui a été publiée.")
    except Unreadable:
        return _of_journal(Fixity.UNVERIFIABLE, "Le journal publié n’a pas pu être relu.")
    except Corrupt as error:
        return _of_journal(
            Fixity.ALTERED, f"Le journal publié est abîmé ({error.values.get('path', '')}). {_NOT_BYTES}"
        )
    if log.head.size < told.published:
        cut = f"Le journal publié a été raccourci : {told.published} entrées y étaient scellées."
        return _of_journal(Fixity.ALTERED, f"{cut} {_NOT_BYTES}")
    return _waiting(told.entries[len(covered) :], len(covered), log.head.size, now)


def _waiting(waiting: Sequence[tuple[int, bytes]], covered: int, size: int, now: datetime) -> Check:
    """Judge entries that no checkpoint covers yet."""
    try:
        late = [n for n, body in waiting if _late(body, now)]
    except (ValueError, KeyError, TypeError):
        return Check(PUBLISHED, Fixity.ALTERED, "Une entrée de la base ne se lit pas.")
    if late:
        return _of_journal(Fixity.UNVERIFIABLE, f"L’entrée {late[0]} n’est toujours pas sous un scellement.")
    said = f"{covered} entrées telles que publiées (scellement à {size} entrées)"
    return _of_journal(Fixity.INTACT, f"{said}, {len(waiting)} à sceller." if waiting else f"{said}.")


def _of_journal(verdict: Fixity, detail: str) -> Check:
    return Check(PUBLISHED, verdict, detail, Aspect.JOURNAL)


def _late(body: bytes, now: datetime) -> bool:
    entry = json.loads(body)
    return entry["type"] in CHANGES and now - parse_stamp(entry["at"]) > PROMISED
