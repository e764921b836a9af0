"""Durations, start events, and the days that follow from them. Pure.

``starts_on`` is not counted; ``ends_on`` is the last day kept, the same day number after the
duration; what follows begins on the next day. Nothing is counted from a date that was not given,
and an end beyond the calendar is no end.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, assert_never

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


@dataclass(frozen=True)
class Start:
    """A start event: its words after « à compter de », and the field with its date."""

    phrase: str
    known_by: StartField | None
    """Field with the date; None when a record has no such field."""
    year_end: bool = False
    fixed_ahead: bool = False
    """Whether it is an end fixed in advance, which may be told before it comes."""


_DOCUMENT: Final = StartField.DOCUMENT_DATE
_CLOSED: Final = StartField.CLOSED_ON
START_EVENTS: Final = {
    "document_date": Start("la date du document", _DOCUMENT),
    "calendar_year_end": Start("la fin de l’année du document", _DOCUMENT, year_end=True),
    "fiscal_year_end": Start("la fin de l’exercice budgétaire", _DOCUMENT, year_end=True),
    "file_closing": Start("la clôture du dossier", _CLOSED),
    "procedure_closing": Start("la clôture de la procédure", _CLOSED),
    "final_decision": Start("la décision définitive", _CLOSED),
    "last_decision": Start("la dernière décision", _CLOSED),
    "last_decision_expiry": Start("la fin de validité de la dernière décision", _CLOSED, fixed_ahead=True),
    "last_measure_end": Start("la fin de la dernière mesure", _CLOSED),
    "contract_notification": Start("la notification du marché", None),
    "final_payment": Start("le solde du marché", _CLOSED),
    "contract_end": Start("la fin du contrat", _CLOSED, fixed_ahead=True),
    "works_acceptance": Start("la réception des travaux", _CLOSED),
    "birth_date": Start("la date de naissance de la personne", None),
    "death_date": Start("la date du décès de la personne", None),
    "end_of_duties": Start("la fin des fonctions", _CLOSED),
    "leave_end": Start("la fin du congé", _CLOSED, fixed_ahead=True),
    "authorisation_end": Start("la fin de l’autorisation", _CLOSED, fixed_ahead=True),
    "agreement_end": Start("la fin de l’agrément", _CLOSED, fixed_ahead=True),
}
"""Start events, by code.

``closed_on`` is the end of the business case, under any name, and never its beginning.
"""


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


def _months_after(start: date, months: int) -> date:
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


def day_after(day: date) -> date | None:
    """Return the first day after a last one; None after the last day of the calendar."""
    return day + timedelta(days=1) if day < date.max else None


def start_date(event: str, *, document_date: date | None, closed_on: date | None) -> date | None:
    """Return the date on which the count starts; None when it was not given."""
    start = START_EVENTS.get(event)
    if start is None:
        return None
    match start.known_by:
        case StartField.DOCUMENT_DATE:
            known = document_date
        case StartField.CLOSED_ON:
            known = closed_on
        case None:
            return None
        case field:
            assert_never(field)
    return known.replace(month=12, day=31) if known is not None and start.year_end else known


def farthest_lock(today: date, horizon_days: int) -> date:
    """Return the last day of an open-ended lock: the horizon; 0 = for as long as a store can."""
    return today + timedelta(days=horizon_days) if horizon_days else FOREVER
