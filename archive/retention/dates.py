"""Durations, start events, and the days that follow from them. Pure.

``starts_on`` is not counted; ``ends_on`` is the last day kept, the same day number after the
duration; what follows begins on the next day. Nothing is counted from a date that was not given,
and an end beyond the calendar is no end.

Where a start is looked for: a budget year that was given goes before any date where a year's end
counts. In a file, the date of the document, the closing and the years' ends are those of the file's
closing. A start with a name of its own is told by its event; outside a file, the closing date of
the record tells it too.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, assert_never

from archive.retention.facts import Facts, FileFacts

FOREVER: Final = date(2399, 12, 31)
"""End of a lock without an end when the horizon is 0.

The file systems we know keep no date far beyond.
"""


class StartField(StrEnum):
    """Fields of a description with the date of a start event."""

    DOCUMENT_DATE = "document_date"
    CLOSED_ON = "closed_on"


class Unit(StrEnum):
    """Calendar units of a duration."""

    DAY = "DAY"
    MONTH = "MONTH"
    YEAR = "YEAR"


class Period(StrEnum):
    """Periods whose end is a start: the period is the one that holds the date."""

    CALENDAR_YEAR = "calendar_year"
    FISCAL_YEAR = "fiscal_year"
    """The calendar year: French public budgets follow it."""
    SCHOOL_YEAR = "school_year"
    """To 31 August."""

    def end(self, day: date) -> date | None:
        """Return the last day of the period that holds a day; None beyond the calendar."""
        match self:
            case Period.CALENDAR_YEAR | Period.FISCAL_YEAR:
                return day.replace(month=12, day=31)
            case Period.SCHOOL_YEAR if (day.month, day.day) > _LAST_OF_SCHOOL:
                return date(day.year + 1, *_LAST_OF_SCHOOL) if day.year < date.max.year else None
            case Period.SCHOOL_YEAR:
                return date(day.year, *_LAST_OF_SCHOOL)
            case _:
                assert_never(self)

    def end_of_fiscal_year(self, year: int) -> date | None:
        """Return the last day of the period that a budget year tells; None where it tells none."""
        match self:
            case Period.CALENDAR_YEAR | Period.FISCAL_YEAR:
                return date(year, 12, 31) if date.min.year <= year <= date.max.year else None
            case Period.SCHOOL_YEAR:
                return None
            case _:
                assert_never(self)


_LAST_OF_SCHOOL: Final = (8, 31)


@dataclass(frozen=True)
class Start:
    """A start event: its words after « à compter de », and what tells its date.

    Attributes:
        known_by: Field of the record with the date, outside a file; None where no field has it.
        period: The period whose end it is; None for a day of its own.
        fixed_ahead: Whether it is an end fixed in advance, which may be told before it comes.
        named: Whether it is an event with a name of its own, which can be stated as such. The
            others are dates of the document or of the file.
        latest: Whether the latest date counts where several are stated, and not the latest
            statement.
    """

    phrase: str
    known_by: StartField | None
    period: Period | None = None
    fixed_ahead: bool = False
    named: bool = True
    latest: bool = False


_DOCUMENT: Final = StartField.DOCUMENT_DATE
_CLOSED: Final = StartField.CLOSED_ON
START_EVENTS: Final = {
    "document_date": Start("la date du document", _DOCUMENT, named=False),
    "calendar_year_end": Start("la fin de l’année du document", _DOCUMENT, Period.CALENDAR_YEAR, named=False),
    "fiscal_year_end": Start("la fin de l’exercice budgétaire", _DOCUMENT, Period.FISCAL_YEAR, named=False),
    "school_year_end": Start("la fin de l’année scolaire", _DOCUMENT, Period.SCHOOL_YEAR, named=False),
    "file_closing": Start("la clôture du dossier", _CLOSED, named=False),
    "procedure_closing": Start("la clôture de la procédure", _CLOSED),
    "final_decision": Start("la décision définitive", _CLOSED),
    "last_decision": Start("la dernière décision", _CLOSED, latest=True),
    "last_decision_expiry": Start("la fin de validité de la dernière décision", _CLOSED, fixed_ahead=True, latest=True),
    "last_measure_end": Start("la fin de la dernière mesure", _CLOSED, latest=True),
    "contract_signature": Start("la signature du marché", None),
    "contract_notification": Start("la notification du marché", None),
    "final_payment": Start("le solde du marché", _CLOSED),
    "contract_end": Start("la fin du contrat", _CLOSED, fixed_ahead=True),
    "works_acceptance": Start("la réception des travaux", _CLOSED),
    "birth_date": Start("la date de naissance de la personne", None),
    "death_date": Start("la date du décès de la personne", None),
    "recruitment_end": Start("la fin du recrutement", _CLOSED),
    "end_of_duties": Start("la fin des fonctions", _CLOSED),
    "leave_end": Start("la fin du congé", _CLOSED, fixed_ahead=True),
    "authorisation_end": Start("la fin de l’autorisation", _CLOSED, fixed_ahead=True),
    "agreement_end": Start("la fin de l’agrément", _CLOSED, fixed_ahead=True),
    "register_closing": Start("la clôture du registre", _CLOSED),
    "appeal_period_end": Start("la fin du délai de recours", _CLOSED),
    "validity_end": Start("la fin de validité", _CLOSED),
}
"""Start events, by code.

