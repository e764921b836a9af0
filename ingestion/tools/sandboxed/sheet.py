"""Sheet: one PDF page, its displayed geometry, and its image if it is a scan.

Displayed space: points from the top left corner of the page as shown (crop box, rotation applied),
y downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import cv2
import numpy as np
import pikepdf
import pypdfium2 as pdfium
from numpy.typing import NDArray

from ingestion.tools.sandboxed.job import MAX_PIXELS

pikepdf.PdfImage.MAX_IMAGE_PIXELS = MAX_PIXELS

Grey = NDArray[np.uint8]

_RENDER_DPI: Final = 300
_RENDER_PIXELS: Final = 40_000_000
_PAINTS: Final = frozenset({"f", "F", "f*", "S", "s", "B", "B*", "b", "b*", "sh", "INLINE IMAGE"})
_SHOWS: Final = frozenset({"Tj", "TJ", "'", '"'})
_QUARTERS: Final = {(1, 0, 0, 1): 0, (0, 1, -1, 0): -1, (-1, 0, 0, -1): 2, (0, -1, 1, 0): 1}
"""Directions of an image's right and down on the displayed page -> turns for ``numpy.rot90``."""


@dataclass(frozen=True)
class Raster:
    """Picture of a page or of its main part.

    Attributes:
        pixels: Grey, one byte a pixel.
        bilevel: Whether it holds only 0 and 255.
        left: Displayed x of its left edge, in points.
        top: Displayed y of its top edge.
        across: Points a pixel, horizontally.
        down: Points a pixel, vertically.
    """

    pixels: Grey
    bilevel: bool
    left: float
    top: float
    across: float
    down: float

    @property
    def dpi(self) -> float:
        """Pixels an inch."""
        return 72.0 / self.across


@dataclass(frozen=True)
class Placed:
    """Image drawn on the page."""

    image: pikepdf.Object
    matrix: pikepdf.Matrix


class Sheet:
    """Sheet: one page of an open document."""

    def __init__(self, page: pikepdf.Page) -> None:
        self._page = page
        box = [float(edge) for edge in page.cropbox]
        media = [float(edge) for edge in page.mediabox]
        left, right = sorted((box[0], box[2]))
        bottom, top = sorted((box[1], box[3]))
        # A crop box may not reach beyond the sheet.
        self._left, self._right = max(left, min(media[0], media[2])), min(right, max(media[0], media[2]))
        self._bottom, self._top = max(bottom, min(media[1], media[3])), min(top, max(media[1], media[3]))
        self.turned = int(page.rotation) % 360
        across, up = self._right - self._left, self._top - self._bottom
        self.width, self.height = (up, across) if self.turned in {90, 270} else (across, up)

    @property
    def placement(self) -> tuple[float, float, float, float, float, float]:
        """Operands of ``cm`` that place upright text, in points from the displayed bottom left."""
        return {
            0: (1, 0, 0, 1, self._left, self._bottom),
            90: (0, 1, -1, 0, self._right, self._bottom),
            180: (-1, 0, 0, -1, self._right, self._top),
            270: (0, -1, 1, 0, self._left, self._top),
        }.get(self.turned, (1, 0, 0, 1, self._left, self._bottom))

    def displayed(self, x: float, y: float) -> tuple[float, float]:
        """Convert from user space to displayed space."""
        if self.turned == 90:
            return y - self._bottom, x - self._left
        if self.turned == 180:
            return self._right - x, y - self._bottom
        if self.turned == 270:
            return self._top - y, self._right - x
        return x - self._left, self._top - y

    @cached_property
    def painted(self) -> tuple[list[Placed], bool, bool]:
        """Return images drawn, whether text is shown, whether anything else is painted."""
        images: list[Placed] = []
        shows = paints = False
        matrix, kept = pikepdf.Matrix(), []
        objects: Any = self._page.resources.get("/XObject", {})
        for instruction in pikepdf.parse_content_stream(self._page):
            operator = str(instruction.operator)
            if operator == "q":
                kept.append(matrix)
            elif operator == "Q":
                matrix = kept.pop() if kept else matrix
            elif operator == "cm":
                matrix = pikepdf.Matrix(*(float(number) for number in instruction.operands)) @ matrix
            elif operator == "Do":
                drawn = objects.get(str(instruction.operands[0]))
                if drawn is not None and drawn.get("/Subtype") == "/Image":
                    images.append(Placed(drawn, matrix))
                else:
                    paints = True
            elif operator in _SHOWS:
                shows = True
            elif operator in _PAINTS:
                paints = True
        return images, shows, paints

    def box_of(self, placed: Placed) -> tuple[float, float, float, float]:
        """Return displayed left, top, right, bottom of an image."""
        corners = [self._corner(placed.matrix, u, v) for u in (0, 1) for v in (0, 1)]
        across, down = [x for x, _ in corners], [y for _, y in corners]
        return min(across), min(down), max(across), max(down)

    @property
    def scanned(self) -> bool:
        """Whether images cover at least half of the page."""
        try:
            images, _, paints = self.painted
        except pikepdf.PdfError:
            return True
        if paints and not images:
            return False
        area = self.width * self.height
        covered = 0.0
        for placed in images:
            left, top, right, bottom = self.box_of(placed)
            covered += max(0.0, min(right, self.width) - max(left, 0)) * max(
                0.0, min(bottom, self.height) - max(top, 0)
            )
        return area > 0 and covered / area >= 0.5

    def own_image(self) -> Raster | None:
        """Return the page's only image, decoded once; None unless alone on the page and upright."""
        try:
            images, shows, paints = self.painted
        except pikepdf.PdfError:
            return None
        if len(images) != 1 or shows or paints:
            return None
        placed = images[0]
        origin = self._corner(placed.matrix, 0, 1)
        rightwards = _direction(origin, self._corner(placed.matrix, 1, 1))
        downwards = _direction(origin, self._corner(placed.matrix, 0, 0))
        quarters = _QUARTERS.get((*rightwards, *downwards))
        if quarters is None:
            return None
        decoded = _decode(placed.image)
        if decoded is None:
            return None
        pixels, bilevel = decoded
        pixels = np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters else pixels
        left, top, right, bottom = self.box_of(placed)
        high, wide = pixels.shape
        across, down = (right - left) / wide, (bottom - top) / high
        if not 0.8 < across / down < 1.25:
            return None
        return Raster(pixels, bilevel, left, top, across, down)

    def rendered(self, document: pdfium.PdfDocument, index: int) -> Raster:
        """Render the page with PDFium at 300 dpi, or less if memory requires it."""
        scale = min(_RENDER_DPI / 72, (_RENDER_PIXELS / max(1.0, self.width * self.height)) ** 0.5)
        page = document[index]
        try:
            bitmap = page.render(scale=scale, grayscale=True, may_draw_forms=False)
            pixels = np.ascontiguousarray(bitmap.to_numpy())
            pixels = pixels[:, :, 0] if pixels.ndim == 3 else pixels
            high, wide = pixels.shape
            return Raster(pixels.copy(), False, 0.0, 0.0, self.width / wide, self.height / high)
        finally:
            page.close()

    def _corner(self, matrix: pikepdf.Matrix, u: float, v: float) -> tuple[float, float]:
        x, y = matrix.transform((u, v))
        return self.displayed(float(x), float(y))


