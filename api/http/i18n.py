"""Translate the texts of pages: French message ids, an English catalogue, French typography."""

from __future__ import annotations

import gettext
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

from markupsafe import Markup, escape

from api.http.typography import HARD, NARROW, french
from archive.retention.reasons import MONTHS, in_words

LANGUAGES = {"fr": "Français", "en": "English"}
DOMAIN = "chartrier"
LOCALE = Path(__file__).parent / "locale"

MONTHS_OF: Final[Mapping[str, Sequence[str]]] = {
    "fr": MONTHS,
    "en": [
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ],
}
"""Names of the months, by language."""

_language: ContextVar[str] = ContextVar("language", default="fr")


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == "fr":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALE, [language], fallback=True)


def current_language() -> str:
    """Return the language in which this page is being made."""
    return _language.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Set the language of everything made inside this context; an unknown one means French."""
    token = _language.set(language if language in LANGUAGES else "fr")
    try:
        yield
    finally:
        _language.reset(token)


def translate(message: str, language: str) -> str:
    """Translate a French message id, if the catalogue has it; placeholders stay unfilled."""
    return _catalogue(language).gettext(message) if message else message


def translated(message: str) -> str:
    """Translate a stored French sentence into the page's language; placeholders stay unfilled."""
    return translate(message, current_language())


def _set(text: str) -> str:
    return french(text) if current_language() == "fr" else text


def _(message: str, **values: object) -> Markup:
    """Translate a sentence of ours, set its typography and fill it with escaped values.

    Args:
        message: French text, HTML tags allowed; never a text that came from outside.
        values: Values of the placeholders, escaped unless they are ``Markup`` already.
    """
    text = Markup(_set(translate(message, current_language())))  # noqa: S704  (ours: a literal of a template or module)
    return text.format(**values) if values else text


def number(value: int) -> str:
    """Group the digits of an integer by thousands, in the page's language."""
    separator = NARROW if current_language() == "fr" else ","
    return f"{value:,}".replace(",", separator)


def day_in_words(day: date, language: str) -> str:
    """Write a day in a language: « 1er mars 2026 », ``1 March 2026``."""
    if language == "fr":
        return in_words(day)
    return f"{day.day}{HARD}{MONTHS_OF[language][day.month - 1]}{HARD}{day.year}"


def ngettext(one: str, many: str, n: int, **values: object) -> Markup:
    """Translate a sentence with a number, ``{n}``; French counts 0 and 1 as one."""
    language = current_language()
    french_form = one if abs(n) < 2 else many
    message = french_form if language == "fr" else _catalogue(language).ngettext(one, many, n)
    message = message.replace("{n} ", "{n}\u00a0")
    return Markup(_set(message)).format(n=number(n), **values)  # noqa: S704  (ours, as above)


def said(message: str, **values: object) -> Markup:
    """Translate and escape a sentence that another part stored or raised."""
    text = translate(message, current_language())
    with suppress(KeyError, IndexError, ValueError):  # a sentence with braces of its own is shown unchanged
        text = text.format(**values)
    return escape(_set(text))
