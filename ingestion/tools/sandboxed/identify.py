"""Identify a file: PRONOM format by its bytes, and facts of a PDF or an image."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any, Final

import pikepdf
from PIL import Image

from ingestion.tools.sandboxed.job import MAX_PIXELS, Job

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)

_MAGIC: Final = (
    (b"\xff\xd8\xff", "jpeg", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png", "image/png"),
    (b"II*\x00", "tiff", "image/tiff"),
    (b"MM\x00*", "tiff", "image/tiff"),
)
_EXTENSION: Final = re.compile(r"\.([A-Za-z0-9]{1,8})$")


def warm() -> None:
    """Do nothing more: importing this module loaded everything."""


def identify(job: Job) -> dict[str, Any]:
    """Return the facts of the ``identify`` stage; only the extension of ``filename`` is used."""
    path = job.inputs["received"]
    with path.open("rb") as file:
        head = file.read(1024)
    facts: dict[str, Any] = {"encrypted": False, "signatures": 0, "pages": None, "pages_with_fonts": 0}
    facts |= pronom(path, job.arguments.get("filename", ""), job.folder)
    family, media_type = _family(head, facts["media_type"])
    facts |= {"family": family, "media_type": media_type or facts["media_type"]}
    if family == "pdf":
        facts |= _pdf(path)
    elif family in {"jpeg", "png", "tiff"}:
        facts |= _image(path)
    else:
        facts["readable"] = family == "text"
    return facts


def pronom(path: Path, filename: str, folder: Path) -> dict[str, Any]:
    """Return the format of a file by its bytes; only the extension of ``filename`` is used."""
    # Imported in the child only: its Go runtime has threads, and none may exist before a fork.
    import pygfried

    found = _EXTENSION.search(filename)
    named = folder / f"received{found.group(0).lower() if found else ''}"
    named.symlink_to(path)
    said = pygfried.identify(str(named), detailed=True)
    named.unlink()
    match = said["files"][0]["matches"][0]
    known = match["id"] != "UNKNOWN"
    # A format known by the extension alone is not identified: the name is a claim, not a finding.
    by_bytes = known and "match" in match["basis"].replace("extension match", "")
    version = f" {match['version']}" if match["version"] else ""
    return {
        "puid": match["id"] if by_bytes else None,
        "format_name": f"{match['format']}{version}" if by_bytes else None,
        "media_type": match["mime"].split(",")[0].strip() or None,
        "extension_mismatch": "extension mismatch" in match["warning"],
        "tool_version": f"{pygfried.version()} {said['identifiers'][0]['details'].split(';')[0]}",
    }


def _family(head: bytes, media_type: str | None) -> tuple[str, str | None]:
    for magic, family, exact in _MAGIC:
        if head.startswith(magic):
            return family, exact
    if b"%PDF-" in head:
        return "pdf", "application/pdf"
    if (media_type or "").startswith("text/") and b"\0" not in head:
        return "text", media_type
    return "other", media_type


def _pdf(path: Path) -> dict[str, Any]:
    try:
        with pikepdf.open(path) as pdf:
            pages = len(pdf.pages)
            fonts = sum(1 for page in pdf.pages if _has_fonts(page))
            return {
                "readable": pages > 0,
                "encrypted": pdf.is_encrypted,
                "signatures": _signatures(pdf),
                "pages": pages or None,
                "pages_with_fonts": fonts,
            }
    except pikepdf.PasswordError:
        return {"readable": False, "encrypted": True}
    except (pikepdf.PdfError, ValueError, KeyError, TypeError, AttributeError) as error:
        return {"readable": False, "why": f"{type(error).__name__}: {error}"[:300]}


def _has_fonts(page: pikepdf.Page) -> bool:
    resources: Any = page.resources
    return bool(resources.get("/Font")) or any(
        form.get("/Resources", {}).get("/Font")
        for form in resources.get("/XObject", {}).values()
        if form.get("/Subtype") == "/Form"
    )


def _signatures(pdf: pikepdf.Pdf) -> int:
    """Count the signed fields, at any depth of the form."""
    form = pdf.Root.get("/AcroForm")
    if form is None:
        return 0
    waiting, seen, found = list(form.get("/Fields", [])), 0, 0
    while waiting and seen < 10_000:
        one = waiting.pop()
        seen += 1
        waiting.extend(one.get("/Kids", []))
        found += one.get("/FT") == "/Sig" and "/V" in one
    return found


def _image(path: Path) -> dict[str, Any]:
    try:
        with Image.open(path, formats=["JPEG", "PNG", "TIFF"]) as image:
            return {"readable": True, "pages": getattr(image, "n_frames", 1)}
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombWarning,
        Image.DecompressionBombError,
    ) as error:
        return {"readable": False, "why": f"{type(error).__name__}: {error}"[:300]}
