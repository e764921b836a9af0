"""From letters to words and lines: those that a file holds, and those cut at a line's end."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import pypdfium2 as pdfium
from pypdfium2 import raw

from ingestion.alto import UNITS_PER_INCH, Word
from ingestion.tools.inside.sheet import Sheet

UNITS: Final = UNITS_PER_INCH / 72
"""Of our 1/1200 inch in a point."""

CUT: Final = "\ufffe"
"""What PDFium gives for a hyphen that cuts a word."""

_HYPHENS: Final = "-\u2010\u00ad"
_COMPOUND: Final = frozenset(
    [
        "peut",
        "lui",
        "elle",
        "eux",
        "moi",
        "toi",
        "soi",
        "nous",
        "vous",
        "celui",
        "celle",
        "ceux",
        "celles",
        "c'est",
        "c’est",
        "est",
        "dit",
        "avant",
        "après",
        "sous",
        "vice",
        "non",
        "mi",
        "demi",
        "semi",
        "ex",
        "grand",
        "arc",
        "rendez",
        "au",
        "là",
        "ci",
        "chef",
        "hors",
        "quasi",
        "plus",
        "sud",
        "nord",
    ]
)
"""First halves after which a hyphen at a line's end is more often part of the word."""

_LEAST_SENSE: Final = 0.7


def in_file(document: pdfium.PdfDocument, index: int, sheet: Sheet) -> list[list[Word]]:
    """Lines of words that the page's own text holds."""
    page = document[index]
    text = page.get_textpage()
    try:
        return _Lines(sheet).collect(text)
    finally:
        text.close()
        page.close()


def makes_sense(lines: Sequence[Sequence[Word]]) -> bool:
    """Whether these are words, and not the numbers of glyphs in some font."""
    letters = "".join(word.text for line in lines for word in line)
    if not letters:
        return False
    good = sum(
        1 for c in letters if (c.isalnum() or c in ".,;:!?'’\"«»()/-–—%€°&@+*=…·•_") and not "\ue000" <= c <= "\uf8ff"
    )
    return good / len(letters) >= _LEAST_SENSE and any(c.isalnum() for c in letters)


def joined(lines: Sequence[Sequence[Word]]) -> list[tuple[Word, ...]]:
    """Mark words that a hyphen at a line's end cuts in two, both halves with the whole."""
    result = [list(line) for line in lines if line]
    for above, below in pairwise(result):
        first, second = above[-1], below[0]
        if first.part or second.part or first.text[-1] not in _HYPHENS or len(first.text) < 3:
            continue
        stem = first.text[:-1]
        if not stem[-1].isalpha() or not second.text[0].islower():
            continue
        compound = stem.lower() in _COMPOUND or "-" in stem
        whole = stem + ("-" if compound else "") + second.text
        above[-1] = replace(first, text=stem, part=1, whole=whole)
        below[0] = replace(second, part=2, whole=whole)
    return [tuple(line) for line in result]


@dataclass
class _Letters:
    """A word in the making."""

    text: str = ""
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)


class _Lines:
    """Collects PDFium's characters."""

    def __init__(self, sheet: Sheet) -> None:
        self._displayed: Callable[[float, float], tuple[float, float]] = sheet.displayed
        self._lines: list[list[Word]] = [[]]
        self._letters = _Letters()

    def collect(self, page: pdfium.PdfTextPage) -> list[list[Word]]:
        """All lines."""
        edges = [ctypes.c_double() for _ in range(4)]
        left, right, bottom, top = edges
        pointers = [ctypes.byref(edge) for edge in edges]
        first_half: Word | None = None
        for position in range(raw.FPDFText_CountChars(page)):
            code = raw.FPDFText_GetUnicode(page, position)
            letter = chr(code) if code < 0x110000 and not 0xD800 <= code <= 0xDFFF else "\ufffd"
            if letter in {CUT, "\x02"}:
                first_half = self._end_word()
                self._end_line()
                continue
            if letter.isspace() or code == 0:
                first_half = self._join(first_half, self._end_word())
                if letter == "\n":
                    self._end_line()
                continue
            if raw.FPDFText_GetCharBox(page, position, *pointers):
                self._letters.boxes.append((left.value, bottom.value, right.value, top.value))
            self._letters.text += letter
        self._join(first_half, self._end_word())
        return [line for line in self._lines if line]

    def _end_word(self) -> Word | None:
        letters, self._letters = self._letters, _Letters()
        if not letters.text or not letters.boxes:
            return None
        corners = [self._displayed(box[x], box[y]) for box in letters.boxes for x, y in ((0, 1), (2, 3))]
        xs, ys = [x * UNITS for x, _ in corners], [y * UNITS for _, y in corners]
        x, y = round(min(xs)), round(min(ys))
        word = Word(letters.text, x, y, max(1, round(max(xs)) - x), max(1, round(max(ys)) - y))
        self._lines[-1].append(word)
        return word

    def _join(self, first: Word | None, second: Word | None) -> Word | None:
        """Both halves learn the whole word; None: nothing waits for its other half any more."""
        if second is None:
            return first
        if first is not None:
            whole = first.text + second.text
            for line in self._lines[-3:]:
                for position, word in enumerate(line):
                    if word is first:
                        line[position] = replace(first, part=1, whole=whole)
                    elif word is second:
                        line[position] = replace(second, part=2, whole=whole)
        return None

    def _end_line(self) -> None:
        if self._lines[-1]:
            self._lines.append([])
