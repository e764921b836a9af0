"""Check entries against the journal as published: the database is not its own witness."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from archive.database.tables import CheckpointRow, JournalEntryRow
from archive.journal.published import PublishedLog
from archive.journal.types import CHANGES
from archive.objects.fixity import Fixity
from archive.objects.layout import CHECKPOINT
from archive.objects.port import ObjectStore, Unreadable, found
from signing.ground.clock import parse_stamp
from signing.ground.errors import Corrupt

PROMISED: Final = timedelta(minutes=15)
"""An entry that states the record is published within a minute; after this it is missed."""


@dataclass(frozen=True)
class Sequenced:
    """Entries as the database has them, read in one transaction.

    Attributes:
        entries: Number and body of each entry about a record and its deposit, in order.
        published: Entries under the latest checkpoint that the database knows of.
    """

    entries: tuple[tuple[int, bytes], ...]
    published: int

    @classmethod
    def load(cls, session: Session, record_id: str, deposit_id: str) -> Sequenced:
        """Read the entries about a record and its deposit."""
        entry = JournalEntryRow
        about = or_(entry.subject == f"record:{record_id}", entry.subject == f"deposit:{deposit_id}")
        lines = session.execute(select(entry.n, entry.body).where(about).order_by(entry.n)).all()
        published = session.scalar(select(func.max(CheckpointRow.size))) or 0
        return cls(tuple((line.n, line.body) for line in lines), published)


def check_inclusion(store: ObjectStore, vkey: str | None, told: Sequenced, now: datetime) -> tuple[Fixity, str]:
    """Compare entries with the tiles in the store; return verdict and a French sentence.

    An entry of the last minutes is only sequenced: that is no fault, and is said.
    """
    if vkey is None and (told.published or found(store, CHECKPOINT) is not None):
        return Fixity.UNVERIFIABLE, "La clé du journal n’est pas connue : rien n’a pu être comparé au publié."
    if vkey is None:
        return Fixity.INTACT, "Rien n’est encore publié."
    try:
        return _compared(PublishedLog(store, vkey), told, now)
    except Unreadable:
        return Fixity.UNVERIFIABLE, "Le journal publié n’a pas pu être relu."
    except (ValueError, KeyError, TypeError):
        return Fixity.ALTERED, "Une entrée de la base ne se lit pas."
    except Corrupt as error:
        return Fixity.ALTERED, f"Le journal publié est abîmé ({error.values.get('path', '')})."


def _compared(log: PublishedLog, told: Sequenced, now: datetime) -> tuple[Fixity, str]:
    if log.head.size < told.published:
        return Fixity.ALTERED, f"Le journal publié a été raccourci : {told.published} entrées y étaient scellées."
    covered = [(n, body) for n, body in told.entries if n < log.head.size]
    waiting = told.entries[len(covered) :]
    for n, body in covered:
        if not log.holds(n, body):
            return Fixity.ALTERED, f"L’entrée {n} n’est pas celle qui a été publiée."
    late = [n for n, body in waiting if _late(body, now)]
    if late:
        return Fixity.UNVERIFIABLE, f"L’entrée {late[0]} n’est toujours pas sous un scellement."
    said = f"{len(covered)} entrées telles que publiées (scellement à {log.head.size} entrées)"
    return Fixity.INTACT, f"{said}, {len(waiting)} à sceller." if waiting else f"{said}."


def _late(body: bytes, now: datetime) -> bool:
    entry = json.loads(body)
    return entry["type"] in CHANGES and now - parse_stamp(entry["at"]) > PROMISED
