"""Read the barcodes and QR codes on the pages of a document."""

from __future__ import annotations

from typing import Any, Final

import zxingcpp

from ingestion.tools.sandboxed.job import Job, Rejected
from ingestion.tools.sandboxed.render import shown

_LOOKS: Final = (200, 300)
"""Dots an inch at which a page is looked at; the second where the first shows nothing."""
_PIXELS: Final = 40_000_000
_FORMATS: Final = zxingcpp.barcode_formats_from_str("Code128,QRCode")
_LONGEST: Final = 300
"""Signs of a code; ours are shorter."""


def warm() -> None:
    """Do nothing more: importing this module loaded everything."""


def page_codes(job: Job) -> dict[str, Any]:
    """Read the codes of each page of ``source``; return ``{"pages": [[text, …], …]}``.

    Raises:
        Rejected: ``unreadable``, ``too_many_pages``.
    """
    found = []
    with shown(job.inputs["source"]) as document:
        if len(document) > job.arguments["most"]:
            raise Rejected("too_many_pages", f"{len(document)} pages")
        for number in range(len(document)):
            page = document[number]
            texts: list[str] = []
            for resolution in _LOOKS:
                texts = _read(page, resolution)
                if texts:
                    break
            found.append(texts)
            page.close()
    return {"pages": found}


def _read(page: Any, resolution: int) -> list[str]:
    wide, high = page.get_size()
    scale = resolution / 72
    if wide * high * scale * scale > _PIXELS:
        scale = (_PIXELS / (wide * high)) ** 0.5
    picture = page.render(scale=scale, grayscale=True, may_draw_forms=True).to_numpy()
    read = zxingcpp.read_barcodes(picture.squeeze(), formats=_FORMATS)
    return sorted({one.text for one in read if one.valid and len(one.text) <= _LONGEST})
