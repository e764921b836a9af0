"""The records that are kept, as catalogue and journal tell: sets that a rebuild compares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from archive.database.tables import JournalEntryRow, RecordRow
from archive.journal.effects import IndexEffect
from archive.journal.types import KEPT, EntryType
from archive.model.states import GONE

_ENDS: Final = tuple(one for one in EntryType if one.effects.index is IndexEffect.REMOVE)
"""Types of entries by which a record is not kept here any more."""


def in_journal(session: Session) -> Iterator[str]:
    """Return the ids of the records kept according to the journal, in order."""
    end = aliased(JournalEntryRow)
    ended = select(end.n).where(end.subject == JournalEntryRow.subject, end.type.in_(_ENDS)).exists()
    query = select(JournalEntryRow.subject).where(JournalEntryRow.type.in_(KEPT), ~ended)
    for subject in session.scalars(query.order_by(JournalEntryRow.subject).execution_options(yield_per=5000)):
        yield subject.removeprefix("record:")


def in_catalogue(session: Session) -> Iterator[str]:
    """Return the ids of the catalogue's records that are kept, in order."""
    query = select(RecordRow.id).where(RecordRow.state.not_in(GONE)).order_by(RecordRow.id)
    yield from session.scalars(query.execution_options(yield_per=5000))


def ended(session: Session) -> frozenset[str]:
    """Return the ids of the records that are not kept here any more, by the journal."""
    asked = select(JournalEntryRow.subject).where(JournalEntryRow.type.in_(_ENDS)).distinct()
    return frozenset(subject.removeprefix("record:") for subject in session.scalars(asked))
