"""Render one page for reading on screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pypdfium2 as pdfium
from PIL import Image
from pypdfium2 import raw

from ingestion.tools.sandboxed.job import Job, Rejected

_GRADES: Final = {"léger": (35, True), "normal": (60, False), "fidèle": (85, False)}
"""WebP quality, and whether grey is enough."""

_WIDEST: Final = 3000
_PIXELS: Final = 25_000_000


def warm() -> None:
    """Do nothing more: importing this module loaded everything."""


def shown(path: Path) -> pdfium.PdfDocument:
    """Open the document by its path, which must not be resolved (it is a descriptor's).

    Raises:
        Rejected: ``unreadable``.
    """
    document = raw.FPDF_LoadDocument(str(path).encode(), None)
    if not document:
        raise Rejected("unreadable", f"PDFium error {raw.FPDF_GetLastError()}")
    return pdfium.PdfDocument(document, autoclose=True)


def page_image(job: Job) -> dict[str, Any]:
    """Render page ``page`` (from 1) of ``source`` as WebP of ``width`` pixels."""
    number, grade = job.arguments["page"], job.arguments.get("grade", "normal")
    quality, grey = _GRADES[grade]
    width = max(16, min(int(job.arguments.get("width", 900)), _WIDEST))
    with shown(job.inputs["source"]) as document:
        if not 1 <= number <= len(document):
            raise Rejected("no_such_page", f"{len(document)} pages")
        page = document[number - 1]
        points_wide, points_high = page.get_size()
        scale = width / points_wide
        if points_high * scale * width > _PIXELS:
            scale = (_PIXELS / (points_wide * points_high)) ** 0.5
        bitmap = page.render(scale=scale, grayscale=grey, may_draw_forms=True)
        picture: Image.Image = bitmap.to_pil()
        picture = picture if picture.mode in {"L", "RGB"} else picture.convert("RGB")
        with job.outputs["image"].open("wb") as out:
            picture.save(out, "WEBP", quality=quality, method=2)
        return {"width": picture.width, "height": picture.height, "media_type": "image/webp"}
