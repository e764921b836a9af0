"""Typeface: widths of our embedded font, the glyphs that a report uses, and its smallest program.

A character that the font has no glyph for is drawn as a replacement sign: no glyph of a PDF/A may
be missing.
"""

from __future__ import annotations

import io
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any, Final

_FONTS: Final = Path(__file__).with_name("fonts")
_REPLACEMENT: Final = "\ufffd"
_EM: Final = 1000
_REMEMBERED: Final = 20_000
"""Words whose width is remembered, so that a register of any length takes the same memory."""


@cache
def _opened(file: str) -> Any:
    from fontTools.ttLib import TTFont

    return TTFont(io.BytesIO((_FONTS / file).read_bytes()), recalcTimestamp=False)


def plain(text: str) -> str:
    """Return a text without control characters, accents joined with their letters."""
    if text.isascii() and text.isprintable():
        return text
    joined = unicodedata.normalize("NFC", text)
    return "".join(one if one == "\n" or unicodedata.category(one) not in {"Cc", "Cs", "Cf"} else " " for one in joined)


class Typeface:
    """Typeface of one report, with the glyphs used so far.

    Args:
        file: Name of the font's file.
        name: Its PostScript name.
    """

    def __init__(self, file: str, name: str) -> None:
        font = _opened(file)
        self._file, self._cmap = file, font.getBestCmap()
        self._glyph_of, self._advances = font.getReverseGlyphMap(), font["hmtx"].metrics
        self._per_em: int = font["head"].unitsPerEm
        self._glyphs: dict[str, tuple[str, int]] = {}
        self._words: dict[str, int] = {}
        self._used: dict[int, tuple[int, str]] = {}
        box = font["head"]
        self.name = name
        self.box = [self._thousandths(edge) for edge in (box.xMin, box.yMin, box.xMax, box.yMax)]
        self.ascent, self.descent = (self._thousandths(edge) for edge in (font["hhea"].ascent, font["hhea"].descent))

    def _thousandths(self, units: int) -> int:
        return round(units * _EM / self._per_em)

    def _glyph(self, sign: str) -> tuple[str, int]:
        """Return the code of a character's glyph, as hexadecimal digits, and its width."""
        found = self._glyphs.get(sign)
        if found is None:
            drawn = sign if ord(sign) in self._cmap else _REPLACEMENT
            glyph = self._cmap[ord(drawn)]
            number, width = self._glyph_of[glyph], self._thousandths(self._advances[glyph][0])
            self._used.setdefault(number, (width, drawn))
            found = self._glyphs[sign] = (f"{number:04X}", width)
        return found

    def width(self, text: str) -> int:
        """Return the width of a text, in thousandths of its size."""
        known = self._words.get(text)
        if known is None:
            known = sum(self._glyph(sign)[1] for sign in text)
            if len(self._words) >= _REMEMBERED:
                self._words.clear()
            self._words[text] = known
        return known

    def encoded(self, text: str) -> str:
        """Return a text as the glyphs that draw it, in hexadecimal digits."""
        return "".join(self._glyph(sign)[0] for sign in text)

    def wrapped(self, text: str, size: float, room: float) -> list[str]:
        """Return the lines of a text in a room of so many points; a word too long is cut."""
        space, most = self.width(" "), room * _EM / size
        lines: list[str] = []
        for piece in plain(text).split("\n"):
            line, used = "", 0
            for word in piece.split(" "):
                if not word:
                    continue
                wide = self.width(word)
                if line and used + space + wide <= most:
                    line, used = f"{line} {word}", used + space + wide
                    continue
                if line:
                    lines.append(line)
                *cut, line = self._cut(word, most) if wide > most else [word]
                lines += cut
                used = self.width(line)
            lines.append(line)
        return lines

    def _cut(self, word: str, most: float) -> list[str]:
        pieces, piece, used = [], "", 0
        for sign in word:
            wide = self._glyph(sign)[1]
            if piece and used + wide > most:
                pieces.append(piece)
                piece, used = "", 0
            piece, used = piece + sign, used + wide
        return [*pieces, piece]

    def program(self) -> bytes:
        """Return the font with the used glyphs alone, under their numbers."""
        from fontTools import subset

        options = subset.Options()
        options.retain_gids, options.notdef_outline, options.hinting = True, True, False
        options.recalc_timestamp = False
        options.drop_tables += ["name", "OS/2", "post", "cmap", "gasp"]
        font = subset.load_font(io.BytesIO((_FONTS / self._file).read_bytes()), options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(gids=sorted(self._used))
        subsetter.subset(font)
        written = io.BytesIO()
        subset.save_font(font, written, options)
        return written.getvalue()

    def widths(self) -> str:
        """Return the widths of the used glyphs, as a PDF writes them."""
        return "[" + " ".join(f"{number}[{self._used[number][0]}]" for number in sorted(self._used)) + "]"

    def to_unicode(self) -> bytes:
        """Return the map from used glyphs to characters, so that a reader can search and copy."""
        pairs = [(number, self._used[number][1]) for number in sorted(self._used)]
        lines = ["/CIDInit /ProcSet findresource begin", "12 dict begin", "begincmap"]
        lines += ["/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def"]
        lines += ["/CMapName /Adobe-Identity-UCS def", "/CMapType 2 def"]
        lines += ["1 begincodespacerange", "<0000> <FFFF>", "endcodespacerange"]
        for at in range(0, len(pairs), 100):
            some = pairs[at : at + 100]
            lines.append(f"{len(some)} beginbfchar")
            lines += [f"<{number:04X}> <{sign.encode('utf-16-be').hex().upper()}>" for number, sign in some]
            lines.append("endbfchar")
        lines += ["endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end"]
        return "\n".join(lines).encode()


def regular() -> Typeface:
    """Return the typeface of running text."""
    return Typeface("DejaVuSansCondensed.ttf", "DejaVuSansCondensed")


def bold() -> Typeface:
    """Return the typeface of titles."""
    return Typeface("DejaVuSansCondensed-Bold.ttf", "DejaVuSansCondensed-Bold")
