"""Days of a disposal: visas, silence, cooling-off, reminders. Pure.

Each period is counted as a retention is: its first day is not counted, its last day is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from archive.model.disposals import Direction, VisaStep
from archive.retention.dates import Unit, day_after, end_date

COOLING_DAYS: Final = 15
"""Days after the last visa in which everything can still be stopped: our own rule."""
FRESH_MONTHS: Final = 12
"""A visa older than this is asked for again: our own rule."""
OBJECTION_MONTHS: Final = 3
"""Months in which the administration of origin may object (code du patrimoine, R212-14)."""
REMINDER_DAYS: Final = (15, 30, 60)
"""Days after a visa was asked for, on which its person is reminded."""


def last_day_to_stop(last_visa: date) -> date:
    """Return the last day of the cooling-off period, from the day of the last visa."""
    return last_visa + timedelta(days=COOLING_DAYS)


def first_day_of_execution(last_visa: date) -> date:
    """Return the first day on which a disposal may be executed."""
    return last_day_to_stop(last_visa) + timedelta(days=1)


def is_fresh(given_on: date, day: date, *, locked_since: date | None = None) -> bool:
    """Whether a visa still counts on a day.

    Args:
        locked_since: First day on which nothing but the lock of our own store stood in the way:
            waiting for it does not age a visa.
    """
    judged = day if locked_since is None else min(day, locked_since)
    last = end_date(given_on, FRESH_MONTHS, Unit.MONTH)
    return last is None or judged <= last


def proceeds_from(proposed_on: date) -> date | None:
    """Return the first day on which the archives may proceed without an answer."""
    last = end_date(proposed_on, OBJECTION_MONTHS, Unit.MONTH)
    return day_after(last) if last is not None else None


def steps_of(direction: Direction, *, authority: bool) -> tuple[VisaStep, ...]:
    """Return the visas that a disposal needs, in order.

    Where the archives propose, the head of the archives stands beside the administration of origin:
    two people, neither of whom drafted it.

    Args:
        authority: Whether the mayor or president signs as well.
    """
    if direction is Direction.ARCHIVES_PROPOSE:
        return (VisaStep.PRODUCER, VisaStep.AUTHORITY)
    if authority:
        return (VisaStep.PRODUCER, VisaStep.AUTHORITY, VisaStep.CONTROLLER)
    return (VisaStep.PRODUCER, VisaStep.CONTROLLER)


def silence_agrees(direction: Direction, step: VisaStep, proposed_on: date, day: date) -> bool:
    """Whether a visa that nobody gave counts as given: only of the administration of origin."""
    if direction is not Direction.ARCHIVES_PROPOSE or step is not VisaStep.PRODUCER:
        return False
    first = proceeds_from(proposed_on)
    return first is not None and day >= first


def reminders_due(asked_on: date, sent: Iterable[int], day: date) -> list[int]:
    """Return the reminders that are due and not sent yet, by their number of days."""
    passed = (day - asked_on).days
    return [days for days in REMINDER_DAYS if days <= passed and days not in set(sent)]
