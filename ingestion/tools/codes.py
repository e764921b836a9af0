"""Read the codes of a scanned document in the sandbox, and show its pages as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ingestion.tools.sandbox import Limits, Sandbox, ToolFailed

MOST_PAGES: Final = 1000
PDF: Final = "application/pdf"
_BEGINNINGS: Final = {
    b"%PDF-": PDF,
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
}
_LIMITS: Final = Limits(cpu=60 + 2 * MOST_PAGES, wall=120 + 4 * MOST_PAGES)


def media_type_of(path: Path) -> str | None:
    """Return the media type of a scan by its first bytes; None if it is no PDF and no picture."""
    with path.open("rb") as file:
        begins = file.read(8)
    return next((kind for first, kind in _BEGINNINGS.items() if begins.startswith(first)), None)


def as_pdf(sandbox: Sandbox, source: Path, media_type: str, folder: Path) -> Path:
    """Return a scan as a PDF: itself, or its pictures put into one.

    Raises:
        ToolFailed: The sandbox could not read it.
    """
    if media_type == PDF:
        return source
    made = folder / "pictures.pdf"
    sandbox.call("normalise", {}, {"received": source}, {"normalised": made})
    return made


def page_codes(sandbox: Sandbox, document: Path) -> list[list[str]]:
    """Return the texts of the codes of each page of a PDF.

    Raises:
        ToolFailed: The sandbox could not read it, or it answered something else.
    """
    told = sandbox.call("page_codes", {"most": MOST_PAGES}, {"source": document}, {}, _LIMITS)["pages"]
    if not isinstance(told, list) or not all(isinstance(page, list) for page in told):
        raise ToolFailed("output", "not the codes of pages")
    return [[str(text) for text in page] for page in told]
