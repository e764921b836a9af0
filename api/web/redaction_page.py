"""The page on which words of a record's page are ticked, to be left out of a redacted copy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from api.views.record_pages import IMAGE_WIDTH, page_words
from api.web.faults import Fault, in_words
from archive.catalogue import rows as catalogue
from archive.holdings.redact import report_of
from archive.model.records import Kind
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System
    from ingestion.processing.redaction import RedactionBox

_ROOM: Final = 3
"""Pixels around a word, so that no edge of its letters is left."""


@dataclass(frozen=True)
class TickedWord:
    """One word of the page, and whether it is to be covered."""

    number: int
    text: str
    ticked: bool


@dataclass(frozen=True)
class RedactionPage:
    """One page of a record with its words, and what is covered already.

    Attributes:
        before: Number of the copy in force; 0 without one.
        covered: How many places that copy covers.
    """

    template: ClassVar[str] = "occulter.html"
    tab: ClassVar[str] = "recherche"
    help_anchor: ClassVar[str] = "document"

    id: str
    title: str
    page: int
    pages: int
    words: tuple[TickedWord, ...]
    before: int
    covered: int
    reason: str
    faults: tuple[Fault, ...]

    @property
    def json_href(self) -> str:
        """Return the API's address of what the copy in force covers."""
        return f"/api/v1/records/{self.id}/redactions" if self.before else f"/api/v1/records/{self.id}"


def redaction_page(
    system: System,
    tenant: str,
    record_id: str,
    page: int,
    *,
    ticked: Iterable[int] = (),
    reason: str = "",
    error: Refused | None = None,
) -> RedactionPage:
    """Return the page with its words.

    Raises:
        Refused: ``record_not_found``, ``page_not_found``.
    """
    with system.database.read() as session:
        row = catalogue.get(session, tenant, record_id)
    before = report_of(system.stores, row) or {}
    chosen = set(ticked)
    words = words_of(system, tenant, record_id, page)
    return RedactionPage(
        id=row.id,
        title=row.title,
        page=page,
        pages=row.pages or 1,
        words=tuple(TickedWord(n, word["text"], n in chosen) for n, word in enumerate(words)),
        before=before.get("number", 0),
        covered=len(before.get("boxes", ())),
        reason=reason or before.get("reason", ""),
        faults=(Fault("#raison" if error.pointer == "/reason" else "#mots", in_words(error)),) if error else (),
    )


def words_of(system: System, tenant: str, record_id: str, page: int) -> list[dict[str, Any]]:
    """Return the words of a page with their places; none where its text was not read."""
    with system.database.read() as session:
        catalogue.get(session, tenant, record_id)
        forms = {form.kind: form for form in catalogue.representations(session, record_id)}
    text = forms.get(Kind.TEXT)
    return page_words(system, text, page)["words"] if text is not None else []


def boxes_of(words: list[dict[str, Any]], ticked: Iterable[int], page: int) -> list[RedactionBox]:
    """Return the boxes around the ticked words."""
    from ingestion.processing.redaction import RedactionBox

    chosen = [words[n] for n in ticked if 0 <= n < len(words)]
    return [
        RedactionBox(page, one["x"] - _ROOM, one["y"] - _ROOM, one["width"] + 2 * _ROOM, one["height"] + 2 * _ROOM)
        for one in chosen
    ]


def boxes_before(before: Mapping[str, Any] | None) -> list[RedactionBox]:
    """Return the boxes of the copy in force, on images of the width of these pages."""
    from ingestion.processing.redaction import RedactionBox

    if before is None:
        return []
    scale = IMAGE_WIDTH / before["image_width"]
    found = []
    for one in before["boxes"]:
        left, top = int(one["x"] * scale) - 1, int(one["y"] * scale) - 1
        width, height = int(one["width"] * scale) + 3, int(one["height"] * scale) + 3
        same = before["image_width"] == IMAGE_WIDTH
        found.append(RedactionBox(**one) if same else RedactionBox(one["page"], left, top, width, height))
    return found
