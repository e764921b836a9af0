"""Answer a question from one tantivy snapshot: hits, total, facets, passages, cursor."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import tantivy

from search.cursors import Cursor, write_cursor
from search.engines.tantivy_index_files import IndexFiles
from search.engines.tantivy_questions import Builder
from search.engines.tantivy_schema import ORDER, read_page, read_record
from search.passages import MOST_PASSAGES, Finder, loosenable_items, passages
from search.port import FACETS, Answer, FacetValue, Hit, Match, Query, Sort
from search.questions import Item, ParsedQuery, bad_query

_MOST_HITS: Final = 1000
_MOST_FACET_VALUES: Final = 1000

_TOO_WIDE: Final = "exceeded max expansions"
"""Message of tantivy for a beginning within a phrase that too many words share
(``RegexPhraseWeight``).
"""

Key = Any
"""A score or a sort key; all keys of one answer are of one type."""
Hits = list[tuple[Key, tantivy.DocAddress]]


class Question:
    """One question to one snapshot of one index."""

    def __init__(self, index_files: IndexFiles, searcher: tantivy.Searcher, query: Query, parsed: ParsedQuery) -> None:
        self._searcher = searcher
        self._query = query
        self._parsed = parsed
        self._known = partial(index_files.known, searcher)
        self._builder = Builder(index_files.schema, self._readable if query.without else self._known)
        self._limit = max(1, min(query.limit, _MOST_HITS))
        sort = query.sort
        if sort is Sort.RELEVANCE and not parsed.wanted:
            sort = Sort.LAST_KEPT  # without a word in the question there is no relevance
        self._order = ORDER.get(sort)

    def _readable(self, field: str, term: str) -> int:
        """Count what holds a term and may be read: a hidden record changes no answer."""
        if not self._known(field, term):
            return 0
        query = self._builder.readable(field, term, self._query.without)
        return int(self._searcher.search(query, 1, count=True).count)  # type: ignore[attr-defined]

    def answer(self, cursor: Cursor | None) -> Answer:
        """Answer exactly; if nothing matches, with near words for unknown words, then for all."""
        level, loose, query, hits, total = self._loosened(cursor.loosened if cursor else None)
        if cursor:
            hits = self._after(query, cursor)
        given = hits[: self._limit]
        finder = Finder(self._parsed, loose)
        shown = tuple(self._hit(score, address, finder, loose) for score, address in given)
        following = None
        if len(hits) > self._limit:
            count = (cursor.given if cursor else 0) + len(given)
            following = write_cursor(self._query, Cursor(level, count, given[-1][0], shown[-1].record_id))
        counted: dict[str, tuple[FacetValue, ...]] = dict.fromkeys(FACETS, ())
        if total and self._query.facets:
            counted = self._facets(query)
        return Answer(shown, total, counted, total > 0 and level > 0, following)

    def _loosened(self, asked: int | None) -> tuple[int, frozenset[Item], tantivy.Query, Hits, int]:
        """Return the first level of looseness with an answer, or the one of the cursor."""
        exact = frozenset[Item]()
        level, loose, query = 0, exact, tantivy.Query.empty_query()
        for level in range(3) if asked is None else (asked,):
            loose = exact if level == 0 else loosenable_items(self._parsed)
            if level == 1:
                loose = self._builder.unknown(loose)
            if level > 0 and not loose:
                continue
            query = self._builder.filtered(self._builder.question(self._parsed, loose), self._query)
            hits, total = self._counted(query)
            if total:
                return level, loose, query, hits, total
        return level, loose, query, [], 0

    def _counted(self, query: tantivy.Query) -> tuple[Hits, int]:
        """Return the first hits, and the number of all."""
        try:
            found = self._search(query, self._limit + 1, count=True)
        except ValueError as error:
            if _TOO_WIDE not in str(error):
                raise  # the fault is the index's: its files are being removed, or are damaged
            first = min((i.position for c in self._parsed.clauses for i in c.items if i.prefix), default=0)
            raise bad_query("ce début de mot est trop court.", first) from error
        return found.hits, int(found.count)  # type: ignore[attr-defined]

    def _hits(self, query: tantivy.Query, limit: int, offset: int = 0) -> Hits:
        return self._search(query, limit, offset=offset).hits

    def _search(
        self, query: tantivy.Query, limit: int, *, offset: int = 0, count: bool = False
    ) -> tantivy.SearchResult:
        if self._order is None:
            return self._searcher.search(query, limit, count=count, offset=offset)
        field, order = self._order
        return self._searcher.search(query, limit, count=count, offset=offset, order_by_field=field, order=order)

    def _after(self, query: tantivy.Query, cursor: Cursor) -> Hits:
        """Return the hits after the cursor's record, even if earlier ones came or went since."""
        hits = self._hits(query, self._limit + 2, cursor.given - 1)
        if hits and hits[0][0] == cursor.key and self._record_id(hits[0][1]) == cursor.record_id:
            return hits[1:]
        every = self._hits(query, cursor.given + 10 * _MOST_HITS)
        if self._order is None:
            low = next((i for i, (score, _) in enumerate(every) if score <= cursor.key), len(every))
            high = next((i for i, (score, _) in enumerate(every) if score < cursor.key), len(every))
            for at in range(low, high):
                if self._record_id(every[at][1]) == cursor.record_id:
                    return every[at + 1 : at + 2 + self._limit]
            start = min(max(cursor.given, low), high)
        else:
            descending = self._order[1] == tantivy.Order.Desc
            beyond = (i for i, (key, _) in enumerate(every) if (key < cursor.key if descending else key > cursor.key))
            start = next(beyond, len(every))
        return every[start : start + 1 + self._limit]

    def _record_id(self, address: tantivy.DocAddress) -> str:
        return str(self._searcher.doc(address).get_first("record"))

    def _hit(self, score: Key, address: tantivy.DocAddress, finder: Finder, loose: frozenset[Item]) -> Hit:
        record_id, shown = read_record(self._searcher.doc(address))
        matches: tuple[Match, ...] = ()
        if self._parsed.wanted:
            pages = [shown.page] if shown.page else self._pages(record_id, loose) if shown.pages else []
            matches = passages(pages, shown.around(), finder)
        return Hit(
            record_id=record_id,
            title=shown.title,
            document_type=shown.document_type,
            document_date=shown.document_date,
            score=score if isinstance(score, float) else 0.0,
            matches=matches,
        )

    def _pages(self, record_id: str, loose: frozenset[Item]) -> list[tuple[int, str]]:
        """Return the pages of a long record that match best."""
        if not any(item.field is None for clause in self._parsed.wanted for item in clause.items):
            return []
        query = self._builder.pages(record_id, self._parsed, loose)
        hits = self._searcher.search(query, MOST_PASSAGES, count=False).hits
        return [read_page(self._searcher.doc(address)) for _, address in hits]

    def _facets(self, query: tantivy.Query) -> dict[str, tuple[FacetValue, ...]]:
        """Return facet counts over the whole answer."""
        terms = {
            facet: {"terms": {"field": facet, "size": _MOST_FACET_VALUES, "segment_size": 60_000}} for facet in FACETS
        }
        counted = self._searcher.aggregate(query, terms)
        return {
            facet: tuple(
                sorted(
                    (FacetValue(bucket["key"], int(bucket["doc_count"])) for bucket in counted[facet]["buckets"]),
                    key=lambda value: (-value.count, value.value),
                )
            )
            for facet in FACETS
        }
