"""Access delays: from when the public may read, by the national list of access rules.

Code du patrimoine, art. L213-2. A record has one code or several, and then the latest day wins.
Loi 2021-998 counts four kinds of defence records from the end of a use and not from a date: no
code of the list says that, and none of its delays is applied here. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum, auto
from typing import Final

from archive.retention.dates import Unit, day_after, end_date
from archive.retention.reasons import Lasting, Reason, Value, Words, in_french


@dataclass(frozen=True)
class Access:
    """Access to one record: the day from which the public may read, and its explanation.

    Attributes:
        communicable_on: None = never, or not before a missing fact is known.
        reasons: The sentence of the code that decides; where several apply, one of each other.
        decided_by: The code that decides; None where none is given.
        opening: The early opening that gives the day, by its identifier; None: the code gives it.
    """

    communicable_on: date | None
    reasons: tuple[Reason, ...]
    decided_by: str | None = None
    opening: str | None = None

    @property
    def explanation(self) -> str:
        """The French sentences that are stored with the record."""
        return in_french(*self.reasons)


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
    _DOCUMENT: Words("la date du document"),
    _DEATH: Words("le décès de la personne"),
    _BIRTH: Words("la naissance de la personne"),
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


def whole_years_of(code: str) -> int | None:
    """Return the years after the document's date until one may read; None where more counts."""
    delay = _DELAYS.get(code)
    if delay is None or delay.since != _DOCUMENT or delay.or_after_death is not None:
        return None
    return delay.years


def access_codes(rule: str | None) -> tuple[str, ...]:
    """Return the codes of an access rule, each once, in the order given."""
    return tuple(dict.fromkeys((rule or "").split()))


class Openable(Enum):
    """Whether an early opening can open what has these codes."""

    YES = auto()
    AT_ONCE = auto()
    """No code asks for a delay: it is open already."""
    NEVER = auto()
    """A code never opens: arms of mass destruction (L213-2, II)."""
    UNKNOWN = auto()
    """No code, or one that nobody can read and that may hide any delay."""


def openable(rule: str | None) -> Openable:
    """Return whether an early opening can open what has this access rule."""
    codes = access_codes(rule)
    if not codes or any(code not in _DELAYS for code in codes):
        return Openable.UNKNOWN
    years = [_DELAYS[code].years for code in codes]
    if None in years:
        return Openable.NEVER
    return Openable.YES if any(years) else Openable.AT_ONCE


def access_of(
    rule: str | None,
    *,
    document_date: date | None,
    closed_on: date | None,
    death: date | None = None,
    birth: date | None = None,
    newest_in_file: date | None = None,
) -> Access:
    """Return from when the public may read, by the national list of access rules (L213-2).

    The count starts from the most recent date known: a file opens when its last document may. The
    last day of the delay is still closed: the public reads from the day after.

    Args:
        rule: Codes, separated by blanks; each must be over.
        document_date: Of the document.
        closed_on: End of the business case.
        death: Of the person whom the document is about; the latest where there are several.
        birth: Of the same person; the latest where there are several.
        newest_in_file: Date of the most recent document of the file.
    """
    codes = access_codes(rule)
    if not codes:
        missing = Reason(
            "access_rule_missing", "Aucune règle d’accès n’est indiquée : à compléter avant toute communication."
        )
        return Access(None, (missing,))
    days = [day for day in (document_date, closed_on, newest_in_file) if day is not None]
    starts = {_DOCUMENT: max(days, default=None), _DEATH: death, _BIRTH: birth}
    found = [_by_one(code, document_date, starts) for code in codes]
    latest = max(found, key=_lateness)
    others = [_briefly(one) for one in found if one is not latest]
    if not others:
        return latest
    several = Reason(
        "access_several", "{count} règles d’accès s’appliquent, la plus longue l’emporte.", {"count": len(found)}
    )
    return replace(latest, reasons=(*latest.reasons, several, *others))


