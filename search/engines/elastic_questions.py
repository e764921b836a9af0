"""Translate a parsed question into Elasticsearch terms, without its query languages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from search.analysis import nfc
from search.entry_layout import PAGE, RECORD
from search.loosening import allowance, confusions, near
from search.port import ASKED_ALONE, FACETS, Query
from search.questions import Item, ParsedQuery

Json = dict[str, Any]
Spellings = Mapping[str, tuple[str, ...]]
"""Form -> all other forms that may replace it.

For a form that is absent, the server looks for near words.
"""

_TITLE_WEIGHT: Final = 2.0
_CODE_WEIGHT: Final = 4.0
_FIELDS: Final[dict[str | None, str]] = {None: "text", **{name: name for name in ASKED_ALONE}}
_NO_HITS: Final[Json] = {"size": 0, "track_total_hits": False, "query": {"term": {"kind": RECORD}}}
_MOST_NEAR: Final = 1000
"""Most near words of one word that are asked for."""
_MOST_TERMS: Final = 60_000
"""Most values of one list: a server takes 65,536."""


def question(parsed: ParsedQuery, asked: Query, loose: frozenset[Item], spellings: Spellings) -> Json:
    """Build the query for records; items in ``loose`` match near words too."""
    must, should = [], []
    for clause in parsed.wanted:
        must.append(
            _any([_item(item, _FIELDS[item.field], spellings if item in loose else None) for item in clause.items])
        )
        should += [hint for item in clause.items for hint in _hints(item)]
    excluded = [_item(item, _FIELDS[item.field]) for clause in parsed.excluded for item in clause.items]
    excluded += _left_out(asked.without)
    return {"bool": {"must": must, "should": should, "must_not": excluded, "filter": _filters(asked)}}


def _filters(asked: Query) -> list[Json]:
    filters: list[Json] = [{"term": {"kind": RECORD}}]
    for facet, values in asked.filters.items():
        if facet not in FACETS:
            raise ValueError(f"{facet} is not a facet")
        filters.append({"terms": {facet: [nfc(value) for value in values]}})
    days = {"gte": asked.date_from, "lte": asked.date_to}
    if any(days.values()):
        filters.append({"range": {"date": {end: day.isoformat() for end, day in days.items() if day}}})
    return filters


def _left_out(without: Iterable[str]) -> list[Json]:
    records = sorted(without)
    return [{"terms": {"record": records[at : at + _MOST_TERMS]}} for at in range(0, len(records), _MOST_TERMS)]


def pages(shown: Sequence[str], parsed: ParsedQuery, loose: frozenset[Item], spellings: Spellings) -> Json:
    """Build the query for pages that hold any item of the question.

    Args:
        shown: ``page_of`` of the records.
    """
    items = [item for clause in parsed.wanted for item in clause.items if item.field is None]
    return {
        "bool": {
            "filter": [{"term": {"kind": PAGE}}, {"terms": {"page_of": list(shown)}}],
            "must": [_any([_item(item, "page_text", spellings if item in loose else None) for item in items])],
        }
    }


def _hints(item: Item) -> list[Json]:
    """Build the optional parts that rank a record higher and exclude none."""
    hints: list[Json] = []
    if item.code is not None:
        hints.append({"term": {"code": {"value": item.code, "boost": _CODE_WEIGHT}}})
    if item.field is None and not item.prefix:
        hints.append({"bool": {"must": [_item(item, "title")], "boost": _TITLE_WEIGHT}})
    return hints


def _item(item: Item, where: str, spellings: Spellings | None = None) -> Json:
    forms = f"{where}.forms"
    if spellings is not None:
        return _all([_near(form, forms, spellings) for form in item.forms])
    if item.prefix:
        return _prefix(item.forms, forms)
    if len(item.words) == 1:
        terms = [{"term": {where: term}} for term in item.words[0]]
        return terms[0] if len(terms) == 1 else {"dis_max": {"queries": terms}}
    # the terms are ready, so the server need only split them at blanks
    return _any([{"match_phrase": {where: {"query": " ".join(row), "analyzer": "whitespace"}}} for row in item.phrases])


def _prefix(written: tuple[str, ...], forms: str) -> Json:
    beginning = {"prefix": {forms: written[-1]}}
    if len(written) == 1:
        return beginning
    words = [{"span_term": {forms: form}} for form in written[:-1]]
    # unlike match_phrase_prefix, a beginning is not limited to fifty words
    return {"span_near": {"slop": 0, "in_order": True, "clauses": [*words, {"span_multi": {"match": beginning}}]}}


def _near(form: str, forms: str, spellings: Spellings) -> Json:
    choices: list[Json] = [{"term": {forms: form}}]
    others = spellings[form] if form in spellings else confusions(form)
    if others:
        choices.append({"terms": {forms: list(others)}})
    if allowance(form) and form not in spellings:
        # the default rewriting would leave out all words after the fiftieth
        fuzzy = {"value": form, "fuzziness": allowance(form), "rewrite": "constant_score"}
        choices.append({"fuzzy": {forms: fuzzy}})
    return _any(choices)


def look_up(items: Sequence[Item], without: Iterable[str] = ()) -> Json:
    """Build the request that finds which words of items the index lacks, some records left out."""
    known = {
        f"{number} {place}": {"terms": {_FIELDS[item.field]: list(terms)}}
        for number, item in enumerate(items)
        for place, terms in enumerate(item.words)
    }
    among = {"bool": {"filter": [_NO_HITS["query"]], "must_not": _left_out(without)}}
    return _NO_HITS | {"query": among, "aggs": {"known": {"filters": {"filters": known}}}}


def read_unknown(answer: Mapping[str, Any], items: Sequence[Item]) -> frozenset[Item]:
    """Read the answer to ``look_up``: the items with a word that the index lacks."""
    counts = answer["aggregations"]["known"]["buckets"]
    return frozenset(
        item
        for number, item in enumerate(items)
        if any(counts[f"{number} {place}"]["doc_count"] == 0 for place in range(len(item.words)))
    )


def look_around(items: Iterable[Item]) -> Json:
    """Build the request for near words without a query that a cluster may forbid.

    The term suggester searches the dictionary as a fuzzy query does, but two letters may differ
    only after the first.
    """
    forms = sorted({form for item in items for form in item.forms})
    return _NO_HITS | {"suggest": {form: _suggestion(form) for form in forms}}


def _suggestion(form: str) -> Json:
    return {
        "text": form,
        "term": {
            "field": "text.forms",  # this field holds every word of a record
            "analyzer": "keyword",
            "suggest_mode": "always",
            "string_distance": "damerau_levenshtein",
            "max_edits": max(1, allowance(form)),
            "prefix_length": 0,
            "min_word_length": 1,
            "max_term_freq": 2_000_000_000,
            "accuracy": 0.0001,
            "size": _MOST_NEAR,
        },
    }


def read_spellings(answer: Mapping[str, Any]) -> Spellings:
    """Read the answer to ``look_around``."""
    found: dict[str, tuple[str, ...]] = {}
    for form, suggestions in answer["suggest"].items():
        others = {option["text"] for each in suggestions for option in each["options"]}
        found[form] = tuple(sorted({other for other in others if near(form, other)} | {*confusions(form)}))
    return found


def _any(queries: Sequence[Json]) -> Json:
    return queries[0] if len(queries) == 1 else {"bool": {"should": list(queries), "minimum_should_match": 1}}


def _all(queries: Sequence[Json]) -> Json:
    return queries[0] if len(queries) == 1 else {"bool": {"must": list(queries)}}
