"""Typeset a report, page by page, as its blocks come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import BinaryIO, Final, assert_never

from archive.exchange.reports import pdf_file
from archive.exchange.reports.blocks import (
    Band,
    Bars,
    Block,
    Heading,
    Link,
    PageBreak,
    Paragraph,
    Picture,
    Report,
    SignaturePlace,
    Signatures,
    Table,
    Written,
)
from archive.exchange.reports.pdf_file import PdfFile
from archive.exchange.reports.typeface import Typeface, bold, plain, regular

_MM: Final = 72 / 25.4
_A4: Final = (595.276, 841.89)
_SIDE: Final = 15 * _MM
_TOP: Final = 24 * _MM
_BOTTOM: Final = 17 * _MM
_FOOT_LINE: Final = 9.0
_MARK_ROOM: Final = 14 * _MM
_TITLE, _LEAD, _BODY, _CELL, _SMALL = 17.0, 12.0, 9.5, 8.0, 7.0
_LINE: Final = 1.32
"""Height of a line, in sizes of its letters."""
_PAD: Final = 2.4
"""Space beside and above the text of a cell, in points."""
_SIGNED: Final = 24 * _MM
"""Height of a place for a signature, without its title and lines."""
_INK, _SOFT, _RULE, _ACCENT, _SHADE = "0 0 0", "0.3 0.3 0.3", "0.72 0.69 0.63", "0.478 0.078 0.125", "0.94 0.93 0.9"


def write(report: Report, out: BinaryIO) -> Written:
    """Write a report as PDF/A-2b; its blocks and rows are read once, in order.

    Args:
        out: Where to; written from the first byte to the last.
    """
    pages = _Pages(report, out)
    pages.begin()
    for block in report.blocks:
        pages.place(block)
    return pages.finish()


class _Pages:
    """Pages of a report: the present one as it is filled, and those already in the file."""

    def __init__(self, report: Report, out: BinaryIO) -> None:
        self._report = report
        self._file = PdfFile(out)
        self._plain, self._bold = regular(), bold()
        self._wide, self._high = (_A4[1], _A4[0]) if report.landscape else _A4
        self._room = self._wide - 2 * _SIDE
        feet = len(report.footers) * _FOOT_LINE + (_MARK_ROOM if report.mark is not None else 0)
        self._floor = _BOTTOM + feet
        self._bodies: list[int] = []
        self._links: list[list[int]] = [[]]
        self._drawn: list[str] = []
        self._y = 0.0
        self._top = self._high - _TOP
        self._rows = 0

    # -- pages

    def begin(self) -> None:
        """Begin with the title."""
        self._y = self._top
        self._lines(self._report.title, self._bold, _TITLE, colour=_ACCENT)
        self._y -= 2
        for line in self._report.subtitle:
            self._lines(line, self._plain, _LEAD)
        self._y -= 8

    def _turn(self) -> None:
        """End the page, and go on at the top of the next."""
        self._bodies.append(self._file.stream("\n".join(self._drawn).encode("latin-1")))
        self._drawn, self._y = [], self._top
        self._links.append([])

    def _need(self, height: float) -> None:
        """Turn the page unless so much room is left on it; what fits no page is begun anyway."""
        if self._y - height < self._floor and self._y < self._top:
            self._turn()

    def place(self, block: Block) -> None:
        """Place a block."""
        match block:
            case Heading():
                self._heading(block)
            case Paragraph():
                face, size = self._bold if block.bold else self._plain, _SMALL if block.small else _BODY
                if block.bold:  # it names what follows: not alone at the bottom of a page
                    self._need(_LEAD * _LINE + 50)
                self._lines(block.text, face, size)
                self._y -= 4
            case Table():
                _TableOnPages(self, block).place()
            case Picture():
                self._picture(block)
            case Signatures():
                for at in range(0, len(block.places), 2):
                    self._places(block.places[at : at + 2])
            case PageBreak():
                if self._y < self._top:
                    self._turn()
            case _:
                assert_never(block)

    def finish(self) -> Written:
        """Write the last page and what all pages have, then the end of the file."""
        self._turn()
        file, report = self._file, self._report
        pages, root, named = file.reserve(), file.reserve(), file.reserve()
        numbers = [self._page(pages, named, at + 1, body) for at, body in enumerate(self._bodies)]
        fonts = "".join(
            f"/{name} {_add_font(file, face)} 0 R" for name, face in (("F", self._plain), ("B", self._bold))
        )
        file.add(f"<</Font<<{fonts}>>>>", named)
        box = f"/MediaBox[0 0 {self._wide:.3f} {self._high:.3f}]"
        file.add(f"<</Type/Pages/Count {len(numbers)}/Kids{pdf_file.references(numbers)}{box}>>", pages)
        title, author = plain(report.title), plain(report.issuer)
        told = pdf_file.add_metadata(file, title, author, report.at, report.language)
        colours = pdf_file.add_colours(file)
        info = pdf_file.add_information(file, title, author, report.at)
        shown = f"/Lang({report.language})/ViewerPreferences<</DisplayDocTitle true>>"
        facts = f"/Metadata {told} 0 R/OutputIntents[{colours} 0 R]{shown}"
        file.add(f"<</Type/Catalog/Pages {pages} 0 R{facts}>>", root)
        digest = file.close(root, info)
        return Written(len(numbers), self._rows, file.size, digest)

    def _page(self, parent: int, named: int, number: int, body: int) -> int:
        """Write a page; its body was written before, its head and foot know their number."""
        report, self._drawn = self._report, []
        top, size = self._high - 12 * _MM, _CELL
        self._text(_SIDE, top, self._bold, size, report.issuer)
        self._text(self._wide - _SIDE, top, self._plain, size, report.day, right=True)
        if report.head:
            self._text(_SIDE, top - 10, self._plain, _SMALL - 0.5, report.head, colour=_SOFT)
        self._rule(_SIDE, top - 14, self._room, _ACCENT, 0.6)
        foot, y = report.page_of.format(page=number, pages=len(self._bodies)), 10 * _MM
        self._text(self._wide - _SIDE, y, self._plain, size, foot, right=True)
        for at, line in enumerate(reversed(report.footers)):
            self._text(_SIDE, y + at * _FOOT_LINE, self._plain, _SMALL, line, colour=_SOFT)
        mark = report.mark(number, len(self._bodies)) if report.mark is not None else None
        if mark is not None:
            self._bars(mark, _SIDE, y + len(report.footers) * _FOOT_LINE + 2)
        frame = self._file.stream("\n".join(self._drawn).encode("latin-1"))
        self._drawn = []
        resources = f"/Resources {named} 0 R"  # PDF/A wants them at each page, not inherited
        links = self._links[number - 1]
        resources += f"/Annots{pdf_file.references(links)}" if links else ""
        return self._file.add(f"<</Type/Page/Parent {parent} 0 R{resources}/Contents[{body} 0 R {frame} 0 R]>>")

    # -- what is drawn

    def _text(
        self, x: float, y: float, face: Typeface, size: float, text: str, *, right: bool = False, colour: str = _INK
    ) -> None:
        if not text:
            return
        text = plain(text)
        name = "B" if face is self._bold else "F"
        x = x - face.width(text) * size / 1000 if right else x
        shade = "" if colour == _INK else f"{colour} rg "
        back = " 0 g" if shade else ""
        self._drawn.append(f"{shade}BT /{name} {size:g} Tf {x:.2f} {y:.2f} Td <{face.encoded(text)}> Tj ET{back}")

    def _link(self, x: float, y: float, width: float, height: float, address: str) -> None:
        """Lead from a box of the page to an address."""
        box = f"{x:.2f} {y:.2f} {x + width:.2f} {y + height:.2f}"
        action = f"<</S/URI/URI{pdf_file.ascii_string(address)}>>"
        self._links[-1].append(self._file.add(f"<</Type/Annot/Subtype/Link/F 4/Border[0 0 0]/Rect[{box}]/A{action}>>"))

    def _rule(self, x: float, y: float, width: float, colour: str, thick: float) -> None:
        self._drawn.append(f"{colour} rg {x:.2f} {y:.2f} {width:.2f} {thick:g} re f 0 g")

    def _box(self, x: float, y: float, width: float, height: float) -> None:
        self._drawn.append(f"{_RULE} RG 0.6 w {x:.2f} {y:.2f} {width:.2f} {height:.2f} re S 0 G")

    def _bars(self, bars: Bars, x: float, y: float) -> None:
        """Draw a code, its lower left corner at a point; dark modules side by side are one box."""
        rows = len(bars.modules)
        wide = bars.width_mm * _MM / max(1, len(bars.modules[0]) if rows else 1)
        high = bars.height_mm * _MM / max(1, rows)
        boxes = []
        for at, row in enumerate(bars.modules):
            bottom, start = y + (rows - 1 - at) * high, None
            for column, dark in enumerate([*row, False]):
                if dark and start is None:
                    start = column
                elif not dark and start is not None:
                    boxes.append(f"{x + start * wide:.3f} {bottom:.3f} {(column - start) * wide:.3f} {high:.3f} re")
                    start = None
        if boxes:
            self._drawn.append("\n".join([*boxes, "f"]))

    def _lines(self, text: str, face: Typeface, size: float, *, colour: str = _INK, indent: float = 0) -> None:
        for line in face.wrapped(text, size, self._room - indent):
            self._need(size * _LINE)
            self._y -= size * _LINE
            self._text(_SIDE + indent, self._y + size * 0.3, face, size, line, colour=colour)

    def _heading(self, block: Heading) -> None:
        self._need(_LEAD * _LINE + 50)
        self._y -= 6
        self._lines(block.text, self._bold, _LEAD, colour=_ACCENT)
        self._y -= 3

    def _picture(self, block: Picture) -> None:
        high, beside = block.bars.height_mm * _MM, block.bars.width_mm * _MM + 5 * _MM
        lines = self._plain.wrapped(block.caption, _BODY, self._room - beside)
        self._need(max(high, len(lines) * _BODY * _LINE) + 6)
        top = self._y
        self._bars(block.bars, _SIDE, top - high)
        for at, line in enumerate(lines):
            self._text(_SIDE + beside, top - (at + 1) * _BODY * _LINE + 2, self._plain, _BODY, line)
        self._y = top - max(high, len(lines) * _BODY * _LINE) - 6

    def _places(self, pair: Sequence[SignaturePlace]) -> None:
        gap = 6 * _MM
        wide = (self._room - gap) / 2
        titles = [self._bold.wrapped(one.title, _BODY, wide - 4 * _PAD) for one in pair]
        high = max(len(title) + 2 * len(one.lines) for title, one in zip(titles, pair, strict=True))
        height = high * _BODY * _LINE + _SIGNED
        self._need(height + 8)
        for at, (title, one) in enumerate(zip(titles, pair, strict=True)):
            x, y = _SIDE + at * (wide + gap), self._y
            self._box(x, y - height, wide, height)
            y -= _PAD
            for line in title:
                y -= _BODY * _LINE
                self._text(x + 2 * _PAD, y, self._bold, _BODY, line)
            for line in one.lines:
                y -= 2 * _BODY * _LINE
                self._text(x + 2 * _PAD, y + _BODY * 0.5, self._plain, _CELL, line)
        self._y -= height + 8


class _TableOnPages:
    """A table as it runs over pages."""

    def __init__(self, pages: _Pages, table: Table) -> None:
        self._pages, self._table = pages, table
        shares = sum(column.share for column in table.columns)
        self._widths = [column.share / shares * pages._room for column in table.columns]
        self._line = _CELL * _LINE

    def place(self) -> None:
        """Place the head, every row, then the total."""
        pages = self._pages
        head = self._wrapped([column.title for column in self._table.columns], pages._bold)
        # never a head at the bottom of a page without a row below it
        pages._need(self._height(head) + 3 * self._line)
        self._head(head)
        for row in self._table.rows:
            if isinstance(row, Band):
                self._band(row, head)
            else:
                led = [cell.address if isinstance(cell, Link) else "" for cell in row]
                self._row(self._wrapped(row, pages._plain), head, led=led)
                pages._rows += 1
        total = self._table.total
        total = total() if callable(total) else total
        if total:
            self._row(self._wrapped(total, pages._bold), head, face=pages._bold)
        pages._y -= 8

    def _wrapped(self, cells: Iterable[str], face: Typeface) -> list[list[str]]:
        return [face.wrapped(cell, _CELL, width - 2 * _PAD) for cell, width in zip(cells, self._widths, strict=True)]

    def _height(self, cells: list[list[str]]) -> float:
        return max(map(len, cells)) * self._line + 2 * _PAD

    def _head(self, head: list[list[str]]) -> None:
        pages, height = self._pages, self._height(head)
        pages._rule(_SIDE, pages._y - height, pages._room, _SHADE, height)
        self._draw(head, pages._bold)
        pages._rule(_SIDE, pages._y, pages._room, _ACCENT, 0.5)

    def _row(
        self,
        cells: list[list[str]],
        head: list[list[str]],
        face: Typeface | None = None,
        led: Sequence[str] = (),
    ) -> None:
        """Place a row; one that is higher than a page goes on on the next."""
        pages, face = self._pages, face or self._pages._plain
        whole = pages._top - pages._floor - self._height(head)
        while True:
            height = self._height(cells)
            if pages._y - height >= pages._floor:
                break
            if height <= whole or pages._y - pages._floor < 4 * self._line:
                pages._turn()
                self._head(head)
                continue
            fit = max(1, int((pages._y - pages._floor - 2 * _PAD) / self._line))
            self._draw([lines[:fit] for lines in cells], face, led)
            cells = [lines[fit:] or [""] for lines in cells]
            pages._turn()
            self._head(head)
        self._draw(cells, face, led)
        pages._rule(_SIDE, pages._y, pages._room, _RULE, 0.3)

    def _band(self, band: Band, head: list[list[str]]) -> None:
        pages = self._pages
        lines = pages._bold.wrapped(band.text, _CELL, pages._room - 2 * _PAD)
        height = len(lines) * self._line + 2 * _PAD
        if pages._y - height - 2 * self._line < pages._floor:
            pages._turn()
            self._head(head)
        pages._rule(_SIDE, pages._y - height, pages._room, _SHADE, height)
        for line in lines:
            pages._y -= self._line
            pages._text(_SIDE + _PAD, pages._y - _PAD + 2, pages._bold, _CELL, line)
        pages._y -= 2 * _PAD

    def _draw(self, cells: list[list[str]], face: Typeface, led: Sequence[str] = ()) -> None:
        pages, x = self._pages, _SIDE
        height = self._height(cells)
        told = zip(cells, self._widths, self._table.columns, led or [""] * len(cells), strict=True)
        for lines, width, column, to in told:
            edge, colour = x + width - _PAD if column.right else x + _PAD, _ACCENT if to else _INK
            if to:
                pages._link(x, pages._y - height, width, height, to)
            for at, line in enumerate(lines):
                y = pages._y - _PAD - (at + 1) * self._line + 2
                pages._text(edge, y, face, _CELL, line, right=column.right, colour=colour)
            x += width
        pages._y -= height


def _add_font(file: PdfFile, face: Typeface) -> int:
    """Write a font with the glyphs that were used; return its number."""
    program = face.program()
    data = file.stream(program, f"/Length1 {len(program)}")
    box = " ".join(map(str, face.box))
    metrics = f"/Ascent {face.ascent}/Descent {face.descent}/CapHeight {face.ascent}/ItalicAngle 0/StemV 80"
    # six letters before the name say that it is a part of the font
    name = f"CHARTR+{face.name}"
    described = f"<</Type/FontDescriptor/FontName/{name}/Flags 4/FontBBox[{box}]{metrics}/FontFile2 {data} 0 R>>"
    descriptor = file.add(described)
    system = "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
    facts = f"{system}/FontDescriptor {descriptor} 0 R/CIDToGIDMap/Identity/DW 0/W{face.widths()}"
    glyphs = file.add(f"<</Type/Font/Subtype/CIDFontType2/BaseFont/{name}{facts}>>")
    to_unicode = file.stream(face.to_unicode())
    kind = f"/Type/Font/Subtype/Type0/BaseFont/{name}/Encoding/Identity-H"
    return file.add(f"<<{kind}/DescendantFonts[{glyphs} 0 R]/ToUnicode {to_unicode} 0 R>>")