def _direction(start: tuple[float, float], end: tuple[float, float]) -> tuple[int, int]:
    """Return a unit step along an axis; (0, 0) when it is along neither."""
    x, y = end[0] - start[0], end[1] - start[1]
    length = max(abs(x), abs(y))
    if length == 0 or min(abs(x), abs(y)) > 0.01 * length:
        return 0, 0
    return (round(x / length), 0) if abs(x) > abs(y) else (0, round(y / length))


def _decode(image: Any) -> tuple[Grey, bool] | None:  # noqa: PLR0911 - each return is one thing we don’t decode
    """Decode a plain image to grey pixels; None for one that needs a renderer."""
    if image.get("/ImageMask") or "/SMask" in image or "/Mask" in image or "/Decode" in image:
        return None
    wide, high = int(image.Width), int(image.Height)
    if wide * high > MAX_PIXELS or max(wide, high) > 32_767 or min(wide, high) < 1:
        return None
    filters = image.get("/Filter")
    names = [str(name) for name in (filters if isinstance(filters, pikepdf.Array) else [filters] if filters else [])]
    if names == ["/DCTDecode"]:
        if _components(image) not in {1, 3}:
            return None
        raw = np.frombuffer(image.read_raw_bytes(), np.uint8)
        pixels = cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
        return None if pixels is None or pixels.shape != (high, wide) else (np.asarray(pixels, np.uint8), False)
    if names not in (["/CCITTFaxDecode"], ["/FlateDecode"], []):
        return None
    try:
        picture = pikepdf.PdfImage(image).as_pil_image()
    except (pikepdf.PdfError, pikepdf.UnsupportedImageTypeError, NotImplementedError, ValueError, OSError):
        return None
    bilevel = picture.mode == "1"
    return np.asarray(picture.convert("L"), np.uint8), bilevel


def _components(image: Any) -> int:
    space = image.get("/ColorSpace")
    if space in ("/DeviceGray", "/CalGray"):
        return 1
    if space in ("/DeviceRGB", "/CalRGB"):
        return 3
    if isinstance(space, pikepdf.Array) and space[0] == "/ICCBased":
        return int(space[1].get("/N", 0))
    return 0
