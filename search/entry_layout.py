"""Layout of an entry in an index: sort values and shown fields, for every engine. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any, Final

from search.analysis import fold, nfc
from search.port import ASKED_ALONE, TEXTS, Entry, Sort

RECORD, PAGE, POSITION = "record", "page", "position"
"""Kinds of documents in one index: one a record, one a page of a long record, one position."""

GAP: Final = 100
"""Positions left free between two texts, so that no phrase runs over the end of a page."""

ORDER: Final[dict[Sort, tuple[str, bool]]] = {
    Sort.NEWEST_DOCUMENT: ("by_newest", True),
    Sort.OLDEST_DOCUMENT: ("by_oldest", False),
    Sort.LAST_KEPT: ("by_kept", True),
    Sort.FIRST_KEPT: ("by_kept", False),
    Sort.TITLE: ("by_title", False),
}
"""Sort key of each order, and whether it descends.

The keys end with the record id: no two are equal.
"""


def sort_keys(entry: Entry) -> dict[str, str]:
    """Return a record's sort keys; a record without a date comes last in both directions."""
    day = entry.document_date.isoformat() if entry.document_date else None
    kept = entry.kept_at if entry.kept_at.tzinfo else entry.kept_at.replace(tzinfo=UTC)
    return {
        "by_newest": f"{day or '0000-00-00'} {entry.record_id}",
        "by_oldest": f"{day or '9999-99-99'} {entry.record_id}",
        "by_kept": f"{kept.astimezone(UTC).isoformat(timespec='milliseconds')} {entry.record_id}",
        "by_title": f"{fold(nfc(entry.title))[:100]}\u0001{entry.record_id}",
    }


def texts(entry: Entry) -> dict[str, str]:
    """Return the texts searched besides the pages, by field, in the order of ``TEXTS``."""
    return {name: nfc(getattr(entry, name)) for name in TEXTS}


def written_pages(entry: Entry) -> list[tuple[int, str]]:
    """Return (number, text) of the pages that are not blank."""
    pages = ((number, nfc(page)) for number, page in enumerate(entry.pages, 1))
    return [(number, text) for number, text in pages if text.strip()]


@dataclass(frozen=True)
class Shown:
    """Fields of a record that an index keeps to show it."""

    texts: Mapping[str, str]
    """By field, in the order of ``TEXTS``."""
    document_type: str | None
    document_date: date | None
    page: tuple[int, str] | None
    """The only page with text as (number, text); None when there are several or none."""
    pages: int
    """Number of pages with text."""

    @property
    def title(self) -> str:
        """The record's title."""
        return self.texts["title"]

    def around(self) -> tuple[tuple[str | None, str], ...]:
        """Texts that are not on a page, as (field or None, text), likeliest first.

        The field is there where a question may name it.
        """
        return tuple((name if name in ASKED_ALONE else None, text) for name, text in self.texts.items())


def write_shown(entry: Entry, pages: list[tuple[int, str]]) -> dict[str, Any]:
    """Write the shown fields as JSON.

    Args:
        pages: ``written_pages`` of the entry.
    """
    return {
        "around": list(texts(entry).values()),
        "type": entry.document_type,
        "date": entry.document_date.isoformat() if entry.document_date else None,
        "page": pages[0] if len(pages) == 1 else None,
        "pages": len(pages),
    }


def read_shown(stored: dict[str, Any]) -> Shown:
    """Read what ``write_shown`` wrote."""
    return Shown(
        texts=dict(zip(TEXTS, stored["around"], strict=True)),
        document_type=stored["type"],
        document_date=date.fromisoformat(stored["date"]) if stored["date"] else None,
        page=(stored["page"][0], stored["page"][1]) if stored["page"] else None,
        pages=stored["pages"],
    )
