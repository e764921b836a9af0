"""Read pages: those with text as they are, blank ones not at all, the others with the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import pikepdf
import pypdfium2 as pdfium

from ingestion.alto import PageText, Word
from ingestion.tools.inside import picture, words
from ingestion.tools.inside.engines import LANGUAGE, MODEL, Bitmap, Seen, engine
from ingestion.tools.inside.job import Job, Rejected
from ingestion.tools.inside.render import shown
from ingestion.tools.inside.sheet import Raster, Sheet

_FEW_WORDS: Final = 25
"""A scanned page with fewer words in the file has a stamp or a header, not its text."""

_FINE, _COARSE, _WANTED = 420, 170, 300
"""Resolutions: above the first a page is made smaller, below the second larger, both to the third."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Prepared:
    """What the engine is given, and the way back.

    Attributes:
        back: A box in pixels of the bitmap (x, y, width, height) to one in points of the displayed page.
    """

    bitmap: Bitmap
    back: Callable[[Box], Box]


def warm() -> None:
    """Load the engine with its model."""
    try:
        engine("tesserocr")
    except ImportError:
        return


def engine_version(job: Job) -> dict[str, Any]:
    """What would read: for ``doctor``."""
    return {"version": engine(job.arguments["engine"]).version, "model": MODEL, "language": LANGUAGE}


def recognise_pages(job: Job) -> dict[str, Any]:
    """Pages ``first`` to ``last`` of ``source`` into ``words``, one JSON line a page."""
    first, last = job.arguments["first"], job.arguments["last"]
    reader = engine(job.arguments["engine"])
    path = job.inputs["source"]
    with pikepdf.open(path) as pdf, shown(path) as document, job.outputs["words"].open("wb") as out:
        if last > len(pdf.pages):
            raise Rejected("unreadable", f"{len(pdf.pages)} pages, wanted {last}")
        batch = 8 if job.arguments["engine"] == "pytesseract" else 1
        for start in range(first, last + 1, batch):
            numbers = range(start, min(start + batch, last + 1))
            looked = [_look(pdf, document, number) for number in numbers]
            bitmaps = [found.bitmap for found in looked if isinstance(found, Prepared)]
            read = iter(reader.read(bitmaps, job.folder))
            for number, found in zip(numbers, looked, strict=True):
                page = (
                    found
                    if isinstance(found, PageText)
                    else _page(Sheet(pdf.pages[number - 1]), number, found, next(read))
                )
                out.write(page.as_line().encode("utf-8") + b"\n")
    return {"engine": job.arguments["engine"], "version": reader.version, "model": MODEL}


def _look(pdf: pikepdf.Pdf, document: pdfium.PdfDocument, number: int) -> PageText | Prepared:
    """What is on the page, up to the point where the engine is needed."""
    sheet = Sheet(pdf.pages[number - 1])
    lines = words.in_file(document, number - 1, sheet)
    if words.makes_sense(lines):
        many = sum(len(line) for line in lines)
        if many >= _FEW_WORDS or not sheet.scanned:
            return _of_lines(sheet, number, words.joined(lines))
    raster = sheet.own_image() or sheet.rendered(document, number - 1)
    if picture.blank(raster.pixels):
        return PageText(number, *_size(sheet), "blank")
    return prepared(raster)


def prepared(raster: Raster) -> Prepared:
    """Even light, a resolution that suits the engine, straight lines, black on white."""
    grey, factor = raster.pixels, 1.0
    if not raster.bilevel:
        grey = picture.even_light(grey)
    if raster.dpi > _FINE or raster.dpi < _COARSE:
        factor = min(_WANTED / raster.dpi, 3.0)
        grey = picture.resized(grey, factor)
    angle = picture.skew(grey)
    across, down = raster.across / factor, raster.down / factor
    if not angle:
        pixels = grey if raster.bilevel and factor == 1.0 else picture.black_and_white(grey)

        def level(box: Box) -> Box:
            x, y, wide, high = box
            return raster.left + x * across, raster.top + y * down, wide * across, high * down

        return Prepared(Bitmap(pixels, round(72 / across)), level)
    straight, way = picture.turn(grey, angle)

    def turned(box: Box) -> Box:
        x, y, wide, high = box
        # The middle turns, the size of a word stays: a box around the turned box would touch its neighbours.
        middle_x, middle_y = x + wide / 2, y + high / 2
        back_x = way[0, 0] * middle_x + way[0, 1] * middle_y + way[0, 2] - wide / 2
        back_y = way[1, 0] * middle_x + way[1, 1] * middle_y + way[1, 2] - high / 2
        return raster.left + back_x * across, raster.top + back_y * down, wide * across, high * down

    return Prepared(Bitmap(picture.black_and_white(straight), round(72 / across)), turned)


def _page(sheet: Sheet, number: int, looked: Prepared, seen: Sequence[Seen]) -> PageText:
    blocks = []
    for _, of_block in groupby(seen, key=lambda one: one.line[:2]):
        lines = [[_placed(one, looked) for one in line] for _, line in groupby(of_block, key=lambda one: one.line)]
        blocks.append(tuple(words.joined(lines)))
    return PageText(number, *_size(sheet), "ocr" if blocks else "blank", tuple(blocks))


def _placed(seen: Seen, looked: Prepared) -> Word:
    x, y, wide, high = (round(edge * words.UNITS) for edge in looked.back((seen.x, seen.y, seen.width, seen.height)))
    return Word(seen.text, max(0, x), max(0, y), max(1, wide), max(1, high), seen.confidence)


def _of_lines(sheet: Sheet, number: int, lines: Sequence[tuple[Word, ...]]) -> PageText:
    return PageText(number, *_size(sheet), "text", (tuple(lines),))


def _size(sheet: Sheet) -> tuple[int, int]:
    return max(1, round(sheet.width * words.UNITS)), max(1, round(sheet.height * words.UNITS))
