"""Executions of disposals that can be cut at each of their steps, and what readers say of the gone.

The question is the same as of a record that is kept: does a reader say what the journal states? Of
a record whose destruction is decided that is: it is gone, whatever is still there of its bytes.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from archive.database.disposal_tables import DisposalLineRow, DisposalRow
from archive.database.tables import JournalEntryRow
from archive.holdings import dispose
from archive.holdings.dispose import Executed
from archive.journal.types import EntryType
from archive.model.disposals import DisposalState
from archive.model.states import RecordState
from archive.objects.layout import record_folder
from ingestion.assembly import System
from signing.ground.errors import ChartrierError
from tests.bordereaux import ANNE, Town, Watch
from tests.crash_readers import DAMAGED, NONE, NOT_ASKED, WHOLE, RecordReaders, _indexed, _row
from tests.crash_subjects import Subject, UseCase

_END = (EntryType.DESTRUCTION_DECIDED.value, EntryType.RECORD_DISPOSED.value)


def _approved(system: System, folder: Path, n: int) -> Subject:
    """A record in a bordereau of its own, confirmed, on its first day of execution."""
    town = Town(system, folder, Watch())
    town.made, code = 1000 + n, f"E{n}"
    town.rule(code, 10)
    record = town.keep("2010-01-01", document_type=code.lower())
    disposal = town.approved([record])
    with town.acting(ANNE) as act:
        dispose.confirm(act, disposal, None)
    sense, begun = system.time_sense, system.time_sense._monotonic()
    system.clock.days += 17  # type: ignore[attr-defined]
    sense._monotonic = lambda: begun + 17 * 86400  # the service ran all the time
    assert sense.look().trusted
    _publish(system)
    return Subject(record, disposal, ends=True)


def _begun(system: System, folder: Path, n: int) -> Subject:
    """The same, its execution begun and that published."""
    subject = _approved(system, folder, n)
    _execute(system, subject)
    _publish(system)
    return subject


def _publish(system: System) -> None:
    system.statements.settle()
    system.publisher.publish(force_token=True)


def _execute(system: System, subject: Subject) -> None:
    """One run over this bordereau alone: a run over all would finish what was cut before."""
    try:
        system.disposer.execute(subject.given, Executed())
    except ChartrierError as error:
        assert error.code == "disposal_unproven", error.code  # noqa: PT017


def _executed(system: System, subject: Subject) -> None:
    """What follows by itself: whatever was cut, it is gone once and listed once."""
    for _ in range(2):
        _execute(system, subject)
        _publish(system)
    with system.database.read() as session:
        told = list(session.scalars(_ends_of(subject.record)))
        row = session.get_one(DisposalRow, subject.given)
        line = session.get_one(DisposalLineRow, (subject.given, subject.record))
        assert told == list(_END)
        assert (row.state, line.state, line.supplement) == (DisposalState.EXECUTED, "destroyed", 1)
    assert _files(system, subject) == 0


def _ends_of(record: str):  # type: ignore[no-untyped-def]
    entry = JournalEntryRow
    asked = select(entry.type).where(entry.subject == f"record:{record}", entry.type.in_(_END))
    return asked.order_by(entry.n)


def _files(system: System, subject: Subject) -> int:
    return len(list(system.store.list(record_folder("demo", subject.record).prefix)))


class EndedReaders(RecordReaders):
    """Readers of a record that is to be destroyed: from the decision on it is gone."""

    def _ended(self, one: Subject, system: System | None = None) -> list[str]:
        with (system or self._system).database.read() as session:
            return list(session.scalars(_ends_of(one.record)))

    def _agrees(self, one: Subject, *, gone: bool, system: System | None = None) -> str:
        return WHOLE if gone == bool(self._ended(one, system)) else DAMAGED

    def verify(self, one: Subject) -> str:
        """Verify the record, or see that nothing is left of one that is shown to be gone."""
        ended = self._ended(one)
        if not ended:
            return super().verify(one)
        return WHOLE if len(ended) == 1 or _files(self._system, one) == 0 else DAMAGED

    def evidence(self, one: Subject) -> str:
        """Ask for the bundle: of what is gone there is none."""
        told = super().evidence(one)
        return self._agrees(one, gone=told not in {WHOLE, DAMAGED, NONE})

    def page(self, one: Subject, system: System | None = None) -> str:
        """Read what the catalogue shows."""
        row = _row(system or self._system, one)
        if row is None:
            return NONE
        gone = RecordState(row.state).gone
        if gone and _END[1] in self._ended(one, system) and row.title:
            return "a word of what is gone"
        return self._agrees(one, gone=gone, system=system)

    def search(self, one: Subject) -> str:
        """Look the record up in the index."""
        return self._agrees(one, gone=_indexed(self._system, one.record) is None)


def offline_of_ended(system: System, one: Subject, told: str) -> str:
    """Judge what ``archive verify`` says; while bytes are being destroyed it is not asked."""
    with system.database.read() as session:
        ended = list(session.scalars(_ends_of(one.record)))
    if not ended:
        return told
    if len(ended) == 1:
        return NOT_ASKED
    return WHOLE if told == NONE else "found"


DISPOSAL_CASES = (
    UseCase("execution begun", _approved, _execute, _executed, short=False),
    UseCase(
        "execute",
        _begun,
        _execute,
        _executed,
        moments=(("committed", 2), ("unlink", 3)),
    ),
)
