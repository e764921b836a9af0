"""Codes of the nodes that a description names. Pure."""

from __future__ import annotations

from typing import Final

SEPARATOR: Final = ";"
"""Between the codes of a record's files."""


def file_codes(file: str | None) -> list[str]:
    """Return the codes of the files that a description names, each once, in order."""
    if file is None:
        return []
    if SEPARATOR not in file:  # as nearly all
        return [code] if (code := file.strip()) else []
    return list(dict.fromkeys(code for code in map(str.strip, file.split(SEPARATOR)) if code))


def codes_of(file: str | None, classification: str | None) -> list[str]:
    """Return the codes of the nodes that a description names: files first, then the class."""
    own_class = (classification or "").strip()
    return list(dict.fromkeys([*file_codes(file), *([own_class] if own_class else [])]))
