"""The installation's sense of time: one row, looked at by every process that does what stays done.

``beat`` looks every minute, and asks the witnesses once a day or on suspicion; the sequencer looks
at every entry, so that a clock that jumped is distrusted before anything is done by it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.tables import ClockRow, JournalEntryRow
from archive.database.tenancy import EVERYTHING, acting_for
from archive.model.time_sense import Doubt, Sense, certain, looked, witnessed
from signing.ground.clock import Clock, stamp
from signing.ground.errors import Unavailable

log = structlog.get_logger(__name__)

ASKED_EVERY: Final = timedelta(days=1)
_ONLY: Final = 1
_NAMES: Final = [field.name for field in fields(Sense)]


class TimeSense:
    """Sense of time of the installation.

    Args:
        clock: The clock of this machine, which may be wrong.
        outside: Give parts that may have an outside clock (``outside_time``), asked in order.
        monotonic: Seconds that never jump; tells how long this process ran.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        outside: Sequence[Callable[[], object]] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._outside = tuple(outside)
        self._monotonic = monotonic
        self._looked: float | None = None

    def look(self) -> Sense:
        """Look at the clock, ask a witness where one is due or in doubt, keep what is known."""
        instant = self._monotonic()
        ran = instant - self._looked if self._looked is not None else 0.0
        before, after = self._judged(ran)
        theirs = self._asked() if self._must_ask(before, after) else None
        if theirs is not None:
            with acting_for(EVERYTHING), self._database.read() as session:
                entries = _entries(session)[1]
            after = witnessed(after, self._clock(), theirs, entries)
        with acting_for(EVERYTHING), self._database.write() as session:
            keep(session, after)
        self._looked = instant
        if before is not None and before.trusted and not after.trusted:
            log.error("clock_distrusted", reason=str(after.reason), seconds=after.difference)
        return after

    def sense(self) -> Sense:
        """Return what a look would tell now; nothing is written and nobody is asked."""
        return self._judged(0.0)[1]

    def certain_now(self) -> datetime:
        """Return the moment by which what can't be undone is judged: a clock for locks and ends."""
        return certain(self.sense(), self._clock())

    def require_trusted(self) -> None:
        """Refuse to go on while the clock is distrusted.

        Raises:
            Unavailable: ``clock_distrusted``.
        """
        if not self.sense().trusted:
            raise distrusted()

    def witness(self) -> datetime | None:
        """Ask the outside clocks; None where there is none or none answers."""
        return self._asked()

    def _judged(self, ran: float) -> tuple[Sense | None, Sense]:
        with acting_for(EVERYTHING), self._database.read() as session:
            before = kept(session)
            last, entries = _entries(session)
        now = self._clock()
        known = before or Sense(seen_at=last or now, certain_at=last or now)
        return before, looked(known, now, last, entries, ran)

    def _must_ask(self, before: Sense | None, after: Sense) -> bool:
        if not after.trusted or after.delayed or before is None or before.witnessed_at is None:
            return True
        return abs(self._clock() - before.witnessed_at) >= ASKED_EVERY

    def _asked(self) -> datetime | None:
        for part in self._outside:
            try:
                ask = getattr(part(), "outside_time", None)
                theirs: datetime | None = ask() if ask is not None else None
            except Unavailable:
                continue
            if theirs is not None:
                return theirs
        return None


def kept(session: Session) -> Sense | None:
    """Return what is known; None before the first look."""
    row = session.get(ClockRow, _ONLY)
    if row is None:
        return None
    values = {name: getattr(row, name) for name in _NAMES}
    return Sense(**values | {"reason": Doubt(row.reason) if row.reason is not None else None})


def note_entry(session: Session, n: int, at: datetime) -> None:
    """Look at the clock as an entry is made, in its transaction; nothing is asked or delayed.

    Args:
        session: A write transaction.
        n: Number of the entry.
        at: Its time.
    """
    known = kept(session)
    if known is None or not known.trusted:
        return
    last = session.scalar(select(JournalEntryRow.at).where(JournalEntryRow.n == n - 1))
    after = looked(known, at, last, n)
    if not after.trusted:
        keep(session, after)
        log.error("clock_distrusted", reason=str(after.reason), seconds=after.difference, at=stamp(at))


def distrusted() -> Unavailable:
    """Return the error for what waits until an administrator confirms the clock."""
    return Unavailable(
        "clock_distrusted",
        "L’horloge de la machine est mise en doute : rien d’irréversible n’est fait, rien n’est horodaté.",
        kept="Les versements continuent d’être reçus.",
        action="Un administrateur vérifie l’heure de la machine, puis la confirme : page État, ou "
        "« chartrier clock confirm ».",
    )


def _entries(session: Session) -> tuple[datetime | None, int]:
    """Return the time of the last journal entry, and the number of the next."""
    row = session.execute(
        select(JournalEntryRow.at, JournalEntryRow.n).order_by(JournalEntryRow.n.desc()).limit(1)
    ).first()
    return (row.at, row.n + 1) if row is not None else (None, 0)


def keep(session: Session, sense: Sense) -> None:
    """Write what is known, also where another machine makes the row at this moment."""
    values = {name: getattr(sense, name) for name in _NAMES}
    values["reason"] = str(sense.reason) if sense.reason is not None else None
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    row = dialect.insert(ClockRow).values(id=_ONLY, **values)
    session.execute(row.on_conflict_do_update(index_elements=["id"], set_=values))
    session.refresh(session.get_one(ClockRow, _ONLY))
