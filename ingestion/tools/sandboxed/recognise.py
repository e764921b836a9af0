"""Read pages: text in the file as it is, blank pages skipped, others by the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
import pikepdf
import pypdfium2 as pdfium
from numpy.typing import NDArray

from ingestion.tools.alto import PageText, Word
from ingestion.tools.sandboxed import picture, word_boxes
from ingestion.tools.sandboxed.engines import LANGUAGE, MODEL, Bitmap, Seen, engine
from ingestion.tools.sandboxed.job import Job, Rejected
from ingestion.tools.sandboxed.render import shown
from ingestion.tools.sandboxed.sheet import Raster, Sheet

_FEW_WORDS: Final = 25
"""Least words of a scanned page's own text; fewer are only a stamp or a header."""

_FINE, _COARSE, _WANTED = 420, 170, 300
"""Resolutions in dpi: above the first or below the second, a page is resized to the third."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Prepared:
    """Bitmap for the engine, and the way back to the page.

    Attributes:
        back: Maps a box in pixels of the bitmap (x, y, width, height) to one in points of the
            displayed page.
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
    """Return name and version of the engine, for ``doctor``."""
    return {"version": engine(job.arguments["engine"]).version, "model": MODEL, "language": LANGUAGE}


def recognise_pages(job: Job) -> dict[str, Any]:
    """Read pages ``first`` to ``last`` of ``source`` into ``words``, one JSON line a page."""
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
    """Return the page's text if no engine is needed, else the bitmap for the engine."""
    sheet = Sheet(pdf.pages[number - 1])
    lines = word_boxes.in_file(document, number - 1, sheet)
    if word_boxes.makes_sense(lines):
        many = sum(len(line) for line in lines)
        if many >= _FEW_WORDS or not sheet.scanned:
            return _of_lines(sheet, number, word_boxes.joined(lines))
    raster = sheet.own_image() or sheet.rendered(document, number - 1)
    if picture.blank(raster.pixels):
        return PageText(number, *_size(sheet), "blank")
    return prepared(raster)


def prepared(raster: Raster) -> Prepared:
    """Prepare a picture: flat, even light, a suitable resolution, straight lines, two colours."""
    grey, ways = raster.pixels, []
    if not raster.bilevel:
        corners = picture.sheet_corners(grey)
        if corners is not None:
            grey, way = picture.flattened(grey, corners)
            ways.append(way)
        grey = picture.even_light(grey)
    factor = 1.0
    if raster.dpi > _FINE or raster.dpi < _COARSE:
        factor = min(_WANTED / raster.dpi, 3.0)
        grey = picture.resized(grey, factor)
        ways.append(np.diag([1 / factor, 1 / factor, 1.0]))
    angle = picture.skew(grey)
    if angle:
        grey, turn = picture.turn(grey, angle)
        ways.append(np.vstack([turn, [0, 0, 1]]))
    ways.insert(0, np.array([[raster.across, 0, raster.left], [0, raster.down, raster.top], [0, 0, 1]]))
    untouched = raster.bilevel and factor == 1.0 and not angle
    pixels = grey if untouched else picture.black_and_white(grey)
    back = np.linalg.multi_dot(ways) if len(ways) > 1 else ways[0]
    return Prepared(Bitmap(pixels, round(72 * factor / raster.across)), lambda box: _back(back, box))


def _back(way: NDArray[np.float64], box: Box) -> Box:
    """Map the middle of a box back, with its size as measured there.

    A box around the turned box would touch its neighbours.
    """
    x, y, wide, high = box
    crosses = [
        (x + wide / 2, y + high / 2),
        (x, y + high / 2),
        (x + wide, y + high / 2),
        (x + wide / 2, y),
        (x + wide / 2, y + high),
    ]
    seen = way @ np.array([[px, py, 1.0] for px, py in crosses]).T
    seen = (seen[:2] / seen[2]).T
    across = float(np.hypot(*(seen[2] - seen[1])))
    down = float(np.hypot(*(seen[4] - seen[3])))
    return float(seen[0][0]) - across / 2, float(seen[0][1]) - down / 2, across, down


def _page(sheet: Sheet, number: int, looked: Prepared, seen: Sequence[Seen]) -> PageText:
    blocks = []
    for _, of_block in groupby(seen, key=lambda one: one.line[:2]):
        lines = [[_placed(one, looked) for one in line] for _, line in groupby(of_block, key=lambda one: one.line)]
        blocks.append(tuple(word_boxes.joined(lines)))
    return PageText(number, *_size(sheet), "ocr" if blocks else "blank", tuple(blocks))


def _placed(seen: Seen, looked: Prepared) -> Word:
    x, y, wide, high = (
        round(edge * word_boxes.UNITS) for edge in looked.back((seen.x, seen.y, seen.width, seen.height))
    )
    return Word(seen.text, max(0, x), max(0, y), max(1, wide), max(1, high), seen.confidence)


def _of_lines(sheet: Sheet, number: int, lines: Sequence[tuple[Word, ...]]) -> PageText:
    return PageText(number, *_size(sheet), "text", (tuple(lines),))


def _size(sheet: Sheet) -> tuple[int, int]:
    return max(1, round(sheet.width * word_boxes.UNITS)), max(1, round(sheet.height * word_boxes.UNITS))
