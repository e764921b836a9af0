"""Reasons for dates and for what stands in the way: message ids with values. Pure.

A text is a French message id with ``{places}``; its values are filled in after translation, and
each kind of value is written in the reader's language. ``in_french`` writes what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Protocol

from archive.retention.dates import Unit

NARROW: Final = "\u202f"
"""Space before ``: ; ? !`` and inside « »."""
HARD: Final = "\u00a0"
"""Space in dates and durations."""
MONTHS: Final = (
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Words:
    """A part of a sentence: a French message id with its values."""

    text: str
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Lasting:
    """A duration as a value of a sentence."""

    number: int
    unit: Unit


@dataclass(frozen=True)
class Since:
    """A start event as a value of a sentence, after « à compter »: « de la clôture du dossier »."""

    phrase: str
    """French message id with its article, « la clôture du dossier »."""


Value = str | int | date | Words | Lasting | Since


@dataclass(frozen=True)
class Reason:
    """One sentence that gives the reason for a date, or for what stands in the way.

    Attributes:
        code: Stable word, for programs.
        text: French message id with ``{places}``.
    """

    code: str
    text: str
    values: Mapping[str, Value] = field(default_factory=dict)


class Language(Protocol):
    """A language in which reasons are written."""

    def say(self, message: str) -> str:
        """Translate a message id, with the typography of the language."""
        ...

    def day(self, day: date) -> str:
        """Write a day."""
        ...

    def lasting(self, number: int, unit: Unit) -> str:
        """Write a duration."""
        ...

    def since(self, phrase: str) -> str:
        """Write a start event, a message id with its article, after « à compter »."""
        ...


def written(reason: Reason | Words, language: Language) -> str:
    """Write a reason in a language."""
    values = {name: _value(value, language) for name, value in reason.values.items()}
    return language.say(reason.text).format_map(values)


def _value(value: Value, language: Language) -> str:
    match value:
        case Words():
            return written(value, language)
        case Lasting():
            return language.lasting(value.number, value.unit)
        case Since():
            return language.since(value.phrase)
        case date():
            return language.day(value)
        case _:
            return str(value)


def in_words(day: date) -> str:
    """Write a day as « 31 décembre 2036 », with spaces that don't break."""
    return f"{'1er' if day.day == 1 else day.day}{HARD}{MONTHS[day.month - 1]}{HARD}{day.year}"


_UNITS: Final = {Unit.DAY: ("jour", "jours"), Unit.MONTH: ("mois", "mois"), Unit.YEAR: ("an", "ans")}
_SPACES: Final = (
    (re.compile(r" (?=[:;?!»])|(?<=«) "), NARROW),
    (re.compile(r"(?<=règle) (?=\{)|(?<=version) (?=\{)"), HARD),
)


class French:
    """French, as it is stored."""

    def say(self, message: str) -> str:
        """Set the spaces of a French text; values keep theirs."""
        for spaces, hard in _SPACES:
            message = spaces.sub(hard, message)
        return message

    def day(self, day: date) -> str:
        """Write « 31 décembre 2036 »."""
        return in_words(day)

    def lasting(self, number: int, unit: Unit) -> str:
        """Write « 10 ans »; French counts 0 and 1 as one."""
        one, many = _UNITS[unit]
        return f"{number}{HARD}{one if number < 2 else many}"

    def since(self, phrase: str) -> str:
        """Write « de la clôture du dossier », « du décès »."""
        return f"du {phrase[3:]}" if phrase.startswith("le ") else f"de {phrase}"


FRENCH: Final = French()


def in_french(*reasons: Reason | Words) -> str:
    """Write reasons in French, one sentence after the other: the text that is stored."""
    return " ".join(written(reason, FRENCH) for reason in reasons)
