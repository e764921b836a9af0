"""Words of a text, folded: without accents and case, so that they can be compared. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
_LONGEST: Final = 80
"""Longest word kept; what is longer was no word."""


def folded(text: str) -> list[str]:
    """Return the words of a text, without accents and case, in order."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe").replace("æ", "ae"))
    bare = "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()
    return [word for word in _WORD.findall(bare) if len(word) <= _LONGEST]


def packed(texts: Iterable[str | None]) -> str:
    """Return the distinct words of texts in one text, each between blanks; empty without any."""
    words = {word for text in texts if text for word in folded(text)}
    return f" {' '.join(sorted(words))} " if words else ""
