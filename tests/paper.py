"""Printed bordereaux as an office scanner gives them back, for the tests of visas on paper."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pypdfium2 as pdfium
from PIL import Image, ImageDraw


def pages_of(printed: bytes, resolution: int = 200) -> list[Image.Image]:
    """Each page of a print as a grey picture."""
    document = pdfium.PdfDocument(printed)
    try:
        return [page.render(scale=resolution / 72, grayscale=True).to_pil().copy() for page in document]
    finally:
        document.close()


def scanned(pages: Sequence[Image.Image], kind: str = "PDF", angle: float = 0.7) -> bytes:
    """Pages as a scanner gives them: a little askew, pixels alone."""
    skewed = [page.convert("L").rotate(angle, fillcolor=255, resample=Image.Resampling.BILINEAR) for page in pages]
    written = io.BytesIO()
    more = {"save_all": True, "append_images": skewed[1:]} if kind in {"PDF", "TIFF"} else {}
    skewed[0].save(written, kind, resolution=200, **more)
    return written.getvalue()


def spoiled(page: Image.Image, *, title: bool = False) -> Image.Image:
    """A page whose barcode nobody can read any more; its title's code too, if asked for."""
    copy = page.copy()
    wide, high = copy.size
    draw = ImageDraw.Draw(copy)
    draw.rectangle((0, int(high * 0.86), wide, high), fill=90)
    if title:
        draw.rectangle((int(wide * 0.8), 0, wide, int(high * 0.3)), fill=90)
    return copy