def _lateness(access: Access) -> tuple[int, date]:
    """Return what orders access from soonest to latest: without a delay, dated, unknown, never."""
    if access.communicable_on is not None:
        return 1, access.communicable_on
    delay = _DELAYS.get(access.decided_by or "")
    if delay is None:
        return 4, date.max  # a code that nobody can read may hide any delay
    if delay.years is None:
        return 3, date.max
    return (0, date.min) if delay.years == 0 else (2, date.max)


def _briefly(access: Access) -> Reason:
    """Tell what a rule that does not decide would give."""
    code, opens = access.decided_by or "", access.communicable_on
    delay = _DELAYS.get(code)
    if delay is None:
        return Reason("access_other", "La règle {rule} n’est pas dans la liste nationale.", {"rule": code})
    if delay.years is None:
        return Reason("access_other", "La règle {rule} n’ouvre jamais.", {"rule": code})
    if delay.years == 0:
        return Reason("access_other", "La règle {rule} ne demande aucun délai.", {"rule": code})
    if opens is None:
        return Reason("access_other", "La règle {rule} n’a pas de date connue.", {"rule": code})
    return Reason("access_other", "La règle {rule} ouvrirait le {day}.", {"rule": code, "day": opens})


def _by_one(code: str, document_date: date | None, starts: Mapping[str, date | None]) -> Access:
    """Return access by one code."""
    delay = _DELAYS.get(code)
    if delay is None:
        unknown = Reason(
            "access_rule_unknown",
            "La règle d’accès « {rule} » n’est pas dans la liste nationale : à corriger.",
            {"rule": code},
        )
        return Access(None, (unknown,), code)
    law = Words("(règle {rule}, code du patrimoine, art.\u00a0L213-2)", {"rule": code})
    values: dict[str, Value] = {"why": Words(delay.why), "law": law}
    if delay.years is None:
        never = Reason("access_never", "Jamais communicable au public : {why} {law}.", values)
        return Access(None, (never,), code)
    if delay.years == 0:
        at_once = Reason("access_at_once", "Communicable sans délai à toute personne qui le demande {law}.", values)
        return Access(document_date, (at_once,), code)
    opens, reason = _delayed(delay, starts, values)
    return Access(opens, (reason,), code)


def _delayed(
    delay: _Delay, starts: Mapping[str, date | None], values: Mapping[str, Value]
) -> tuple[date | None, Reason]:
    """Return the day on which a delay in years is over, from the days known of its events."""
    years, since = delay.years or 0, delay.since
    if starts[since] is None and delay.death_unknown is not None and starts[_BIRTH] is not None:
        years, since = delay.death_unknown, _BIRTH
    start, death = starts[since], starts[_DEATH]
    if start is None:
        return None, Reason(
            "access_start_missing",
            "Communicable {delay} après {event}, date inconnue ici : {why} {law}.",
            {**values, "delay": Lasting(years, Unit.YEAR), "event": _EVENTS[since]},
        )
    day, why = _first_open_day(start, years), values["why"]
    shorter = _first_open_day(death, delay.or_after_death) if death and delay.or_after_death else None
    if shorter is not None and (day is None or shorter < day):
        day = shorter
        why = Words(
            "{delay} après le décès, plus court que la {why}",
            {"delay": Lasting(delay.or_after_death or 0, Unit.YEAR), "why": why},
        )
    if day is None:
        return None, Reason(
            "access_beyond_calendar", "Pas communicable : le délai dépasse le calendrier, {why} {law}.", values
        )
    return day, Reason(
        "access_dated", "Communicable à partir du {day} : {why} {law}.", {**values, "day": day, "why": why}
    )


def _first_open_day(start: date, years: int) -> date | None:
    """Return the day after the delay; None beyond the calendar."""
    last = end_date(start, years, Unit.YEAR)
    return day_after(last) if last is not None else None
