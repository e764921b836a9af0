"""One page of a record: its image, its words, and boxes around the searched ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from markupsafe import Markup

from api.http.i18n import said
from api.web.progress import NOTHING
from archive.database.tables import RecordRow, RepresentationRow
from archive.model.records import Kind
from archive.objects.fixity import verified
from search.analysis import tokens
from search.questions import parse_query
from signing.ground.errors import ChartrierError, Refused

if TYPE_CHECKING:
    from ingestion.assembly import System
    from ingestion.tools.alto import PageText, Word

IMAGE_WIDTH = 900
MOST_COUNTED_PAGES = 200
"""Above this number of pages, hits are not counted: somebody is waiting for one page."""

_FULL_LINE = 0.9
"""Share of a block's width from which a line counts as full."""

Wanted = Callable[[str], bool]


@dataclass(frozen=True)
class Box:
    """The place of a searched word, in pixels of the image."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Reading:
    """One page of a record, ready to be shown.

    Attributes:
        image: Address of the image; empty when this format has no image.
        paragraphs: Lines of text, with the searched words marked.
        source: ``ocr``, ``text`` (it was in the file) or ``blank``.
        confidence: Mean over the words of this page, 0 to 1.
        hits: Page -> number of searched words on it, for the pages that were read.
        here: Number of searched words on this page.
        total: Number in the whole document; None when it is too long to count.
        reason: Why the text could not be read; empty when it could.
    """

    image: str = ""
    width: int = IMAGE_WIDTH
    height: int = round(IMAGE_WIDTH * 1.414)
    boxes: tuple[Box, ...] = ()
    paragraphs: tuple[tuple[Markup, ...], ...] = ()
    source: str = ""
    confidence: float = 0.0
    hits: Mapping[int, int] = field(default_factory=dict)
    here: int = 0
    total: int | None = None
    reason: Markup = NOTHING


def read(system: System, row: RecordRow, forms: Mapping[str, RepresentationRow], page: int, q: str) -> Reading:
    """Read one page of a record.

    An error of the archive is never raised: its sentence becomes ``Reading.reason``.
    """
    text = forms.get(Kind.TEXT)
    has_pages = bool(row.pages) and (Kind.ARCHIVAL in forms or text is not None)
    image = f"/api/v1/records/{row.id}/pages/{page}/image?width={IMAGE_WIDTH}" if has_pages else ""
    if text is None:
        return Reading(image=image)
    wanted = searched(q)
    try:
        found, hits = _look(system, text, page, wanted if q else None, row.pages or 0)
    except ChartrierError as error:
        return Reading(reason=said(error.detail, **error.values))
    if found is None:
        return Reading(image=image)
    scale = IMAGE_WIDTH / found.width if found.width else 1.0
    marked = [word for word in found.words if wanted(word.whole or word.text)]
    sure = [word.confidence for word in found.words if word.confidence is not None]
    return Reading(
        image=image,
        height=round(found.height * scale),
        boxes=tuple(_box(word, scale) for word in marked),
        paragraphs=tuple(_paragraph(block, wanted) for block in found.blocks),
        source=found.source,
        confidence=sum(sure) / len(sure) / 100 if sure else 1.0,
        hits=hits,
        here=len(marked),
        total=sum(hits.values()) if (row.pages or 0) <= MOST_COUNTED_PAGES else None,
    )


def _look(
    system: System, text: RepresentationRow, page: int, wanted: Wanted | None, count: int
) -> tuple[PageText | None, dict[int, int]]:
    """Return the page (or None), and the number of searched words on each page that was read."""
    from ingestion.tools.alto import pages_of, words_of_page

    chunks = verified(system.store, text.key, text.version, sha256=text.sha256, size=text.size)
    if wanted is None or count > MOST_COUNTED_PAGES:
        return words_of_page(chunks, page), {}
    hits: dict[int, int] = {}
    asked = None
    for found in pages_of(chunks):
        if found.page == page:
            asked = found
        if number := sum(wanted(word.whole or word.text) for word in found.words):
            hits[found.page] = number
    return asked, hits


def searched(q: str) -> Wanted:
    """Return a function that recognises the words of a question by the rules of the search.

    A malformed question matches no word.
    """
    try:
        question = parse_query(q)
    except Refused:
        return lambda _text: False
    items = [item for clause in question.wanted for item in clause.items]
    terms = {term for item in items if not item.prefix for word in item.words for term in word}
    beginnings = tuple(item.forms[-1] for item in items if item.prefix and item.forms)

    def wanted(text: str) -> bool:
        return any(
            not terms.isdisjoint(token.terms) or (beginnings != () and token.form.startswith(beginnings))
            for token in tokens(text)
        )

    return wanted


def _box(word: Word, scale: float) -> Box:
    room = 2  # so that the box does not run through the letters
    return Box(
        round(word.x * scale) - room,
        round(word.y * scale) - room,
        round(word.width * scale) + 2 * room,
        round(word.height * scale) + 2 * room,
    )


def _paragraph(block: tuple[tuple[Word, ...], ...], wanted: Wanted) -> tuple[Markup, ...]:
    """Return the lines of a block, joined where the text runs on.

    A line that fills the block runs on into the next, as it does on the paper.
    """
    edges = [line[-1].x + line[-1].width for line in block if line]
    left = min((line[0].x for line in block if line), default=0)
    full = left + _FULL_LINE * (max(edges, default=0) - left)
    lines: list[Markup] = []
    runs_on = False
    for line in block:
        if not line:
            continue
        text = _line(line, wanted)
        lines[-1:] = [lines[-1] + Markup(" ") + text] if runs_on else [*lines[-1:], text]
        runs_on = line[-1].x + line[-1].width >= full and len(line) > 2
    return tuple(lines)


def _line(line: tuple[Word, ...], wanted: Wanted) -> Markup:
    mark = Markup("<mark>{}</mark>")
    return Markup(" ").join(mark.format(word.text) if wanted(word.whole or word.text) else word.text for word in line)
