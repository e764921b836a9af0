"""Until when, why, and what then: the rules of retention and of public access. Pure.

Dates are computed as the national referential does: end = start + duration in calendar units, never from
a date that nobody gave. What can't be computed has no end, and nothing without an end is ever destroyed.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

NARROW: Final = "\u202f"
"""Before ``: ; ? !`` and inside « »."""
HARD: Final = "\u00a0"
"""In dates and durations."""

FOREVER: Final = date(2399, 12, 31)
"""The lock of what has no end when the horizon is 0: the file systems we know keep no date far beyond."""


class FinalAction(StrEnum):
    """What happens at the end."""

    KEEP = "keep"
    DESTROY = "destroy"
    SORT = "sort"


class Unit(StrEnum):
    """Calendar units of a duration."""

    DAY = "DAY"
    MONTH = "MONTH"
    YEAR = "YEAR"


@dataclass(frozen=True)
class Start:
    """A start event: how it reads after « à compter de », and which date tells it."""

    phrase: str
    known_by: str | None
    """``document_date``, ``closed_on``, or None when no field of a record tells it."""
    year_end: bool = False


START_EVENTS: Final = {
    "document_date": Start("la date du document", "document_date"),
    "calendar_year_end": Start("la fin de l’année du document", "document_date", year_end=True),
    "fiscal_year_end": Start("la fin de l’exercice budgétaire", "document_date", year_end=True),
    "file_closing": Start("la clôture du dossier", "closed_on"),
    "procedure_closing": Start("la clôture de la procédure", "closed_on"),
    "final_decision": Start("la décision définitive", "closed_on"),
    "last_decision": Start("la dernière décision", "closed_on"),
    "last_decision_expiry": Start("la fin de validité de la dernière décision", "closed_on"),
    "last_measure_end": Start("la fin de la dernière mesure", "closed_on"),
    "contract_notification": Start("la notification du marché", None),
    "final_payment": Start("le solde du marché", "closed_on"),
    "contract_end": Start("la fin du contrat", "closed_on"),
    "works_acceptance": Start("la réception des travaux", "closed_on"),
    "birth_date": Start("la date de naissance de la personne", None),
    "death_date": Start("la date du décès de la personne", None),
    "end_of_duties": Start("la fin des fonctions", "closed_on"),
    "leave_end": Start("la fin du congé", "closed_on"),
    "authorisation_end": Start("la fin de l’autorisation", "closed_on"),
    "agreement_end": Start("la fin de l’agrément", "closed_on"),
}
"""``closed_on`` is the end of the business case, whatever it is called; never taken for a beginning."""


@dataclass(frozen=True)
class Rule:
    """One version of one retention rule.

    Attributes:
        duration: None = unlimited.
        validated: Whether an archivist allowed destruction under it.
    """

    code: str
    version: int
    label: str
    duration: int | None
    unit: Unit
    start_event: str
    final_action: FinalAction
    validated: bool = False


@dataclass(frozen=True)
class Retention:
    """What a rule means for one record.

    Attributes:
        ends_on: End of the time the rule asks for; None = no end yet, or never.
        explanation: One or two French sentences.
    """

    rule: str | None
    version: int | None
    starts_on: date | None
    ends_on: date | None
    final_action: FinalAction
    explanation: str


@dataclass(frozen=True)
class Access:
    """From when the public may read."""

    communicable_on: date | None
    explanation: str


def end_date(start: date, duration: int, unit: Unit) -> date:
    """Start + duration; a day that the month does not have becomes its last (29 February -> 28).

    Raises:
        OverflowError: If the end lies beyond the calendar.
    """
    if unit is Unit.DAY:
        return start + timedelta(days=duration)
    months = start.month - 1 + duration * (12 if unit is Unit.YEAR else 1)
    year, month = start.year + months // 12, months % 12 + 1
    if year > date.max.year:
        raise OverflowError("the end lies beyond the calendar")
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


def start_date(event: str, *, document_date: date | None, closed_on: date | None) -> date | None:
    """The date on which the count starts; None when nobody gave what tells it."""
    start = START_EVENTS.get(event)
    if start is None or start.known_by is None:
        return None
    known = document_date if start.known_by == "document_date" else closed_on
    return known.replace(month=12, day=31) if known is not None and start.year_end else known


def retention_of(
    rule: Rule | None,
    *,
    phrase: str | None,
    document_type: str | None,
    document_date: date | None,
    closed_on: date | None,
) -> Retention:
    """Apply a rule to a record.

    Args:
        rule: None when the type of the document has none.
        phrase: The type with its article, « une facture »; None when the type is not in the list.
        document_type: As given.
        document_date: Of the document.
        closed_on: End of the business case.
    """
    if rule is None:
        return Retention(None, None, None, None, FinalAction.KEEP, _without_rule(phrase, document_type))
    what = f"parce que c’est {phrase or f'un document de type «{NARROW}{document_type}{NARROW}»'}"
    because = f"{what} (règle{HARD}{rule.code})"
    start = start_date(rule.start_event, document_date=document_date, closed_on=closed_on)
    if rule.duration is None:
        text = f"Sans limite de durée, {because}."
        return Retention(rule.code, rule.version, start, None, rule.final_action, text)
    if start is None:
        text = _without_start(rule, because)
        return Retention(rule.code, rule.version, None, None, rule.final_action, text)
    end = end_date(start, rule.duration, rule.unit)
    text = _dated(rule, because, start, end)
    return Retention(rule.code, rule.version, start, end, rule.final_action, text)


def farthest_lock(today: date, horizon_days: int) -> date:
    """Last day of a lock without an end of its own: the horizon; 0 = for as long as a store can."""
    return today + timedelta(days=horizon_days) if horizon_days else FOREVER


def retain_until(retention: Retention, today: date, horizon_days: int) -> date:
    """Last day of the store's lock: the end of retention, but no further than the horizon.

    What is kept for ever has no end. A retention that is over already still gets one day, because
    a store takes no lock in the past.
    """
    limit = farthest_lock(today, horizon_days)
    kept_for_ever = retention.final_action is FinalAction.KEEP
    end = limit if retention.ends_on is None or kept_for_ever else min(retention.ends_on, limit)
    return max(end, today + timedelta(days=1))


# -- public access


@dataclass(frozen=True)
class _Delay:
    years: int | None
    since: str
    why: str


_DOCUMENT: Final = "document"
_EVENTS: Final = {
    _DOCUMENT: "la date du document",
    "death": "le décès de la personne",
    "birth": "la naissance de la personne",
}
_DELAYS: Final = {
    "AR038": _Delay(0, _DOCUMENT, "aucun délai particulier"),
    **dict.fromkeys(
        ("AR039", "AR040", "AR041", "AR042", "AR044", "AR045", "AR046", "AR047"),
        _Delay(25, _DOCUMENT, "secret protégé pendant 25 ans"),
    ),
    "AR043": _Delay(25, "death", "secret médical"),
    **dict.fromkeys(
        ("AR048", "AR049", "AR050", "AR051"),
        _Delay(50, _DOCUMENT, "vie privée, sûreté ou secret protégés pendant 50 ans"),
    ),
    **dict.fromkeys(
        ("AR052", "AR053", "AR054", "AR055", "AR056", "AR057"),
        _Delay(75, _DOCUMENT, "protection pendant 75 ans"),
    ),
    **dict.fromkeys(("AR058", "AR059", "AR060"), _Delay(100, _DOCUMENT, "protection pendant 100 ans")),
    "AR061": _Delay(120, "birth", "secret médical, décès inconnu"),
    "AR062": _Delay(None, _DOCUMENT, "document incommunicable"),
}


def access_of(code: str | None, *, document_date: date | None, closed_on: date | None) -> Access:
    """From when the public may read, by the national list of access rules (L213-2).

    The count starts from the most recent date known: a file opens when its last document may.
    """
    if not code:
        return Access(None, "Aucune règle d’accès n’est indiquée\u202f: à compléter avant toute communication.")
    delay = _DELAYS.get(code)
    if delay is None:
        quoted = f"«{NARROW}{code}{NARROW}»"
        return Access(None, f"La règle d’accès {quoted} n’est pas dans la liste nationale{NARROW}: à corriger.")
    law = f"(règle{HARD}{code}, code du patrimoine, art.{HARD}L213-2)"
    latest = max((day for day in (document_date, closed_on) if day is not None), default=None)
    if delay.years is None:
        return Access(None, f"Jamais communicable au public{NARROW}: {delay.why} {law}.")
    if delay.years == 0:
        return Access(document_date, f"Communicable sans délai à toute personne qui le demande {law}.")
    if latest is not None and delay.since == _DOCUMENT:
        day = end_date(latest, delay.years, Unit.YEAR)
        return Access(day, f"Communicable à partir du {in_words(day)}{NARROW}: {delay.why} {law}.")
    event = f"{_EVENTS[delay.since]}, date inconnue ici{NARROW}: {delay.why}"
    return Access(None, f"Communicable {delay.years}{HARD}ans après {event} {law}.")


# -- words

MONTHS: Final = (
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()  # noqa: SIM905
)
_UNITS: Final = {Unit.DAY: ("jour", "jours"), Unit.MONTH: ("mois", "mois"), Unit.YEAR: ("an", "ans")}


def in_words(day: date) -> str:
    """« 31 décembre 2036 », with spaces that don't break."""
    return f"{'1er' if day.day == 1 else day.day}{HARD}{MONTHS[day.month - 1]}{HARD}{day.year}"


