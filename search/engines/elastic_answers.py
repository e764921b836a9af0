"""Answer a question from one Elasticsearch index: hits, total, facets, passages, cursor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from search.cursors import Cursor, bad_cursor, write_cursor
from search.engines.elastic_link import Expensive, TooMuch
from search.engines.elastic_questions import (
    Json,
    Spellings,
    look_around,
    look_up,
    pages,
    question,
    read_spellings,
    read_unknown,
)
from search.engines.elastic_schema import page_of
from search.entry_layout import ORDER, Shown, read_shown
from search.passages import MOST_PASSAGES, Finder, loosenable_items, passages
from search.port import FACETS, Answer, FacetValue, Hit, Match, Query, Sort
from search.questions import Item, ParsedQuery, bad_query

Ask = Callable[[Json], Mapping[str, Any]]
"""Function that sends a search to the index, or to the point in time of earlier parts."""

_MOST_HITS: Final = 1000
_MOST_FACET_VALUES: Final = 1000


class Question:
    """One question to one index.

    Args:
        ask: Sends a search.
    """

    def __init__(self, ask: Ask, query: Query, parsed: ParsedQuery) -> None:
        self._ask = ask
        self._query = query
        self._parsed = parsed
        self._limit = max(1, min(query.limit, _MOST_HITS))
        sort = query.sort
        if sort is Sort.RELEVANCE and not parsed.wanted:
            sort = Sort.LAST_KEPT  # without a word in the question there is no relevance
        self._order = ORDER.get(sort)
        self._spellings: Spellings = {}

    def answer(self, cursor: Cursor | None) -> Answer:
        """Answer exactly; if nothing matches, with near words for unknown words, then for all.

        Raises:
            Refused: ``bad_query`` if the server finds the question too large; ``bad_cursor``.
        """
        try:
            return self._answer(cursor)
        except TooMuch as error:
            beginnings = [i for c in self._parsed.clauses for i in c.items if i.prefix]
            if beginnings:
                raise bad_query("ce début de mot ne peut pas être cherché ainsi.", beginnings[0].position) from error
            raise bad_query("elle est trop longue pour le serveur de recherche.", 0) from error

    def _answer(self, cursor: Cursor | None) -> Answer:
        after = self._key(cursor) if cursor else None
        level, loose, found = 0, frozenset[Item](), None
        for level in range(3) if cursor is None else (cursor.loosened,):
            loose = self._loose(level)
            if level == 0 or loose:
                found = self._found(loose, after)
                if found["hits"]["total"]["value"]:
                    break
        total = found["hits"]["total"]["value"] if found else 0
        if found is None or not total:
            return Answer((), 0, dict.fromkeys(FACETS, ()), False, None)
        hits = found["hits"]["hits"]
        given = hits[: self._limit]
        following = None
        if len(hits) > self._limit:
            count = (cursor.given if cursor else 0) + len(given)
            following = write_cursor(self._query, Cursor(level, count, given[-1]["sort"][0], given[-1]["_id"]))
        return Answer(self._shown(given, loose), total, self._counted(found), level > 0, following)

    def _found(self, loose: frozenset[Item], after: list[float | str] | None) -> Mapping[str, Any]:
        try:
            return self._ask(self._request(loose, after))
        except Expensive:
            if not loose or self._spellings:
                raise
            self._spellings = read_spellings(self._ask(look_around(loose)))
            return self._ask(self._request(loose, after))

    def _loose(self, level: int) -> frozenset[Item]:
        """Return the items that may match near words at a level of looseness."""
        items = loosenable_items(self._parsed) if level else frozenset[Item]()
        if level == 1 and items:
            asked = tuple(items)
            return read_unknown(self._ask(look_up(asked, self._query.without)), asked)
        return items

    def _key(self, cursor: Cursor) -> list[float | str]:
        """Return the sort values of the record at the cursor.

        Raises:
            Refused: ``bad_cursor``: they are not of the type that this question is sorted by.
        """
        key = cursor.key
        texts = [cursor.record_id] if isinstance(key, float) else [cursor.record_id, key]
        if any("\ud800" <= c <= "\udfff" for text in texts for c in text):
            raise bad_cursor()
        if isinstance(key, float) != (self._order is None):
            raise bad_cursor()
        if isinstance(key, float) and not (math.isfinite(key) and abs(key) < 1e30):
            raise bad_cursor()
        return [key, cursor.record_id] if self._order is None else [key]

    def _request(self, loose: frozenset[Item], after: list[float | str] | None) -> Json:
        if self._order is None:
            sort: list[Json] = [{"_score": "desc"}, {"record": "asc"}]
        else:
            field, descending = self._order
            sort = [{field: "desc" if descending else "asc"}]
        request: Json = {
            "query": question(self._parsed, self._query, loose, self._spellings),
            "size": self._limit + 1,
            "sort": sort,
            "track_total_hits": True,
            "_source": ["shown"],
        }
        if after is not None:
            request["search_after"] = after
        if self._query.facets:
            order = [{"_count": "desc"}, {"_key": "asc"}]
            request["aggs"] = {
                facet: {"terms": {"field": facet, "size": _MOST_FACET_VALUES, "order": order}} for facet in FACETS
            }
        return request

    def _counted(self, found: Mapping[str, Any]) -> dict[str, tuple[FacetValue, ...]]:
        """Return facet counts over the whole answer; exact, as there is one shard."""
        if not self._query.facets:
            return dict.fromkeys(FACETS, ())
        return {
            facet: tuple(FacetValue(b["key"], b["doc_count"]) for b in found["aggregations"][facet]["buckets"])
            for facet in FACETS
        }

    def _shown(self, given: Sequence[Mapping[str, Any]], loose: frozenset[Item]) -> tuple[Hit, ...]:
        finder = Finder(self._parsed, loose)
        read = [(hit, read_shown(hit["_source"]["shown"])) for hit in given]
        best: dict[str, list[tuple[int, str]]] = {}
        if self._parsed.wanted:
            several = [_state(hit) for hit, shown in read if shown.pages > 1]
            best = self._best_pages(several, loose)
        return tuple(self._hit(hit, shown, best, finder) for hit, shown in read)

    def _hit(
        self,
        hit: Mapping[str, Any],
        shown: Shown,
        best: Mapping[str, list[tuple[int, str]]],
        finder: Finder,
    ) -> Hit:
        matches: tuple[Match, ...] = ()
        if self._parsed.wanted:
            matches = passages([shown.page] if shown.page else best.get(_state(hit), []), shown.around(), finder)
        return Hit(
            record_id=hit["_id"],
            title=shown.title,
            document_type=shown.document_type,
            document_date=shown.document_date,
            score=hit["sort"][0] if self._order is None else 0.0,
            matches=matches,
        )

    def _best_pages(self, several: Sequence[str], loose: frozenset[Item]) -> dict[str, list[tuple[int, str]]]:
        """Return the best pages of all long records among the hits, asked in one request."""
        if not several or not any(item.field is None for clause in self._parsed.wanted for item in clause.items):
            return {}
        best = {"top_hits": {"size": MOST_PASSAGES, "_source": ["shown"]}}
        request = {
            "query": pages(several, self._parsed, loose, self._spellings),
            "size": 0,
            "track_total_hits": False,
            "aggs": {"record": {"terms": {"field": "page_of", "size": len(several)}, "aggs": {"best": best}}},
        }
        return {
            bucket["key"]: [
                (hit["_source"]["shown"]["number"], hit["_source"]["shown"]["text"])
                for hit in bucket["best"]["hits"]["hits"]
            ]
            for bucket in self._ask(request)["aggregations"]["record"]["buckets"]
        }


def _state(hit: Mapping[str, Any]) -> str:
    return page_of(hit["_id"], hit["_source"]["shown"]["version"])
