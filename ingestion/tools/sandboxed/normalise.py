"""Put images into one PDF with their own bytes, undecoded where the PDF allows it."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any, BinaryIO, Final

import img2pdf
from PIL import Image

from ingestion.tools.sandboxed.job import MAX_PIXELS, Job, Rejected

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)

_A4: Final = (595.276, 841.890)
_LONGEST: Final = 3400.0
"""Most points of a page's side, a little over A0.

A longer page means that the resolution in the file is wrong.
"""
_SHORTEST: Final = 20.0
_SIDE: Final = 32_767


def warm() -> None:
    """Do nothing more: importing this module loaded everything."""


def normalise(job: Job) -> dict[str, Any]:
    """Convert ``received`` (JPEG, PNG or TIFF) to ``normalised``; return ``{"pages"}``."""
    source = job.inputs["received"]
    pages, clear = _examine(source)
    with job.outputs["normalised"].open("wb") as out:
        if clear:
            _without_alpha(source, out)
        else:
            try:
                _write(str(source), out)
            except (
                img2pdf.ImageOpenError,
                img2pdf.UnsupportedColorspaceError,
                img2pdf.JpegColorspaceError,
            ) as error:
                raise Rejected("unreadable", f"{type(error).__name__}: {error}") from error
    return {"pages": pages}


def _examine(source: Path) -> tuple[int, bool]:
    """Return the number of frames and whether any has an alpha channel; check each size."""
    clear = False
    with Image.open(source, formats=["JPEG", "PNG", "TIFF"]) as image:
        pages = getattr(image, "n_frames", 1)
        for number in range(pages):
            image.seek(number)
            if max(image.size) > _SIDE or image.width * image.height > MAX_PIXELS:
                raise Rejected("too_large", f"frame {number + 1}: {image.width} x {image.height} pixels")
            clear = clear or image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
        if image.format == "MPO":
            pages = 1
    return pages, clear


def _write(source: str | bytes, out: BinaryIO) -> None:
    img2pdf.convert(source, outputstream=out, layout_fun=layout, rotation=img2pdf.Rotation.ifvalid)


def _without_alpha(source: Path, out: BinaryIO) -> None:
    """Put a transparent image on white, without loss."""
    with Image.open(source, formats=["PNG", "TIFF"]) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise Rejected("unreadable", "transparent pages in a TIFF")
        seen = image.convert("RGBA")
        paper = Image.new("RGB", seen.size, "white")
        paper.paste(seen, mask=seen.getchannel("A"))
        flat = io.BytesIO()
        paper.save(flat, "PNG", dpi=image.info.get("dpi", (0, 0)))
    _write(flat.getvalue(), out)


def layout(width: int, height: int, resolution: tuple[float, float]) -> tuple[float, float, float, float]:
    """Return page and image size in points, by the file's resolution if plausible, else A4."""
    points = [72.0 * pixels / dpi if dpi > 0 else 0.0 for pixels, dpi in zip((width, height), resolution, strict=True)]
    telling = min(resolution) >= 90 and max(points) <= _LONGEST and min(points) >= _SHORTEST
    if not telling:
        # A photograph has 72 dpi or none; it shows a sheet of paper.
        long_side, short_side = max(width, height), min(width, height)
        scale = min(_A4[1] / long_side, _A4[0] / short_side) if long_side > 600 else 72 / 150
        points = [max(_SHORTEST, width * scale), max(_SHORTEST, height * scale)]
    return points[0], points[1], points[0], points[1]
