"""The text and the image of a record's pages."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.views.record import is_gone, representations_of
from archive.database.tables import RecordRow, RepresentationRow
from archive.model.records import Kind
from archive.objects.fixity import verified
from ingestion.deposits.leave import drop_page_images, page_images
from ingestion.tools.alto import PageText, text_of_pages, words_of_page
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

IMAGE_WIDTH = 900
_CACHE_BYTES = 512 * 1024 * 1024
_PICTURED = ("application/pdf",)


@dataclass(frozen=True)
class PageImage:
    """The image of one page.

    Attributes:
        tag: Strong ETag.
    """

    content: bytes
    media_type: str
    tag: str


def plain_text(system: System, row: RepresentationRow, page: int | None) -> str:
    """Return the text of one page, or of all pages (None), separated by form feeds.

    Raises:
        Corrupt: ``altered``.
        Refused: ``page_not_found``.
    """
    if page is None:
        return "\f".join(text for _, text in text_of_pages(_chunks(system, row)))
    return _page(system, row, page).text


def page_words(system: System, row: RepresentationRow, page: int, width: int = IMAGE_WIDTH) -> dict[str, Any]:
    """Return the words of one page with their places, in pixels of its image at a given width.

    Raises:
        Corrupt: ``altered``.
        Refused: ``page_not_found``.
    """
    found = _page(system, row, page)
    scale = width / found.width if found.width else 0.0
    return {
        "page": page,
        "width": width,
        "height": round(found.height * scale),
        "source": found.source,
        "words": [
            {
                "text": word.text,
                "x": round(word.x * scale),
                "y": round(word.y * scale),
                "width": max(1, round(word.width * scale)),
                "height": max(1, round(word.height * scale)),
                "confidence": 1.0 if word.confidence is None else word.confidence / 100,
                "whole": word.whole or word.text,
            }
            for word in found.words
        ],
    }


def _page(system: System, row: RepresentationRow, page: int) -> PageText:
    found = words_of_page(_chunks(system, row), page)
    if found is None:
        raise no_page(page)
    return found


def no_page(page: int) -> Refused:
    """Return the refusal of a page that the record does not have."""
    return Refused(
        "page_not_found",
        "Ce document n’a pas de page {page}.",
        action="Vérifiez le nombre de pages.",
        pointer="page",
        page=page,
    )


def _chunks(system: System, row: RepresentationRow) -> Iterator[bytes]:
    return verified(system.store, row.key, row.version, sha256=row.sha256, size=row.size)


def page_image(system: System, record_id: str, page: int, width: int) -> PageImage:
    """Return the image of one page of the archival form, else of the original; cached.

    Raises:
        Corrupt: ``altered``.
        Refused: ``page_not_found``, ``image_not_found`` for a format that has no pages to show.
    """
    with system.database.read() as session:
        forms = {row.kind: row for row in representations_of(session, record_id)}
    source = forms.get(Kind.ARCHIVAL) or forms.get(Kind.ORIGINAL)
    if source is None or source.media_type not in _PICTURED:
        raise _no_image()
    name = hashlib.sha256(f"{source.sha256} {page} {width}".encode()).hexdigest()
    kept = page_images(system.settings.home, record_id) / f"{name}.webp"
    if not kept.exists():
        _render(system, source, page, width, kept)
        with system.database.read() as session:
            if is_gone(session.get_one(RecordRow, record_id)):  # destroyed meanwhile
                drop_page_images(system.settings.home, record_id)
                raise _no_image()
    return PageImage(kept.read_bytes(), "image/webp", f'"{name[:32]}"')


def _render(system: System, source: RepresentationRow, page: int, width: int, target: Path) -> None:
    from ingestion.tools.sandbox import ToolFailed

    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=target.parents[2]) as folder:
        given, made = Path(folder, "source"), Path(folder, "page.webp")
        with given.open("wb") as out:
            for chunk in _chunks(system, source):
                out.write(chunk)
        try:
            system.sandbox.call("page_image", {"page": page, "width": width}, {"source": given}, {"image": made})
        except ToolFailed as error:
            raise no_page(page) if error.code == "no_such_page" else _no_image() from error
        target.parent.mkdir(exist_ok=True, mode=0o700)
        made.replace(target)
    _make_room(target.parents[1])


def _make_room(folder: Path) -> None:
    """Delete the oldest images once the cache is larger than ``_CACHE_BYTES``."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = sorted(((path.stat().st_mtime, path.stat().st_size, path) for path in files), key=lambda one: one[0])
    excess = sum(size for _, size, _ in found) - _CACHE_BYTES
    for _, size, path in found:
        if excess <= 0:
            return
        excess -= size
        path.unlink(missing_ok=True)


def _no_image() -> Refused:
    return Refused(
        "image_not_found",
        "Cette page ne peut pas être montrée en image.",
        action="Téléchargez le document pour le lire.",
    )