``closed_on`` is the end of the business case, under any name, and never its beginning.
"""
EVENTS: Final = frozenset(name for name, start in START_EVENTS.items() if start.named)
"""Start events that can be stated as events."""


class ToldBy(StrEnum):
    """What tells the date of a start, or would tell it."""

    DOCUMENT_DATE = "document_date"
    CLOSED_ON = "closed_on"
    FISCAL_YEAR = "fiscal_year"
    FILE = "file"
    """The closing of the file that holds the record."""
    EVENT = "event"
    """An event stated for the record."""
    NOTHING = "nothing"
    """The start event is not in our list."""


@dataclass(frozen=True)
class FoundStart:
    """The start of a count as it was found, or what is missing for it.

    Attributes:
        on: ``starts_on``; None when it was not given.
        told_by: What told it; where it is missing, what would tell it.
    """

    on: date | None
    told_by: ToldBy


def end_date(start: date, duration: int, unit: Unit) -> date | None:
    """Return start + duration; a day that the month lacks becomes its last (29 February -> 28).

    None where the end lies beyond the calendar: nothing then ever ends.
    """
    try:
        match unit:
            case Unit.DAY:
                return start + timedelta(days=duration)
            case Unit.MONTH:
                return _months_after(start, duration)
            case Unit.YEAR:
                return _months_after(start, 12 * duration)
            case _:
                assert_never(unit)
    except (OverflowError, ValueError):
        return None


def last_day_kept(start: date, duration: int, unit: Unit) -> date | None:
    """Return ``ends_on``; None where no day of the calendar follows: nothing is then ever due."""
    end = end_date(start, duration, unit)
    return end if end is not None and end < date.max else None


class Term(NamedTuple):
    """The end of a retention: its last day, and the day after."""

    ends_on: date
    due_on: date


def from_seda(start: date, duration: int, unit: Unit) -> Term | None:
    """Return the end of a retention from a ``StartDate`` of SEDA, the first day counted.

    ``StartDate`` + duration is the day from which the final action may be executed. None beyond the
    calendar.
    """
    due_on = end_date(start, duration, unit)
    ends_on = day_before(due_on) if due_on is not None else None
    return Term(ends_on, due_on) if due_on is not None and ends_on is not None else None


def to_seda(due_on: date, duration: int, unit: Unit, *, given: date | None = None) -> date:
    """Return the ``StartDate`` that tells SEDA our ``due_on``.

    It is the earliest day that, with the duration, does not come before ``due_on``; nearly always
    the day after ``starts_on``.

    Args:
        given: A ``StartDate`` that was received; it is given back while it still tells ``due_on``.
    """
    if given is not None and end_date(given, duration, unit) == due_on:
        return given
    start = end_date(due_on, -duration, unit) or date.min
    while start < due_on and (end_date(start, duration, unit) or date.max) < due_on:
        start += timedelta(days=1)
    return start


def _months_after(start: date, months: int) -> date:
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


def day_after(day: date) -> date | None:
    """Return the first day after a last one; None after the last day of the calendar."""
    return day + timedelta(days=1) if day < date.max else None


def day_before(day: date) -> date | None:
    """Return the last day before a first one; None before the first day of the calendar."""
    return day - timedelta(days=1) if day > date.min else None


def start_date(event: str, *, document_date: date | None, closed_on: date | None) -> date | None:
    """Return the date on which the count starts outside a file; None when it was not given."""
    return find_start(event, Facts(document_date, closed_on)).on


def find_start(event: str, facts: Facts, file: FileFacts | None = None) -> FoundStart:
    """Find the date on which the count starts.

    Args:
        file: The file that holds the record, on the path for which the count is made.
    """
    start = START_EVENTS.get(event)
    if start is None:
        return FoundStart(None, ToldBy.NOTHING)
    if start.named:
        return _stated(event, start, facts, file)
    if start.period is not None and facts.fiscal_year is not None:
        end = start.period.end_of_fiscal_year(facts.fiscal_year)
        if end is not None:
            return FoundStart(end, ToldBy.FISCAL_YEAR)
    if file is not None:
        return FoundStart(_end_of_period(start, file.closed_on), ToldBy.FILE)
    known, told_by = _own_date(start, facts)
    return FoundStart(_end_of_period(start, known), told_by)


def _stated(event: str, start: Start, facts: Facts, file: FileFacts | None) -> FoundStart:
    stated = facts.events.get(event, ())
    if stated:
        return FoundStart(max(stated) if start.latest else stated[-1], ToldBy.EVENT)
    if file is not None or start.known_by is None:
        return FoundStart(None, ToldBy.EVENT)
    return FoundStart(*_own_date(start, facts))


def _own_date(start: Start, facts: Facts) -> tuple[date | None, ToldBy]:
    match start.known_by:
        case StartField.DOCUMENT_DATE:
            return facts.document_date, ToldBy.DOCUMENT_DATE
        case StartField.CLOSED_ON:
            return facts.closed_on, ToldBy.CLOSED_ON
        case None:
            return None, ToldBy.EVENT
        case field:
            assert_never(field)


def _end_of_period(start: Start, day: date | None) -> date | None:
    return start.period.end(day) if day is not None and start.period is not None else day


def farthest_lock(today: date, horizon_days: int) -> date:
    """Return the last day of an open-ended lock: the horizon; 0 = for as long as a store can."""
    return today + timedelta(days=horizon_days) if horizon_days else FOREVER
