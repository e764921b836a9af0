"""Build words and lines from letters; join words that are cut at a line's end."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import pypdfium2 as pdfium
from pypdfium2 import raw

from ingestion.tools.alto import UNITS_PER_INCH, Word
from ingestion.tools.sandboxed.sheet import Sheet

UNITS: Final = UNITS_PER_INCH / 72
"""Units of 1/1200 inch in a point."""

CUT: Final = "\ufffe"
"""Character that PDFium gives for a hyphen that cuts a word."""

_CUTS: Final = frozenset({CUT, "\x02"})
_PIECE: Final = re.compile(r"([^\s\0\x02\ufffe]*)([\s\0\x02\ufffe]|$)")
"""A word, maybe empty, and the sign that ends it."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
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
"""First halves after which a hyphen at a line's end is mostly part of the word."""

_LEAST_SENSE: Final = 0.7


def in_file(document: pdfium.PdfDocument, index: int, sheet: Sheet) -> list[list[Word]]:
    """Return the lines of words in the page's own text."""
    page = document[index]
    text = page.get_textpage()
    try:
        return _Lines(sheet).collect(text)
    finally:
        text.close()
        page.close()


def makes_sense(lines: Sequence[Sequence[Word]]) -> bool:
    """Whether these are words, and not the numbers of glyphs in a font."""
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


Edges = tuple[float, float, float, float]
"""Left, top, right, bottom, in points of the page's own space."""


def _letters(page: pdfium.PdfTextPage) -> str:
    """Return one character for each that PDFium counts; in one call where that is the same."""
    count = raw.FPDFText_CountChars(page)
    buffer = (ctypes.c_ushort * (count + 1))()
    given = raw.FPDFText_GetText(page, 0, count, buffer) - 1
    if given == count:
        text = bytes(buffer)[: 2 * count].decode("utf-16-le", "surrogatepass")
        if len(text) == count and not _SURROGATE.search(text):
            return text
    codes = (raw.FPDFText_GetUnicode(page, position) for position in range(count))
    return "".join(chr(code) if code < 0x110000 and not 0xD800 <= code <= 0xDFFF else "\ufffd" for code in codes)


class _Boxes:
    """Rectangles of characters from PDFium, in one call a word instead of one a letter."""

    def __init__(self, page: pdfium.PdfTextPage) -> None:
        self._page = page
        self._edges = [ctypes.c_double() for _ in range(4)]
        self._pointers = [ctypes.byref(edge) for edge in self._edges]

    def around(self, start: int, count: int) -> list[Edges]:
        """Return all rectangles of these characters; none if they have no place."""
        left, top, right, bottom = self._edges
        found = [
            (left.value, top.value, right.value, bottom.value)
            for number in range(raw.FPDFText_CountRects(self._page, start, count))
            if raw.FPDFText_GetRect(self._page, number, *self._pointers)
        ]
        return found or self._of_each(start, count)

    def _of_each(self, start: int, count: int) -> list[Edges]:
        """Return one box a letter, as letters too flat for a rectangle still have a place."""
        left, top, right, bottom = self._edges
        of_left, of_top, of_right, of_bottom = self._pointers
        return [
            (left.value, top.value, right.value, bottom.value)
            for position in range(start, start + count)
            if raw.FPDFText_GetCharBox(self._page, position, of_left, of_right, of_bottom, of_top)
        ]


class _Lines:
    """Collector of PDFium's characters into lines of words."""

    def __init__(self, sheet: Sheet) -> None:
        self._displayed: Callable[[float, float], tuple[float, float]] = sheet.displayed
        self._lines: list[list[Word]] = [[]]

    def collect(self, page: pdfium.PdfTextPage) -> list[list[Word]]:
        """Return all lines of the page."""
        boxes = _Boxes(page)
        letters = _letters(page)
        first_half: Word | None = None
        for piece in _PIECE.finditer(letters):
            start, end = piece.span(1)
            word = self._word(piece[1], boxes.around(start, end - start)) if end > start else None
            ending = piece[2]
            if ending in _CUTS:
                first_half = word
                self._end_line()
                continue
            first_half = self._join(first_half, word)
            if ending == "\n":
                self._end_line()
        return [line for line in self._lines if line]

    def _word(self, text: str, found: Sequence[Edges]) -> Word | None:
        if not found:
            return None
        corners = [
            self._displayed(*corner) for left, top, right, bottom in found for corner in ((left, top), (right, bottom))
        ]
        xs, ys = [x * UNITS for x, _ in corners], [y * UNITS for _, y in corners]
        x, y = round(min(xs)), round(min(ys))
        word = Word(text, x, y, max(1, round(max(xs)) - x), max(1, round(max(ys)) - y))
        self._lines[-1].append(word)
        return word

    def _join(self, first: Word | None, second: Word | None) -> Word | None:
        """Give both halves the whole word; return a half that still waits for the other."""
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