def _lasting(rule: Rule) -> str:
    one, many = _UNITS[rule.unit]
    return f"{rule.duration}{HARD}{one if (rule.duration or 0) < 2 else many}"


def _since(rule: Rule) -> str:
    start = START_EVENTS.get(rule.start_event)
    if start is None:
        return f"de «{NARROW}{rule.start_event}{NARROW}»"
    return f"du {start.phrase[3:]}" if start.phrase.startswith("le ") else f"de {start.phrase}"


def _dated(rule: Rule, because: str, start: date, end: date) -> str:
    count = f"{_lasting(rule)} à compter {_since(rule)} ({in_words(start)})"
    if rule.final_action is FinalAction.KEEP:
        return (
            f"Définitivement, {because}{NARROW}: le service en a besoin {count}, jusqu’au {in_words(end)}, "
            "puis les archives le gardent pour toujours."
        )
    return f"Jusqu’au {in_words(end)}, {because}{NARROW}: {count}. {_afterwards(rule)}"


def _afterwards(rule: Rule) -> str:
    if rule.final_action is FinalAction.SORT:
        return "Un archiviste choisira ensuite ce qui est gardé et ce qui est éliminé."
    if not rule.validated:
        return "Il ne sera pas éliminé avant qu’un archiviste ait validé cette règle et obtenu un visa."
    return "Il pourra ensuite être éliminé, avec un visa."


def _without_start(rule: Rule, because: str) -> str:
    start = START_EVENTS.get(rule.start_event)
    field = {"document_date": "la date du document", "closed_on": "la date de clôture"}.get(
        (start.known_by if start else None) or "", ""
    )
    missing = f"il manque {field}" if field else "cette date n’est pas connue ici"
    first = "Définitivement" if rule.final_action is FinalAction.KEEP else "Sans date de fin pour l’instant"
    return f"{first}, {because}{NARROW}: {_lasting(rule)} à compter {_since(rule)}, et {missing}."


def _without_rule(phrase: str | None, document_type: str | None) -> str:
    if not document_type:
        why = "le type du document n’est pas indiqué"
    elif phrase is None:
        why = f"le type «{NARROW}{document_type}{NARROW}» n’est pas dans la liste du service"
    else:
        why = f"aucune règle n’est donnée pour {phrase}"
    return f"Sans date de fin, parce que {why}{NARROW}: à compléter. Rien n’est éliminé sans règle."
