"""Bordereau on paper: the codes on its pages, and what those on a scan prove. Pure.

The first page has a QR code: reference and digest of the frozen population. Each page has a
barcode, digits alone: which bordereau, which population, which print, page n of m. Neither has
personal data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

_VERSION: Final = "01"
_DIGITS: Final = re.compile(r"01(\d{39})(\d{8})([12])(\d{3})(\d{3})(\d{5})(\d{5})")
_TITLE: Final = re.compile(r"BORDEREAU (\S{1,20}) sha256:([0-9a-f]{64})")


class Detail(StrEnum):
    """What a print lists."""

    GROUPS = "groups"
    """A line for each group, as a reader sees the bordereau."""
    LINES = "lines"
    """A line for each record."""


_DETAILS: Final = {Detail.GROUPS: "1", Detail.LINES: "2"}
_OF_DIGIT: Final = {digit: detail for detail, digit in _DETAILS.items()}


@dataclass(frozen=True)
class Print:
    """One booklet of a print of a bordereau.

    Attributes:
        population: Digest of the frozen population.
        part: Its number among the booklets of the print, from 1.
    """

    disposal: str
    population: str
    detail: Detail
    part: int
    parts: int

    @property
    def digits(self) -> str:
        """What the barcode of each of its pages begins with: page and number of pages follow."""
        number = f"{UUID(self.disposal).int:039d}"
        return (
            f"{_VERSION}{number}{check_digits(self.population)}{_DETAILS[self.detail]}{self.part:03d}{self.parts:03d}"
        )


def check_digits(population: str) -> str:
    """Return the eight digits that stand for a population in a barcode."""
    return f"{int(population[:16], 16) % 10**8:08d}"


def title_code(reference: str, population: str) -> str:
    """Return the text of the QR code of the first page."""
    return f"BORDEREAU {reference} sha256:{population}"


@dataclass(frozen=True)
class PageCode:
    """The barcode of a page, as it was read."""

    disposal: str
    check: str
    detail: Detail
    part: int
    parts: int
    page: int
    pages: int


def page_code(text: str) -> PageCode | None:
    """Read a barcode; None for one that is not ours."""
    found = _DIGITS.fullmatch(text)
    if found is None or int(found[1]) >= 1 << 128:
        return None
    part, parts, page, pages = (int(found[n]) for n in (4, 5, 6, 7))
    if not (1 <= part <= parts and 1 <= page <= pages):
        return None
    return PageCode(str(UUID(int=int(found[1]))), found[2], _OF_DIGIT[found[3]], part, parts, page, pages)


class ScanVerdict(StrEnum):
    """What the codes of a scan prove."""

    PROVEN = "proven"
    """It has every page of one print of this population, and no other page."""
    UNREAD = "unread"
    """Codes are missing or can't be read: whether it is whole, a person says."""
    CONTRADICTED = "contradicted"
    """A code says that it is another bordereau's, or another population's, or not whole."""


class ScanFault(StrEnum):
    """How the codes of a scan contradict it."""

    OTHER_BORDEREAU = "scan_other_bordereau"
    OTHER_POPULATION = "scan_other_population"
    FOREIGN_PAGES = "scan_foreign_pages"
    PAGES_MISSING = "scan_pages_missing"


@dataclass(frozen=True)
class ScanReading:
    """What was read on a scan.

    Attributes:
        pages: Number of its pages.
        fault: How it is contradicted; None otherwise.
        unread: Its pages without a code of ours.
        missing: Printed pages that no code shows, as ``booklet.page``.
        at: Its pages where the contradiction stands.
        title: Whether the QR code was read.
    """

    pages: int
    fault: ScanFault | None = None
    unread: tuple[int, ...] = ()
    missing: tuple[str, ...] = ()
    at: tuple[int, ...] = ()
    title: bool = False

    @property
    def verdict(self) -> ScanVerdict:
        """Whether it is proven, contradicted, or left to a person."""
        if self.fault is not None:
            return ScanVerdict.CONTRADICTED
        whole = self.title and not self.unread and not self.missing
        return ScanVerdict.PROVEN if whole else ScanVerdict.UNREAD

    def as_json(self) -> dict[str, Any]:
        """Return it as a scan states it."""
        return {
            "pages": self.pages,
            "verdict": self.verdict.value,
            "unread": list(self.unread),
            "missing": list(self.missing),
            "title_read": self.title,
        }


def read_scan(disposal: str, reference: str, population: str, codes: Sequence[Iterable[str]]) -> ScanReading:
    """Judge a scan by the codes of its pages, in their order.

    What can't be read proves nothing: a page is missing for certain only if there are fewer pages
    without a code than pages that no code shows.
    """
    told = [sorted(set(texts)) for texts in codes]
    titles = [(n, found) for n, texts in enumerate(told, 1) for text in texts if (found := _TITLE.fullmatch(text))]
    pages = [(n, code) for n, texts in enumerate(told, 1) for text in texts if (code := page_code(text))]
    ours = [(n, one) for n, one in pages if one.disposal == disposal]
    others = {n for n, one in pages if one.disposal != disposal} | {n for n, one in titles if one[1] != reference}
    if others:
        fault = ScanFault.FOREIGN_PAGES if ours else ScanFault.OTHER_BORDEREAU
        return ScanReading(len(told), fault, at=tuple(sorted(others)))
    stale = {n for n, one in ours if one.check != check_digits(population)}
    stale |= {n for n, one in titles if one[2] != population}
    if stale:
        return ScanReading(len(told), ScanFault.OTHER_POPULATION, at=tuple(sorted(stale)))
    return _whole(len(told), ours, title=bool(titles))


def _whole(count: int, ours: Sequence[tuple[int, PageCode]], *, title: bool) -> ScanReading:
    """Judge whether the pages that were read are all those of one print."""
    unread = tuple(sorted(set(range(1, count + 1)) - {n for n, _ in ours}))
    if not ours:
        return ScanReading(count, unread=unread, title=title)
    first = ours[0][1]
    lengths: dict[int, int] = {}
    strange = []
    for n, one in ours:
        same_print = (one.detail, one.parts) == (first.detail, first.parts)
        if not same_print or lengths.setdefault(one.part, one.pages) != one.pages:
            strange.append(n)
    if strange:
        return ScanReading(count, ScanFault.FOREIGN_PAGES, at=tuple(strange))
    there = {(one.part, one.page) for _, one in ours}
    missing = [
        f"{part}.{page}"
        for part in range(1, first.parts + 1)
        for page in range(1, lengths.get(part, 1) + 1)  # of a booklet without any page, at least one
        if (part, page) not in there
    ]
    fault = ScanFault.PAGES_MISSING if len(missing) > len(unread) else None
    return ScanReading(count, fault, unread, tuple(missing), title=title)
