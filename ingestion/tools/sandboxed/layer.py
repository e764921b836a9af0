"""Add invisible text to a scanned page: selectable, searchable, in reading order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pikepdf
from pikepdf import Array, Dictionary, Name

from ingestion.tools.alto import PageText, Word
from ingestion.tools.sandboxed.sheet import Sheet
from ingestion.tools.sandboxed.word_boxes import UNITS

_FONT: Final = Path(__file__).resolve().parents[1] / "fonts" / "glyphless.ttf"
_NAME: Final = "/ChartrierText"
_TO_UNICODE: Final = b"""/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
1 beginbfrange
<0000> <FFFF> <0000>
endbfrange
endcmap
CMapName currentdict /CMap defineresource pop
end
end
"""


class TextLayer:
    """Text layer of one document; the font is written once."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self._pdf = pdf
        self._font: pikepdf.Object | None = None

    def add(self, page: pikepdf.Page, text: PageText) -> None:
        """Add the words of one page below what is drawn on it."""
        if self._font is None:
            self._font = _font(self._pdf)
        page.contents_add(content(Sheet(page), text), prepend=True)
        resources = page.resources  # inherited resources were copied to the page before, or are its own
        if "/Font" not in resources:
            resources["/Font"] = Dictionary()
        resources["/Font"][_NAME] = self._font


def content(sheet: Sheet, text: PageText) -> bytes:
    """Return the operators of a text layer: one text object, one baseline a line."""
    a, b, c, d, e, f = sheet.placement
    start = f"q {a:g} {b:g} {c:g} {d:g} {e:.3f} {f:.3f} cm BT 3 Tr"
    return "\n".join([start, *_lines(sheet.height, text), "ET Q"]).encode("ascii")


def _lines(height: float, text: PageText) -> Iterator[str]:
    for line in text.lines:
        if not line:
            continue
        rightmost = max(line, key=lambda word: word.x + word.width)
        leftmost = min(line, key=lambda word: word.x)
        foot = max(_foot(leftmost), _foot(rightmost))
        size = max(1.0, max(word.height for word in line) / UNITS)
        for word in line:
            shown = word.text + ("-" if word.part == 1 else "")
            stretch = 100 * (word.width / UNITS) / (size * 0.5 * len(shown))
            glyphs = (shown + " ").encode("utf-16-be", "replace").hex()
            yield (
                f"{stretch:.2f} Tz {_NAME} {size:.2f} Tf "
                f"1 0 0 1 {word.x / UNITS:.2f} {height - foot / UNITS:.2f} Tm <{glyphs}> Tj"
            )


def _foot(word: Word) -> int:
    return word.y + word.height


def _font(pdf: pikepdf.Pdf) -> pikepdf.Object:
    """Make Tesseract's glyphless font: every character half an em wide and invisible."""
    program = _FONT.read_bytes()
    descriptor = Dictionary(
        Type=Name.FontDescriptor,
        FontName=Name.GlyphLessFont,
        Ascent=1000,
        CapHeight=1000,
        Descent=-1,
        Flags=5,
        FontBBox=Array([0, 0, 500, 1000]),
        ItalicAngle=0,
        StemV=80,
        FontFile2=pdf.make_stream(program, Length1=len(program)),
    )
    descendant = Dictionary(
        Type=Name.Font,
        Subtype=Name.CIDFontType2,
        BaseFont=Name.GlyphLessFont,
        CIDToGIDMap=pdf.make_stream(b"\0\1" * 65536),
        CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
        FontDescriptor=pdf.make_indirect(descriptor),
        DW=500,
    )
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Font,
            Subtype=Name.Type0,
            BaseFont=Name.GlyphLessFont,
            Encoding=Name("/Identity-H"),
            DescendantFonts=Array([pdf.make_indirect(descendant)]),
            ToUnicode=pdf.make_stream(_TO_UNICODE),
        )
    )
