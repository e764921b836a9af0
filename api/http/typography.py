"""French spacing: thin spaces before high punctuation, hard ones in numbers and dates."""

from __future__ import annotations

import re

from archive.retention.reasons import MONTHS

NARROW = "\u202f"
"""Narrow no-break space."""
HARD = "\u00a0"
"""No-break space."""

_MONTHS = "|".join(MONTHS)
_UNITS = r"octets?|ko|Mo|Go|To|ms|s|min|h|jours?|mois|ans?|pages?|%|€|px|fois|documents?"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=\w)'(?=\w)"), "’"),
    (re.compile(r"[ \u00a0](?=[;:?!»])"), NARROW),
    (re.compile(r"(?<=«)[ \u00a0]"), NARROW),
    (re.compile(r"(?<=\d) (?=\d{3}(?!\d))"), NARROW),
    (re.compile(r"(?<=[nN][°º]) "), HARD),
    (re.compile(rf"(?<=\d) (?=(?:{_MONTHS})\b)"), HARD),
    (re.compile(rf"\b({_MONTHS}) (?=\d{{4}}\b)"), rf"\1{HARD}"),
    (re.compile(rf"(?<=\d) (?=(?:{_UNITS})(?!\w))"), HARD),
    (re.compile(r"(?<=\d[ \u00a0]h) (?=\d)"), HARD),
)
_TAG = re.compile(r"(<[^>]*>)")


def french(text: str) -> str:
    """Set the spaces of a French text by the rules of French typography.

    Only existing spaces (and apostrophes inside words) change: ``10:30`` and ``https://…`` stay.

    Args:
        text: Plain text, or HTML whose tags are left alone.
    """
    if "<" not in text:
        return _plain(text)
    return "".join(part if part.startswith("<") else _plain(part) for part in _TAG.split(text))


def _plain(text: str) -> str:
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
