"""Rebuild what disposals left of records: a row without a word, from the entries alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue.disposals import state_of_kept
from archive.custody.rebuild.newest import Decision
from archive.database.batches import batches
from archive.database.disposal_tables import DisposalLineRow
from archive.database.engine import Database
from archive.database.tables import JournalEntryRow, RecordRow
from archive.holdings.gone import gone_row
from archive.journal.effects import RebuildEffect
from archive.journal.types import CHANGES, KEPT, EntryType, rebuilding
from archive.model.disposals import LineState
from archive.model.states import RecordState
from signing.ground.canonical import parse_canonical

DISPOSED: Final = rebuilding(RebuildEffect.DISPOSE)


def decided(database: Database) -> frozenset[str]:
    """Return the records whose destruction was decided, finished or not."""
    with database.read() as session:
        asked = select(JournalEntryRow.subject).where(JournalEntryRow.type.in_(DISPOSED)).distinct()
        return frozenset(subject.removeprefix("record:") for subject in session.scalars(asked))


def done(database: Database) -> frozenset[str]:
    """Return the records that were shown to be gone: what is there of them is not written back."""
    with database.read() as session:
        asked = select(JournalEntryRow.subject).where(JournalEntryRow.type == EntryType.RECORD_DISPOSED).distinct()
        return frozenset(subject.removeprefix("record:") for subject in session.scalars(asked))


def restore_newer(database: Database, decisions: Mapping[str, Decision]) -> None:
    """Write the rows of records that are gone by a newer journal than the store's."""
    for record_id, decision in sorted(decisions.items()):
        with database.write() as session:
            entry = JournalEntryRow
            rows = session.scalars(select(entry).where(entry.subject == f"record:{record_id}").order_by(entry.n)).all()
            stated = next((row for row in reversed(rows) if row.type in CHANGES), None)
            if stated is None or session.get(RecordRow, record_id) is not None:
                continue
            kept = next(row.n for row in rows if row.type in KEPT)
            told = decision.facts, _facts(stated)
            session.add(gone_row(record_id, stated.tenant_id or "", *told, kept_entry=kept, last_entry=stated.n))


def restore(database: Database, records: frozenset[str]) -> None:
    """Write the rows of records that are gone, or about to be, and of their lines."""
    for record_id in sorted(records):
        with database.write() as session:
            _restore(session, record_id)


def _restore(session: Session, record_id: str) -> None:
    entry = JournalEntryRow
    rows = session.scalars(select(entry).where(entry.subject == f"record:{record_id}").order_by(entry.n)).all()
    told = {row.type: row for row in rows if row.type in DISPOSED}
    first = told[EntryType.DESTRUCTION_DECIDED]
    facts = _facts(first)
    stated = next(row for row in reversed(rows) if row.type in CHANGES)
    done = told.get(EntryType.RECORD_DISPOSED)
    row = session.get(RecordRow, record_id)
    if row is None:
        kept = next((one.n for one in rows if one.type in KEPT), first.n)
        row = gone_row(record_id, first.tenant_id or "", facts, _facts(stated), kept_entry=kept, last_entry=stated.n)
        session.add(row)
    row.state = RecordState.DISPOSED.value
    session.flush()
    _follow_line(session, record_id, facts, first, done)


def _follow_line(
    session: Session, record_id: str, facts: Mapping[str, Any], first: JournalEntryRow, done: JournalEntryRow | None
) -> None:
    line = session.get(DisposalLineRow, (facts["disposal"], record_id))
    if line is None:
        return
    line.committed_at = first.at
    if done is not None:
        ended = _facts(done)
        line.state, line.reason, line.done_at = LineState.DESTROYED.value, None, done.at
        line.supplement = ended["supplement"]
        told = {"stores": ended["copies"], "versions": ended["versions"], "entry": done.n}
        line.result = told | {"detached": ended.get("detached", [])}


def hand_over_again(database: Database) -> None:
    """Write on records and lines that custody has ended, as the journal says."""
    entry = JournalEntryRow
    with database.read() as session:
        asked = select(entry.subject, entry.body, entry.at, entry.n).where(entry.type == EntryType.RECORD_TRANSFERRED)
        told = session.execute(asked.order_by(entry.n)).all()
    for some in batches(told, 500):
        with database.write() as session:
            for subject, body, at, number in some:
                record_id, facts = subject.removeprefix("record:"), parse_canonical(body)["facts"]
                line = session.get(DisposalLineRow, (facts["disposal"], record_id))
                if line is not None:
                    line.state, line.reason, line.supplement = LineState.DESTROYED.value, None, facts["supplement"]
                    line.committed_at = line.done_at = at
                    line.result = {"entry": number}
                    session.flush()
                row = session.get(RecordRow, record_id)
                if row is not None and not RecordState(row.state).destroyed:
                    row.state = state_of_kept(session, record_id).value


def _facts(row: JournalEntryRow) -> dict[str, Any]:
    facts: dict[str, Any] = parse_canonical(row.body)["facts"]
    return facts
