"""Reasons of retention in the reader's language.

French is the same as what is stored; every other language comes from the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, assert_never

from api.http.i18n import current_language, day_in_words, ngettext, translate
from archive.retention.dates import Unit
from archive.retention.reasons import FRENCH, Language, Reason, Words, written


@dataclass(frozen=True)
class _Catalogue:
    """A language of the catalogue; its templates say « from » or the like before a start event."""

    language: str

    def say(self, message: str) -> str:
        return translate(message, self.language)

    def day(self, day: date) -> str:
        return day_in_words(day, self.language)

    def lasting(self, number: int, unit: Unit) -> str:
        match unit:
            case Unit.DAY:
                return str(ngettext("{n} jour", "{n} jours", number))
            case Unit.MONTH:
                return str(ngettext("{n} mois", "{n} mois", number))
            case Unit.YEAR:
                return str(ngettext("{n} an", "{n} ans", number))
            case _:
                assert_never(unit)

    def since(self, phrase: str) -> str:
        return translate(phrase, self.language)


_FRENCH: Final = "fr"


def _spoken() -> Language:
    language = current_language()
    return FRENCH if language == _FRENCH else _Catalogue(language)


def told(reason: Reason | Words) -> str:
    """Write one reason in the language of this page or answer."""
    return written(reason, _spoken())


def all_told(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    """Return reasons as JSON: the stable word, and the sentence in the reader's language."""
    return [{"code": reason.code, "sentence": told(reason)} for reason in reasons]
