"""Access delays: from when the public may read, by the national list of access rules.

Code du patrimoine, art. L213-2. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from archive.retention.dates import Unit, end_date
from archive.retention.sentences import HARD, NARROW, in_words


@dataclass(frozen=True)
class Access:
    """Access to one record: the day from which the public may read, and its explanation."""

    communicable_on: date | None
    explanation: str


@dataclass(frozen=True)
class _Delay:
    years: int | None
    since: str
    why: str
    words: str = ""
    """French words for a list of rules, the delay first; empty where ``why`` is as short."""


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
        _Delay(25, _DOCUMENT, "secret protégé pendant 25 ans", "25 ans : secret protégé"),
    ),
    "AR043": _Delay(25, "death", "secret médical", "25 ans après le décès : secret médical"),
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
        _Delay(75, _DOCUMENT, "protection pendant 75 ans", "75 ans de protection"),
    ),
    **dict.fromkeys(
        ("AR058", "AR059", "AR060"), _Delay(100, _DOCUMENT, "protection pendant 100 ans", "100 ans de protection")
    ),
    "AR061": _Delay(
        120, "birth", "secret médical, décès inconnu", "120 ans après la naissance : secret médical, décès inconnu"
    ),
    "AR062": _Delay(None, _DOCUMENT, "document incommunicable"),
}


def access_rules() -> dict[str, str]:
    """Return the national list: the French words of each rule, message ids, by code."""
    return {code: _DELAYS[code].words or _DELAYS[code].why for code in sorted(_DELAYS)}


def access_of(code: str | None, *, document_date: date | None, closed_on: date | None) -> Access:
    """Return from when the public may read, by the national list of access rules (L213-2).

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
