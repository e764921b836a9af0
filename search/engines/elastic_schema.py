"""How an entry lies in an Elasticsearch index.

Words are analysed here, by ``search.analysis``, and travel as ``form|term|term`` (``form`` alone
where the only term equals it), separated by blanks. The index takes them apart again with stock
filters: a ``whitespace`` tokenizer, then ``pattern_capture``, which puts all terms of a word at the
position of the word.

Four kinds of documents share one index, told apart by ``kind``: ``record``, ``page`` (of records
with several), ``gone`` (a record that was removed: it stays, so that nothing older can bring the
record back) and ``position``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import structlog

from search.analysis import codes, nfc, tokens
from search.entry_layout import GAP, ORDER, PAGE, POSITION, RECORD, around, sort_keys, write_shown, written_pages
from search.port import FACETS, Entry

FORMAT: Final = 1
"""Part of the index names, raised when mapping or analysis changes: an older index then counts as
absent.
"""

GONE: Final = "gone"
POSITION_ID: Final = "#position"

LONGEST_BEGINNING: Final = 19
"""Letters of a beginning that is looked up as a term.

Longer ones are expanded (``index_prefixes`` goes no further).
"""

_MOST_CHARACTERS: Final = 40_000_000
"""Characters of all pages of one record whose words are searched: 13,000 full pages, a request of
about 60 MB; Elasticsearch takes 100 MB (``http.max_content_length``).
"""

_LONGEST_KEYWORD: Final = 8000
"""Characters of a facet's value that are compared: Lucene refuses terms over 32,766 bytes."""

_ORDERS: Final = sorted({key for key, _ in ORDER.values()})

log = structlog.get_logger(__name__)


def settings() -> dict[str, Any]:
    """Settings of every index."""
    return {
        "number_of_shards": 1,
        "auto_expand_replicas": "0-1",
        "refresh_interval": "-1",  # the writer refreshes when a batch is whole, so no reader sees half of one
        "translog.durability": "request",
        "analysis": {
            "tokenizer": {"blanks": {"type": "whitespace", "max_token_length": 1000}},
            "filter": {
                "terms": _capture("^([^|]+)$", r"\|([^|]+)"),
                "form": _capture("^([^|]+)"),
            },
            "analyzer": {
                "terms": {"type": "custom", "tokenizer": "blanks", "filter": ["terms"]},
                "form": {"type": "custom", "tokenizer": "blanks", "filter": ["form"]},
            },
        },
        # as tantivy counts: every term of a word makes a text longer
        "similarity": {"default": {"type": "BM25", "discount_overlaps": False}},
    }


def _capture(*patterns: str) -> dict[str, Any]:
    return {"type": "pattern_capture", "preserve_original": False, "patterns": patterns}


def mappings(writing: str, builder: dict[str, Any]) -> dict[str, Any]:
    """Fields of every index; a document with any other is refused.

    Args:
        writing: The alias that this one index is written through.
        builder: Who made it.
    """
    keyword = {"type": "keyword", "ignore_above": _LONGEST_KEYWORD}
    order = {"type": "keyword", "index": False}
    words = {
        "type": "text",
        "analyzer": "terms",
        "position_increment_gap": GAP,
        "fields": {
            "forms": {
                "type": "text",
                "analyzer": "form",
                "position_increment_gap": GAP,
                "index_prefixes": {"min_chars": 2, "max_chars": LONGEST_BEGINNING},
            }
        },
    }
    texts = ("text", "title", "reference", "page_text")
    return {
        "dynamic": "strict",
        "_meta": {"writing": writing, "builder": builder},
        "_source": {"excludes": [*texts, *_ORDERS]},  # what is shown lies in "shown"
        "properties": {
            "kind": keyword,
            "record": keyword,
            "page_of": keyword,
            "revision": {"type": "long"},
            "pages": {"type": "integer", "index": False},
            "code": keyword,
            "date": {"type": "date", "format": "strict_date"},
            **dict.fromkeys(texts, words),
            **dict.fromkeys(FACETS, keyword),
            **dict.fromkeys(_ORDERS, order),
            "shown": {"type": "object", "enabled": False},
            "position": {"type": "long", "index": False},
            "at": {"type": "long", "index": False},
        },
    }


def encoded(text: str) -> str:
    """A text's words as they travel."""
    return " ".join(
        token.form if token.terms == (token.form,) else "|".join((token.form, *token.terms)) for token in tokens(text)
    )


def page_of(record_id: str, version: int) -> str:
    """Mark shared by the pages of one state of a record; pages of other states never match."""
    return f"{record_id}@{version}"


def page_id(record_id: str, number: int) -> str:
    """Id of a page's document."""
    return f"{record_id}#{number}"


def documents(entry: Entry, version: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, document) of one entry: the record, then its pages if it has several."""
    pages = written_pages(entry)
    beside = around(entry)
    searched = [*beside, *_searched(entry.record_id, pages)]
    numbers = {code.text for text in (*searched, beside[3].rpartition(".")[0]) for code in codes(text)}
    several = len(pages) > 1
    shown = _shown(entry, pages, version)
    yield (
        entry.record_id,
        {
            "kind": RECORD,
            "record": entry.record_id,
            "revision": entry.revision,
            "pages": pages[-1][0] if several else 0,
            "text": _encoded_all(searched),
            "title": _encoded_all(beside[:1]),
            "reference": _encoded_all(beside[2:3]),
            "code": sorted(numbers),
            **{facet: nfc(value) for facet in FACETS if (value := getattr(entry, facet))},
            **({"date": entry.document_date.isoformat()} if entry.document_date else {}),
            **sort_keys(entry),
            "shown": shown[entry.record_id],
        },
    )
    for number, text in pages if several else ():
        name = page_id(entry.record_id, number)
        yield (
            name,
            {
                "kind": PAGE,
                "page_of": page_of(entry.record_id, version),
                "page_text": _encoded_all([text]),
                "shown": shown[name],
            },
        )


def _shown(entry: Entry, pages: list[tuple[int, str]], version: int) -> dict[str, dict[str, Any]]:
    """What is kept to be shown, by document id."""
    several = pages if len(pages) > 1 else []
    return {entry.record_id: write_shown(entry, pages) | {"version": version}} | {
        page_id(entry.record_id, number): {"number": number, "text": text} for number, text in several
    }


def digests(entry: Entry, position: int) -> dict[str, str]:
    """Digest of what each document of an entry shows, by document id."""
    shown = _shown(entry, written_pages(entry), version_at(position))
    return {name: digest_of(each) for name, each in shown.items()}


def digest_of(shown: dict[str, Any]) -> str:
    """SHA-256 of what a document shows."""
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def version_at(position: int) -> int:
    """External version of what a batch writes: at least 1, as positions begin at -1."""
    return position + 2


def _searched(record_id: str, pages: list[tuple[int, str]]) -> list[str]:
    """The texts of pages, as many as one document can hold."""
    texts, left = [], _MOST_CHARACTERS
    for number, text in pages:
        left -= len(text)
        if left < 0:
            log.warning("pages_not_searched", record=record_id, first=number, last=pages[-1][0])
            break
        texts.append(text)
    return texts


def _encoded_all(texts: Iterable[str]) -> list[str]:
    return [words for words in map(encoded, texts) if words]


def gone_document() -> dict[str, Any]:
    """Stands where a record was."""
    return {"kind": GONE}


def position_document(position: int, writing: str, at: int) -> dict[str, Any]:
    """Remembers how far the index has followed, how it is written to, and when (ms) it last was."""
    return {"kind": POSITION, "position": position, "at": at, "shown": {"writing": writing}}
