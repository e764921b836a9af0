"""Blocks of a report: what stands on its pages, in order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self


@dataclass(frozen=True)
class Column:
    """Column of a table.

    Attributes:
        share: Its part of the width, relative to the other columns.
        right: Whether its cells stand at its right edge, as numbers do.
    """

    title: str
    share: float
    right: bool = False


class Link(str):
    """Text of a cell that leads to an address of the web.

    Attributes:
        address: Empty: it leads nowhere.
    """

    address: str
    __slots__ = ("address",)

    def __new__(cls, text: str, address: str) -> Self:
        """Make a text with its address."""
        made = super().__new__(cls, text)
        made.address = address
        return made


@dataclass(frozen=True)
class Band:
    """A row of a table over its whole width: the name of a group of rows."""

    text: str


@dataclass(frozen=True)
class Heading:
    """Title of a part; it stays on the page of what follows."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str
    bold: bool = False
    small: bool = False


@dataclass(frozen=True)
class Table:
    """Table; its head is repeated on every page.

    Attributes:
        rows: Read once, a row at a time, each as many cells as there are columns; a cell may be a
            ``Link``.
        total: Last row, in bold; empty: none. A function is asked once the rows were read.
    """

    columns: Sequence[Column]
    rows: Iterable[Sequence[str] | Band]
    total: Sequence[str] | Callable[[], Sequence[str]] = ()


@dataclass(frozen=True)
class Bars:
    """A code that machines read: rows of dark and light modules, without its quiet zone.

    A QR code has as many rows as columns; a bar code has one row.
    """

    modules: Sequence[Sequence[bool]]
    width_mm: float
    height_mm: float


@dataclass(frozen=True)
class Picture:
    """A code among the text, its caption beside it."""

    bars: Bars
    caption: str = ""


@dataclass(frozen=True)
class SignaturePlace:
    """Place for one person to sign.

    Attributes:
        title: In what quality.
        lines: What is to be filled in, each above an empty line.
    """

    title: str
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class Signatures:
    """Places for signatures, two beside each other; a pair is never cut."""

    places: Sequence[SignaturePlace]


@dataclass(frozen=True)
class PageBreak:
    """What follows begins on a new page."""


Block = Heading | Paragraph | Table | Picture | Signatures | PageBreak


@dataclass(frozen=True)
class Report:
    """Report: what is told on every page, and its blocks.

    Attributes:
        subtitle: Lines below the title.
        issuer: Whose report it is: the tenant's name, at the top of every page.
        day: The day that it speaks of, as the reader sees it.
        head: Sealed head of the journal on that day, in words; empty: left out.
        at: When it was made: the only moment in the file.
        blocks: Read once, in order.
        page_of: Text below each page, with its number and their total.
        footers: Lines at the bottom of every page.
        mark: The code at the bottom of a page, from its number and their total; None: none. It
            must not be wider than half of the page, nor higher than 12 mm.
    """

    title: str
    issuer: str
    day: str
    at: datetime
    blocks: Iterable[Block]
    subtitle: Sequence[str] = ()
    head: str = ""
    language: str = "fr"
    landscape: bool = False
    page_of: str = "Page {page} sur {pages}"
    footers: Sequence[str] = ()
    mark: Callable[[int, int], Bars | None] | None = None


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        rows: Of all tables together, without bands and totals.
        sha256: Of the whole file.
    """

    pages: int
    rows: int
    size: int
    sha256: str
