"""Port of the search index: a view that can be rebuilt from the archive at any time.

One index a tenant. Each index stores, inside itself, the journal position it has followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from archive.model.description_fields import SEARCHED
from archive.model.field_rules import Searched

TEXTS = (*(field.indexed_as for field in SEARCHED if field.searched is Searched.TEXT), "filename")
"""Fields searched by their words besides the pages, likeliest first."""

ASKED_ALONE = ("title", "reference")
"""Those of ``TEXTS`` that a question may name: ``title:voirie``."""

FACETS = (*(field.indexed_as for field in SEARCHED if field.searched is Searched.FACET), "final_action", "rule")
"""Fields that can be counted and filtered on."""


class Sort(StrEnum):
    """Orders of an answer; equal ones by record id, records without a date last."""

    RELEVANCE = "relevance"
    NEWEST_DOCUMENT = "-document_date"
    OLDEST_DOCUMENT = "document_date"
    LAST_KEPT = "-kept_at"
    FIRST_KEPT = "kept_at"
    TITLE = "title"


@dataclass(frozen=True)
class Entry:
    """Entry of a record: made by ``projection``, stored by an engine.

    Attributes:
        revision: External version: an engine ignores an entry older than its own.
        pages: Plain text of each page, page 1 first; empty strings for blank pages.
    """

    record_id: str
    tenant: str
    revision: int
    title: str
    reference: str
    filename: str
    description: str
    document_type: str | None
    classification: str | None
    producer: str | None
    final_action: str
    rule: str | None
    document_date: date | None
    kept_at: datetime
    pages: tuple[str, ...]


def _require_whole() -> None:
    """Refuse to start with a field that is searched and that an entry does not carry.

    Raises:
        TypeError: Which.
    """
    carried = {attribute.name for attribute in fields(Entry)}
    missing = [one.name for one in SEARCHED if one.indexed_as not in carried]
    if missing:
        raise TypeError(f"fields that are searched and that search.port.Entry lacks: {', '.join(missing)}")


_require_whole()


@dataclass(frozen=True)
class Upsert:
    """Put or replace one entry."""

    entry: Entry


@dataclass(frozen=True)
class Remove:
    """Remove one entry (disposed, transferred)."""

    record_id: str


Change = Upsert | Remove


@dataclass(frozen=True)
class Query:
    """Question to the index of one tenant.

    Attributes:
        text: As typed; parsed by ``search.questions.parse_query``. An empty one finds everything.
        filters: Facet name -> accepted values (any of them).
        after: Opaque cursor of the previous answer; None for the first page.
        facets: Whether to count the facets; if not, the answer has none.
        without: Records that the one who asks may not read: neither found nor counted.
    """

    tenant: str
    text: str = ""
    filters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    date_from: date | None = None
    date_to: date | None = None
    sort: Sort = Sort.RELEVANCE
    limit: int = 20
    after: str | None = None
    facets: bool = True
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Match:
    """Passage that matches, on one page.

    Attributes:
        page: From 1; 0 for the title or description.
        text: The passage, at most about 200 characters.
        ranges: Half-open ranges of characters in ``text`` that matched.
    """

    page: int
    text: str
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Hit:
    """Hit: one record found; only its id counts, rights and content come from the catalogue."""

    record_id: str
    title: str
    document_type: str | None
    document_date: date | None
    score: float
    matches: tuple[Match, ...]


@dataclass(frozen=True)
class FacetValue:
    """Value of a facet, and the number of records of the answer that have it."""

    value: str
    count: int


@dataclass(frozen=True)
class Answer:
    """Answer: hits in order, with exact total and facets."""

    hits: tuple[Hit, ...]
    total: int
    facets: dict[str, tuple[FacetValue, ...]]
    loosened: bool
    """True when nothing matched exactly and these hits match near words (OCR-tolerant)."""
    next: str | None


@dataclass(frozen=True)
class Condition:
    """Condition of an engine, for administrators.

    Attributes:
        engine: Name and version.
        indexes: Number of our indexes; None if it was not asked for.
        remark: A few French words for administrators.
        well: Whether nothing needs to be done.
    """

    engine: str
    indexes: int | None
    remark: str
    well: bool


class SearchIndex(Protocol):
    """Search index: one writer (the follower), any number of readers.

    Every method raises ``Unavailable`` (``search_away``) when the engine can't be reached.
    """

    def position(self, tenant: str) -> int:
        """Return the number of the last journal entry followed; -1 for a new index."""

    def apply(self, tenant: str, changes: Sequence[Change], position: int) -> None:
        """Apply changes and the new position together, durably. Applying twice changes nothing."""

    def search(self, query: Query) -> Answer:
        """Answer a question.

        Raises:
            Refused: ``bad_query`` with ``position`` in ``values``; ``bad_cursor``.
        """

    def record_ids(self, tenant: str) -> Iterable[tuple[str, int]]:
        """Return (record id, revision) of every entry, for the reconciler."""

    def begin_rebuild(self, tenant: str) -> SearchIndex:
        """Make a new empty index for the tenant, with the same protocol."""

    def finish_rebuild(self, tenant: str, rebuilt: SearchIndex) -> None:
        """Swap: from now on the rebuilt index answers; the old one is deleted."""

    def condition(self) -> Condition:
        """Ask the engine for its version and state."""

    def release(self) -> None:
        """Free what writing needs (memory, lock), as there is nothing to write for now."""

    def close(self) -> None:
        """Close files and connections."""
