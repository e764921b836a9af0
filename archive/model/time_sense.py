"""A trusted sense of time: what one look at the clock tells, from the looks before it. Pure.

Outside clocks are witnesses: a time-stamp authority that isn't ours, a store on another machine.
Where one answers, a difference of more than a day makes our clock distrusted. Where none does, a
step back of more than a minute or a jump of more than 35 days against the last entry does. A
smaller jump, of a machine that was switched off, only delays what can't be undone until it has run
for 24 hours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

STEP_BACK: Final = timedelta(minutes=1)
"""How far the clock may go back against the last entry."""
JUMP: Final = timedelta(days=35)
"""How far it may jump ahead without a witness."""
APART: Final = timedelta(days=1)
"""How far it may be from a witness, and what may pass unseen without delaying anything."""
RUNNING: Final = timedelta(hours=24)
"""How long the service runs before time that passed unseen is believed."""


class Doubt(StrEnum):
    """Why the clock is distrusted."""

    AHEAD = "ahead"
    """It jumped ahead, and nobody else confirms it."""
    BACK = "back"
    """It went back behind what is in the journal."""
    APART = "apart"
    """An outside clock says otherwise."""


@dataclass(frozen=True)
class Sense:
    """What is known of the time.

    Attributes:
        seen_at: Latest moment that fitted those before it.
        certain_at: Latest moment by which what can't be undone may be judged.
        gaps: Seconds that passed unseen, since they were last made up for.
        ran: Seconds of running since then.
        distrusted_at: What the clock showed when it was first distrusted; None: it is trusted.
        difference: Seconds by which it then was ahead of what was expected; negative: behind.
        first_entry: First journal entry that may have been made under the distrusted clock.
        witnessed_at: When an outside clock was last asked, by its own time.
    """

    seen_at: datetime
    certain_at: datetime
    gaps: int = 0
    ran: int = 0
    distrusted_at: datetime | None = None
    reason: Doubt | None = None
    difference: int | None = None
    first_entry: int | None = None
    witnessed_at: datetime | None = None

    @property
    def trusted(self) -> bool:
        """Whether the clock is trusted."""
        return self.distrusted_at is None

    @property
    def delayed(self) -> bool:
        """Whether what can't be undone waits until the service has run for a day."""
        return self.gaps > APART.total_seconds()


def looked(sense: Sense, now: datetime, last_entry: datetime | None, entries: int, ran: float = 0) -> Sense:
    """Return what is known after one look at the clock.

    Args:
        sense: What was known before.
        now: What the clock shows.
        last_entry: Time of the last journal entry; None: it can't be read here.
        entries: Number of entries: that of the next one.
        ran: Seconds that this process ran since the look before, by a clock that never jumps.
    """
    if not sense.trusted:
        return sense
    if last_entry is not None and last_entry - now > STEP_BACK:
        return _distrusted(sense, now, Doubt.BACK, now - last_entry, entries)
    unseen = now - sense.seen_at - timedelta(seconds=ran)
    # A jump is measured from the last entry too; time that passed unseen is not, since a clock that
    # jumped a moment ago dated that entry as well.
    jumped = min(unseen, now - last_entry) if last_entry is not None else unseen
    if jumped > JUMP:
        return _distrusted(sense, now, Doubt.AHEAD, jumped, entries)
    gap = int(unseen.total_seconds()) if unseen > STEP_BACK else 0
    has_run = int(ran) if unseen > APART else sense.ran + int(ran)
    gaps = sense.gaps + gap
    if has_run >= RUNNING.total_seconds():
        gaps = has_run = 0
    after = replace(sense, seen_at=now, gaps=gaps, ran=has_run)
    return after if after.delayed else replace(after, certain_at=now)


def witnessed(sense: Sense, now: datetime, theirs: datetime, entries: int) -> Sense:
    """Return what is known after an outside clock was asked.

    It clears a jump, and a step back too small to matter; entries made under a clock that was far
    off, and a clock that once contradicted a witness, are for an administrator to confirm.
    """
    apart = now - theirs
    asked = replace(sense, witnessed_at=theirs)
    if abs(apart) > APART:
        return asked if not sense.trusted else _distrusted(asked, now, Doubt.APART, apart, entries)
    small = sense.reason is Doubt.BACK and abs(sense.difference or 0) <= APART.total_seconds()
    if sense.trusted or sense.reason is Doubt.AHEAD or small:
        return believed(asked, now)
    return asked


def believed(sense: Sense, now: datetime) -> Sense:
    """Return what is known once the clock is confirmed."""
    return Sense(seen_at=now, certain_at=now, witnessed_at=sense.witnessed_at)


def certain(sense: Sense, now: datetime) -> datetime:
    """Return the moment by which what can't be undone is judged: never a doubtful one."""
    return now if sense.trusted and not sense.delayed else sense.certain_at


def _distrusted(sense: Sense, now: datetime, reason: Doubt, apart: timedelta, entries: int) -> Sense:
    return replace(sense, distrusted_at=now, reason=reason, difference=int(apart.total_seconds()), first_entry=entries)
