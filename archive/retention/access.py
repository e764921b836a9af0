"""Access delays: from when the public may read, by the national list of access rules.

Code du patrimoine, art. L213-2. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from archive.retention.dates import Unit, day_after, end_date
from archive.retention.sentences import HARD, NARROW, in_words


@dataclass(frozen=True)
class Access:
    """Access to one record: the day from which the public may read, and its explanation."""

    communicable_on: date | None
    explanation: str


@dataclass(frozen=True)
class _Delay:
    """A delay of the national list.

    Attributes:
        years: None = for ever.
        since: The event from which it counts.
        words: French words for a list of rules, the delay first; empty where ``why`` is as short.
        or_after_death: Years after the death of the person, if that is the shorter delay.
        death_unknown: Years after the birth, where the death from which it counts is unknown.
    """

    years: int | None
    since: str
    why: str
    words: str = ""
    or_after_death: int | None = None
    death_unknown: int | None = None


_DOCUMENT: Final = "document"
_DEATH: Final = "death"
_BIRTH: Final = "birth"
_EVENTS: Final = {
    _DOCUMENT: "la date du document",
    _DEATH: "le décès de la personne",
    _BIRTH: "la naissance de la personne",
}
_AFTER_DEATH: Final = 25
_AFTER_BIRTH: Final = 120
_DELAYS: Final = {
    "AR038": _Delay(0, _DOCUMENT, "aucun délai particulier"),
    **dict.fromkeys(
        ("AR039", "AR040", "AR041", "AR042", "AR044", "AR045", "AR046", "AR047"),
        _Delay(25, _DOCUMENT, "secret protégé pendant 25 ans", "25 ans : secret protégé"),
    ),
    "AR043": _Delay(
        _AFTER_DEATH,
        _DEATH,
        "secret médical",
        "25 ans après le décès : secret médical",
        death_unknown=_AFTER_BIRTH,
    ),
    **dict.fromkeys(
        ("AR048", "AR049", "AR050", "AR051"),
        _Delay(
            50,
            _DOCUMENT,
            "vie privée, sûreté ou secret protégés pendant 50 ans",
            "50 ans : vie privée, sûreté ou secret",
        ),
    ),
    **dict.fromkeys(
        ("AR052", "AR053", "AR054", "AR055", "AR056", "AR057"),
        _Delay(
            75,
            _DOCUMENT,
            "protection pendant 75 ans",
            "75 ans de protection, ou 25 ans après le décès si c’est plus court",
            or_after_death=_AFTER_DEATH,
        ),
    ),
    **dict.fromkeys(
        ("AR058", "AR059", "AR060"),
        _Delay(
            100,
            _DOCUMENT,
            "protection pendant 100 ans",
            "100 ans de protection, ou 25 ans après le décès si c’est plus court",
            or_after_death=_AFTER_DEATH,
        ),
    ),
    "AR061": _Delay(
        _AFTER_BIRTH,
        _BIRTH,
        "secret médical, décès inconnu",
        "120 ans après la naissance : secret médical, décès inconnu",
    ),
    "AR062": _Delay(None, _DOCUMENT, "document incommunicable"),
}


def access_rules() -> dict[str, str]:
    """Return the national list: the French words of each rule, message ids, by code."""
    return {code: _DELAYS[code].words or _DELAYS[code].why for code in sorted(_DELAYS)}


def access_of(
    code: str | None,
    *,
    document_date: date | None,
    closed_on: date | None,
    death: date | None = None,
    birth: date | None = None,
) -> Access:
    """Return from when the public may read, by the national list of access rules (L213-2).

    The count starts from the most recent date known: a file opens when its last document may. The
    last day of the delay is still closed: the public reads from the day after.
    """
    if not code:
        return Access(None, "Aucune règle d’accès n’est indiquée\u202f: à compléter avant toute communication.")
    delay = _DELAYS.get(code)
    if delay is None:
        quoted = f"«{NARROW}{code}{NARROW}»"
        return Access(None, f"La règle d’accès {quoted} n’est pas dans la liste nationale{NARROW}: à corriger.")
    law = f"(règle{HARD}{code}, code du patrimoine, art.{HARD}L213-2)"
    if delay.years is None:
        return Access(None, f"Jamais communicable au public{NARROW}: {delay.why} {law}.")
    if delay.years == 0:
        return Access(document_date, f"Communicable sans délai à toute personne qui le demande {law}.")
    latest = max((day for day in (document_date, closed_on) if day is not None), default=None)
    return _delayed(delay, law, {_DOCUMENT: latest, _DEATH: death, _BIRTH: birth})


def _delayed(delay: _Delay, law: str, starts: Mapping[str, date | None]) -> Access:
    """Return access after a delay in years, from the days known of its events."""
    years, since = delay.years or 0, delay.since
    if starts[since] is None and delay.death_unknown is not None and starts[_BIRTH] is not None:
        years, since = delay.death_unknown, _BIRTH
    start, death = starts[since], starts[_DEATH]
    if start is None:
        event = f"{_EVENTS[since]}, date inconnue ici{NARROW}: {delay.why}"
        return Access(None, f"Communicable {years}{HARD}ans après {event} {law}.")
    day, why = _first_open_day(start, years), delay.why
    shorter = _first_open_day(death, delay.or_after_death) if death and delay.or_after_death else None
    if shorter is not None and (day is None or shorter < day):
        day, why = shorter, f"{delay.or_after_death}{HARD}ans après le décès, plus court que la {delay.why}"
    if day is None:
        return Access(None, f"Pas communicable{NARROW}: le délai dépasse le calendrier, {why} {law}.")
    return Access(day, f"Communicable à partir du {in_words(day)}{NARROW}: {why} {law}.")


def _first_open_day(start: date, years: int) -> date | None:
    """Return the day after the delay; None beyond the calendar."""
    last = end_date(start, years, Unit.YEAR)
    return day_after(last) if last is not None else None
