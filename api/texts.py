"""Texts in the caller's language: the pages' catalogue, which may be absent in a bare API."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec


@lru_cache(maxsize=1)
def _catalogue() -> Callable[[str, str], str]:
    if find_spec("api.web.i18n") is None:
        return lambda text, _language: text
    found: Callable[[str, str], str] = import_module("api.web.i18n").translate
    return found


def translate(text: str, language: str) -> str:
    """A French text in another language, as far as the catalogue knows it."""
    return text if language == "fr" else _catalogue()(text, language)
