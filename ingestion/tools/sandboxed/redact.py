"""Make pictures of the pages of a document, with boxes painted over, and nothing else of it."""

from __future__ import annotations

import io
import math
from typing import Any, Final

import pikepdf
import pypdfium2 as pdfium
from pikepdf import Array, Dictionary, Name
from PIL import Image, ImageDraw

from ingestion.tools.sandboxed.job import Job, Rejected
from ingestion.tools.sandboxed.render import shown

_DPI: Final = 200
_PIXELS: Final = 25_000_000
_QUALITY: Final = 85
_BLACK: Final = 0

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of the page as shown."""


def warm() -> None:
    """Do nothing more: importing this module loaded everything."""


def redact(job: Job) -> dict[str, Any]:
    """Picture every page of ``source`` as ``target``, a PDF of one JPEG a page.

    Each box of ``boxes`` (page, x, y, width, height, in pixels of an image that is ``image_width``
    wide) is black before the JPEG is made. ``sizes`` are those of the pages in points, where they
    are known better than PDFium knows them. Nothing is taken over from the source but pixels.
    """
    width, wanted = int(job.arguments["image_width"]), job.arguments["boxes"]
    sizes: dict[str, list[float]] = job.arguments.get("sizes", {})
    with shown(job.inputs["source"]) as document, pikepdf.new() as made:
        count = len(document)
        for number in range(1, count + 1):
            page = document[number - 1]
            across, down = page.get_size()
            boxes = [_share(one, width, width * down / across) for one in wanted if one[0] == number]
            picture = _painted(page, boxes)
            page.close()
            _add(made, picture, sizes.get(str(number), [across, down]))
        beyond = [one for one in wanted if not 1 <= one[0] <= count]
        if beyond:
            raise Rejected("no_such_page", f"{count} pages")
        with job.outputs["target"].open("r+b") as out:
            made.save(out)
    return {"pages": count, "tool": "pypdfium2"}


def _share(box: list[int], width: float, height: float) -> Box:
    """Return a box as shares of its page.

    Raises:
        Rejected: ``box_outside``: it hides nothing of the page.
    """
    _, x, y, across, down = box
    left, top, right, bottom = x / width, y / height, (x + across) / width, (y + down) / height
    if right <= 0 or bottom <= 0 or left >= 1 or top >= 1:
        raise Rejected("box_outside", f"page {box[0]}")
    return max(0.0, left), max(0.0, top), min(1.0, right), min(1.0, bottom)


def _painted(page: pdfium.PdfPage, boxes: list[Box]) -> Image.Image:
    across, down = page.get_size()
    scale = min(_DPI / 72, (_PIXELS / max(1.0, across * down)) ** 0.5)
    rendered: Image.Image = page.render(scale=scale, may_draw_forms=True).to_pil()
    picture = rendered.convert("RGB")
    pen = ImageDraw.Draw(picture)
    for left, top, right, bottom in boxes:
        first = (math.floor(left * picture.width), math.floor(top * picture.height))
        last = (math.ceil(right * picture.width), math.ceil(bottom * picture.height))
        pen.rectangle((first, last), fill=(_BLACK, _BLACK, _BLACK))
    red, green, blue = picture.split()
    return red if red.tobytes() == green.tobytes() == blue.tobytes() else picture


def _add(made: pikepdf.Pdf, picture: Image.Image, size: list[float]) -> None:
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=_QUALITY)
    image = made.make_stream(
        jpeg.getvalue(),
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=picture.width,
        Height=picture.height,
        ColorSpace=Name.DeviceGray if picture.mode == "L" else Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=Name.DCTDecode,
    )
    across, down = size
    content = f"q {across:.3f} 0 0 {down:.3f} 0 0 cm /Image Do Q".encode("ascii")
    page = Dictionary(
        Type=Name.Page,
        MediaBox=Array([0, 0, round(across, 3), round(down, 3)]),
        Resources=Dictionary(XObject=Dictionary({"/Image": image})),
        Contents=made.make_stream(content),
    )
    made.pages.append(pikepdf.Page(made.make_indirect(page)))
