"""Confirm a clock that was distrusted, and name the entries that were made under it."""

from __future__ import annotations

from sqlalchemy import func, select

from archive.database.engine import Database
from archive.database.tables import ClockRow, JournalEntryRow
from archive.database.tenancy import EVERYTHING, acting_for
from archive.database.time_sense import TimeSense, keep, kept
from archive.journal.effects import Subject
from archive.journal.sequencer import Entry, Ledger, size
from archive.journal.types import EntryType
from archive.model.time_sense import APART, STEP_BACK, believed
from signing.ground.clock import Clock, stamp
from signing.ground.errors import Refused


def confirm(database: Database, ledger: Ledger, clock: Clock, sense: TimeSense, *, agent: str) -> Entry:
    """Confirm that the clock is right now: what waited goes on, and the journal tells it.

    Args:
        agent: The administrator who confirms.

    Raises:
        Refused: ``clock_trusted``: there is nothing to confirm; ``clock_still_differs``: an outside
            clock says otherwise.
    """
    theirs = sense.witness()
    if theirs is not None and abs(clock() - theirs) > APART:
        raise Refused(
            "clock_still_differs",
            "L’horloge de la machine donne {ours}, une horloge extérieure {theirs}.",
            kept="Rien n’a été changé.",
            action="Mettez la machine à l’heure, puis confirmez.",
            ours=stamp(clock()),
            theirs=stamp(theirs),
        )
    with acting_for(EVERYTHING), database.write() as session:
        session.get(ClockRow, 1, with_for_update=True)
        known = kept(session)
        if known is None or known.trusted or known.distrusted_at is None:
            raise Refused("clock_trusted", "L’horloge n’est pas mise en doute.", kept="Rien n’a été changé.")
        now, last = clock(), size(session) - 1
        ahead = session.scalar(select(func.min(JournalEntryRow.n)).where(JournalEntryRow.at > now + STEP_BACK))
        first = min(n for n in (known.first_entry, ahead, last + 1) if n is not None)
        entry = ledger.append(
            session,
            type=EntryType.CLOCK_CORRECTED,
            tenant=None,
            subject=Subject.LOG,
            agent=agent,
            facts={
                "reason": str(known.reason),
                "difference": known.difference,
                "distrusted_at": stamp(known.distrusted_at),
                "first": first if first <= last else None,
                "last": last if first <= last else None,
            },
        )
        keep(session, believed(known, now))
        return entry
