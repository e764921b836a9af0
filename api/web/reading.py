"""One page of a record as people read it: its image, its words, and where the searched ones stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from api.web.i18n import said
from api.web.progress import NOTHING
from archive.records import Kind
from archive.tables import RecordRow, RepresentationRow
from search.analysis import fold, tokens
from search.questions import parse_query
from signing.errors import ChartrierError, Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

IMAGE_WIDTH = 900
MOST_COUNTED_PAGES = 200
"""Longer documents are not read whole while somebody waits for one page."""

_NEW_LINE = 0.6
"""Share of a word's height by which the next one must be lower to stand on another line."""
_NEW_PARAGRAPH = 1.0
"""Share of a line's height that the gap to the next must exceed to begin a paragraph."""

Word = Mapping[str, Any]
"""As ``GET /records/{id}/text`` gives it: text, x, y, width, height, confidence."""
Wanted = Callable[[str], bool]


@dataclass(frozen=True)
class Reading:
    """What the page shows of one leaf.

    Attributes:
        image: Its address; empty when this format has no image.
        boxes: The searched words, in pixels of the image.
        paragraphs: Lines of text, searched words marked.
        confidence: Mean over the words of this page.
        hits: Page -> number of searched words on it, for the pages that were looked at.
        total: Over the whole document; None when it is too long to count while somebody waits.
        reason: Why there is nothing to read.
    """

    image: str = ""
    width: int = 0
    height: int = 0
    boxes: tuple[Word, ...] = ()
    paragraphs: tuple[tuple[Markup, ...], ...] = ()
    confidence: float = 0.0
    hits: Mapping[int, int] = field(default_factory=dict)
    here: int = 0
    total: int | None = None
    reason: Markup = NOTHING


def read(
    system: System, row: RecordRow, forms: Mapping[str, RepresentationRow], page: int, q: str
) -> Reading:
    """Read one page of a record; what can't be read is said, never raised."""
    text = forms.get(Kind.TEXT)
    if not row.pages or text is None:
        return Reading(image=_image(row, forms, page))
    from api.reading import page_words

    try:
        found = page_words(system, text, page)
    except ChartrierError as error:
        return Reading(reason=said(error.detail, **error.values))
    wanted = searched(q)
    words: Sequence[Word] = found["words"]
    marked = [wanted(word["text"]) for word in words]
    hits = _hits(system, row, text, wanted) if q else {}
    here = sum(marked)
    return Reading(
        image=_image(row, forms, page),
        width=found["width"],
        height=found["height"],
        boxes=tuple(word for word, is_wanted in zip(words, marked, strict=True) if is_wanted),
        paragraphs=tuple(paragraphs(words, marked)),
        confidence=sum(word["confidence"] for word in words) / len(words) if words else 0.0,
        hits=hits or ({page: here} if here else {}),
        here=here,
        total=sum(hits.values()) if hits else (here if row.pages == 1 else None),
    )


def _image(row: RecordRow, forms: Mapping[str, RepresentationRow], page: int) -> str:
    has_pages = row.pages is not None and (Kind.ARCHIVAL in forms or Kind.TEXT in forms)
    return f"/api/v1/records/{row.id}/pages/{page}/image?width={IMAGE_WIDTH}" if has_pages else ""


def _hits(system: System, row: RecordRow, text: RepresentationRow, wanted: Wanted) -> dict[int, int]:
    if not row.pages or not 1 < row.pages <= MOST_COUNTED_PAGES:
        return {}
    from api.reading import pages_text

    try:
        counted = enumerate(pages_text(system, text), start=1)
        return {number: count for number, page in counted if (count := sum(map(wanted, page.split())))}
    except ChartrierError:
        return {}


def searched(q: str) -> Wanted:
    """Whether a written word is one of those a question asks for, by the rules of the search itself."""
    try:
        question = parse_query(q)
    except Refused:
        return lambda _text: False
    items = [item for clause in question.wanted for item in clause.items]
    terms = {term for item in items if not item.prefix for word in item.words for term in word}
    beginnings = tuple(item.forms[-1] for item in items if item.prefix and item.forms)
    if not terms and not beginnings:
        return lambda _text: False

    def wanted(text: str) -> bool:
        return any(
            terms.intersection(token.terms) or (beginnings and fold(token.form).startswith(beginnings))
            for token in tokens(text)
        )

    return wanted


def paragraphs(words: Sequence[Word], marked: Sequence[bool]) -> Iterable[tuple[Markup, ...]]:
    """Words in reading order as lines and paragraphs, by where they stand."""
    lines: list[list[int]] = []
    for index, word in enumerate(words):
        before = words[index - 1] if index else None
        if (
            before is None
            or word["y"] > before["y"] + _NEW_LINE * before["height"]
            or word["x"] < before["x"]
        ):
            lines.append([])
        lines[-1].append(index)
    paragraph: list[Markup] = []
    bottom: float | None = None
    for line in lines:
        top = min(words[index]["y"] for index in line)
        height = max(words[index]["height"] for index in line)
        if bottom is not None and not -height < top - bottom < _NEW_PARAGRAPH * height:
            yield tuple(paragraph)
            paragraph = []
        paragraph.append(_line([words[index]["text"] for index in line], [marked[index] for index in line]))
        bottom = max(words[index]["y"] + words[index]["height"] for index in line)
    if paragraph:
        yield tuple(paragraph)


def _line(texts: Sequence[str], marked: Sequence[bool]) -> Markup:
    mark = Markup("<mark>{}</mark>")
    return Markup(" ").join(
        mark.format(text) if is_wanted else text for text, is_wanted in zip(texts, marked, strict=True)
    )
