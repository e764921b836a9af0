"""ALTO 4.4: the text of a record with the place of every word, page by page.

All lengths are in 1/1200 inch from the top left corner of the page as shown, so no resolution need
be stored.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, Literal
from xml.sax.saxutils import quoteattr

from lxml import etree

NAMESPACE: Final = "http://www.loc.gov/standards/alto/ns-v4#"
UNITS_PER_INCH: Final = 1200
_CHUNK: Final = 1 << 20

Source = Literal["ocr", "text", "blank"]

_SOURCE_OF: Final = {"ocr": "ocr", "text": "text", "blank": "blank"}


@dataclass(frozen=True)
class Word:
    """Word, or one half of a word that was cut at a line's end.

    Attributes:
        confidence: From 0 to 100; None for text that was in the file.
        part: 0 for a whole word, 1 and 2 for the halves.
        whole: The word that the halves make.
    """

    text: str
    x: int
    y: int
    width: int
    height: int
    confidence: int | None = None
    part: int = 0
    whole: str = ""


@dataclass(frozen=True)
class PageText:
    """Text of one page: blocks of lines of words, in reading order.

    Attributes:
        page: From 1.
        source: ``ocr``, ``text`` (it was in the file) or ``blank``.
    """

    page: int
    width: int
    height: int
    source: Source
    blocks: tuple[tuple[tuple[Word, ...], ...], ...] = field(default=())

    @property
    def lines(self) -> Iterator[tuple[Word, ...]]:
        """All lines, in order."""
        for block in self.blocks:
            yield from block

    @property
    def words(self) -> Iterator[Word]:
        """All words and halves of words, in order."""
        for line in self.lines:
            yield from line

    @property
    def text(self) -> str:
        """Plain text of the page: a line for each, cut words joined, blank lines between blocks."""
        return "\n\n".join("\n".join(_spoken(line) for line in block).strip() for block in self.blocks)

    def as_line(self) -> str:
        """Write the page as one line of JSON, the result of a page task."""
        blocks = [
            [[[w.x, w.y, w.width, w.height, w.text, w.confidence, w.part, w.whole] for w in line] for line in block]
            for block in self.blocks
        ]
        values = {"page": self.page, "width": self.width, "height": self.height, "source": self.source}
        return json.dumps({**values, "blocks": blocks}, ensure_ascii=False)

    @classmethod
    def from_line(cls, line: str) -> PageText:
        """Read what ``as_line`` wrote; raise ``ValueError`` for anything else."""
        try:
            values = json.loads(line)
            blocks = tuple(tuple(tuple(_word(word) for word in line) for line in block) for block in values["blocks"])
            source: Any = _SOURCE_OF[values["source"]]
            return cls(int(values["page"]), int(values["width"]), int(values["height"]), source, blocks)
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"not a page: {error!r}") from error


def _word(values: list[Any]) -> Word:
    x, y, width, height, text, confidence, part, whole = values
    sure = None if confidence is None else int(confidence)
    return Word(str(text), int(x), int(y), int(width), int(height), sure, int(part), str(whole))


def _spoken(line: tuple[Word, ...]) -> str:
    return " ".join(word.whole if word.part == 1 else word.text for word in line if word.part != 2)


# -- writing


class AltoWriter:
    """Writer of one document, a page at a time.

    Args:
        out: Stream to write to.
        software: Name of the program that read the pages, and its version where it is known.
        language: Language of the text, as BCP 47.
    """

    def __init__(self, out: BinaryIO, software: tuple[str, str | None], language: str = "fr") -> None:
        self._out = out
        self._language = language
        name = _escaped(_clean(software[0]))
        version = "" if software[1] is None else f"<softwareVersion>{_escaped(_clean(software[1]))}</softwareVersion>"
        self._write(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<alto xmlns="{NAMESPACE}" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:schemaLocation="{NAMESPACE} http://www.loc.gov/standards/alto/v4/alto-4-4.xsd" '
            'SCHEMAVERSION="4.4">\n<Description><MeasurementUnit>inch1200</MeasurementUnit>'
            '<Processing ID="reading"><processingSoftware>'
            f"<softwareName>{name}</softwareName>{version}"
            "</processingSoftware></Processing></Description>\n<Layout>\n"
        )

    def add(self, page: PageText) -> None:
        """Write the next page."""
        size = f'HEIGHT="{page.height}" WIDTH="{page.width}"'
        number = page.page
        self._write(f'<Page ID="p{number}" PHYSICAL_IMG_NR="{number}" {size} PAGECLASS="{page.source}">')
        self._write(f'<PrintSpace HPOS="0" VPOS="0" {size}>\n')
        for count, block in enumerate(page.blocks, 1):
            self._block(f"p{number}b{count}", block)
        self._write("</PrintSpace></Page>\n")

    def end(self) -> None:
        """End the document; the stream stays open."""
        self._write("</Layout>\n</alto>\n")

    def _block(self, name: str, block: tuple[tuple[Word, ...], ...]) -> None:
        words = [word for line in block for word in line]
        if not words:
            return
        self._write(f'<TextBlock ID="{name}" {_box(words)} LANG="{self._language}">\n')
        number = 0
        for count, line in enumerate(block, 1):
            if not line:
                continue
            parts = [f'<TextLine ID="{name}l{count}" {_box(line)}>']
            for position, word in enumerate(line):
                number += 1
                parts.append(("<SP/>" if position else "") + _string(f"{name}w{number}", word))
            if line[-1].part == 1:
                parts.append('<HYP CONTENT="-"/>')
            self._write("".join(parts) + "</TextLine>\n")
        self._write("</TextBlock>\n")

    def _write(self, text: str) -> None:
        self._out.write(text.encode("utf-8"))


def _string(name: str, word: Word) -> str:
    attributes = f'ID="{name}" CONTENT={quoteattr(_clean(word.text))} {_box((word,))}'
    if word.confidence is not None:
        attributes += f' WC="{word.confidence / 100:.2f}"'
    if word.part:
        attributes += f' SUBS_TYPE="HypPart{word.part}" SUBS_CONTENT={quoteattr(_clean(word.whole))}'
    return f"<String {attributes}/>"


def _box(words: Iterable[Word]) -> str:
    listed = list(words)
    left, top = min(w.x for w in listed), min(w.y for w in listed)
    right, bottom = max(w.x + w.width for w in listed), max(w.y + w.height for w in listed)
    return f'HPOS="{left}" VPOS="{top}" WIDTH="{right - left}" HEIGHT="{bottom - top}"'


def _clean(text: str) -> str:
    """Remove the characters that XML can't hold."""
    return "".join(
        c
        for c in text
        if c in "\t\n\r" or (ord(c) >= 32 and not 0xD800 <= ord(c) <= 0xDFFF and c not in "\ufffe\uffff")
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# -- reading


Written = Path | bytes | IO[bytes] | Iterator[bytes]
"""Document as a path, as bytes, as an open file, or in chunks from the store."""


class _Arriving:
    """Chunks with the one method that the XML parser calls."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, _size: int = -1) -> bytes:
        return next(self._chunks, b"")


def _chunks(source: Written) -> Iterator[bytes]:
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield from _chunks(file)
    elif isinstance(source, bytes):
        yield source
    elif hasattr(source, "read"):
        yield from iter(lambda: source.read(_CHUNK), b"")
    else:
        yield from source


def pages_of(source: Written) -> Generator[PageText, None, None]:
    """Yield every page, one in memory at a time.

    Raises:
        ValueError: If this is not an ALTO document of ours.
    """
    opened: Any = _Arriving(_chunks(source))
    tag = f"{{{NAMESPACE}}}Page"
    try:
        for _, element in etree.iterparse(
            opened, events=("end",), tag=tag, resolve_entities=False, no_network=True, load_dtd=False
        ):
            yield _page(element)
            element.clear()
            parent = element.getparent()
            while parent is not None and element.getprevious() is not None:
                del parent[0]
    except etree.XMLSyntaxError as error:
        raise ValueError(f"not an ALTO document: {error}") from error


def words_of_page(source: Written, page: int) -> PageText | None:
    """Return one page with its words; None if there is no such page.

    The others are skipped without being parsed, but everything is read: the digest of bytes from
    the store can only be checked at their end.
    """
    begin, end = f'<Page ID="p{page}" '.encode(), b"</Page>"
    seen, inside, found = b"", False, None
    for chunk in _chunks(source):
        if found is not None:
            continue
        seen += chunk
        if not inside:
            place = seen.find(begin)
            inside = place >= 0
            seen = seen[place:] if inside else seen[-len(begin) :]
        if inside and (place := seen.find(end)) >= 0:
            found = seen[: place + len(end)]
    if found is None:
        return None
    return next(pages_of(b'<alto xmlns="%b">%b</alto>' % (NAMESPACE.encode(), found)))


def text_of_pages(source: Written) -> Iterator[tuple[int, str]]:
    """Yield page number and text, in order."""
    for page in pages_of(source):
        yield page.page, page.text


def _page(element: Any) -> PageText:
    blocks = tuple(
        tuple(
            tuple(_read_string(string) for string in line.iter(f"{{{NAMESPACE}}}String"))
            for line in block.iter(f"{{{NAMESPACE}}}TextLine")
        )
        for block in element.iter(f"{{{NAMESPACE}}}TextBlock")
    )
    source: Any = _SOURCE_OF.get(element.get("PAGECLASS"))
    if source is None:  # how a page was read is stated, never supposed
        raise ValueError("a page that does not say how it was read")
    number = int(element.get("PHYSICAL_IMG_NR"))
    return PageText(number, int(element.get("WIDTH")), int(element.get("HEIGHT")), source, blocks)


def _read_string(element: Any) -> Word:
    sure = element.get("WC")
    return Word(
        element.get("CONTENT"),
        int(element.get("HPOS")),
        int(element.get("VPOS")),
        int(element.get("WIDTH")),
        int(element.get("HEIGHT")),
        None if sure is None else round(float(sure) * 100),
        {"HypPart1": 1, "HypPart2": 2}.get(element.get("SUBS_TYPE", ""), 0),
        element.get("SUBS_CONTENT", ""),
    )
