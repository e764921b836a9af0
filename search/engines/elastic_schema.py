"""Schema of an Elasticsearch index: settings, fields, documents of an entry.

Words are analysed here, by ``search.analysis``, and sent as ``form|term|term`` (``form`` alone
where the only term equals it), separated by blanks. The index splits them again with stock filters:
a ``whitespace`` tokenizer, then ``pattern_capture``, which puts all terms of a word at the position
of the word.

Four kinds of documents share one index, in the field ``kind``: ``record``, ``page`` (of records
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
from search.entry_layout import GAP, ORDER, PAGE, POSITION, RECORD, sort_keys, texts, write_shown, written_pages
from search.port import ASKED_ALONE, FACETS, Entry

FORMAT: Final = 1
"""Version of mapping and analysis, part of the index names: an index of an older version counts as
absent.
"""

GONE: Final = "gone"
POSITION_ID: Final = "#position"

LONGEST_BEGINNING: Final = 19
"""Most letters of a beginning that is looked up as a term.

Longer ones are expanded (``index_prefixes`` goes no further).
"""

_MOST_CHARACTERS: Final = 40_000_000
"""Most characters of one record's pages that are searched.

That is 13,000 full pages and a request of about 60 MB; Elasticsearch accepts 100 MB
(``http.max_content_length``).
"""

_LONGEST_KEYWORD: Final = 8000
"""Most characters of a facet's value: Lucene refuses terms over 32,766 bytes."""

_ORDERS: Final = sorted({key for key, _ in ORDER.values()})

log = structlog.get_logger(__name__)


def settings() -> dict[str, Any]:
    """Return the settings of every index."""
    return {
        "number_of_shards": 1,
        "auto_expand_replicas": "0-1",
        "refresh_interval": "-1",  # the writer refreshes after a whole batch, so no reader sees half of one
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
    """Return the fields of every index; a document with any other field is refused.

    Args:
        writing: The alias through which only this index is written.
        builder: The process that made it.
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
    words_of = ("text", *ASKED_ALONE, "page_text")
    return {
        "dynamic": "strict",
        "_meta": {"writing": writing, "builder": builder},
        "_source": {"excludes": [*words_of, *_ORDERS]},  # fields to be shown are in "shown"
        "properties": {
            "kind": keyword,
            "record": keyword,
            "page_of": keyword,
            "revision": {"type": "long"},
            "pages": {"type": "integer", "index": False},
            "code": keyword,
            "date": {"type": "date", "format": "strict_date"},
            **dict.fromkeys(words_of, words),
            **dict.fromkeys(FACETS, keyword),
            **dict.fromkeys(_ORDERS, order),
            "shown": {"type": "object", "enabled": False},
            "position": {"type": "long", "index": False},
            "at": {"type": "long", "index": False},
        },
    }


def encoded(text: str) -> str:
    """Return a text's words in the form in which they are sent."""
    return " ".join(
        token.form if token.terms == (token.form,) else "|".join((token.form, *token.terms)) for token in tokens(text)
    )


def page_of(record_id: str, version: int) -> str:
    """Return the mark of the pages of one state of a record; pages of other states differ."""
    return f"{record_id}@{version}"


def page_id(record_id: str, number: int) -> str:
    """Return the id of a page's document."""
    return f"{record_id}#{number}"


def documents(entry: Entry, version: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (id, document) of one entry: the record, then its pages if it has several."""
    pages = written_pages(entry)
    around = texts(entry)
    searched = [*around.values(), *_searched(entry.record_id, pages)]
    numbers = {code.text for text in (*searched, around["filename"].rpartition(".")[0]) for code in codes(text)}
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
            **{name: _encoded_all([around[name]]) for name in ASKED_ALONE},
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
    """Return the fields to be shown, by document id."""
    several = pages if len(pages) > 1 else []
    return {entry.record_id: write_shown(entry, pages) | {"version": version}} | {
        page_id(entry.record_id, number): {"number": number, "text": text} for number, text in several
    }


def digests(entry: Entry, position: int) -> dict[str, str]:
    """Return the digest of each document's shown fields, by document id."""
    shown = _shown(entry, written_pages(entry), version_at(position))
    return {name: digest_of(each) for name, each in shown.items()}


def digest_of(shown: dict[str, Any]) -> str:
    """Return the SHA-256 of a document's shown fields."""
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def version_at(position: int) -> int:
    """Return the external version of a batch's documents: at least 1, as positions begin at -1."""
    return position + 2


def _searched(record_id: str, pages: list[tuple[int, str]]) -> list[str]:
    """Return the texts of pages, up to the limit of one document."""
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
    """Return the document that replaces a removed record."""
    return {"kind": GONE}


def position_document(position: int, writing: str, at: int) -> dict[str, Any]:
    """Return the document with position, writing alias and time (ms) of the last write."""
    return {"kind": POSITION, "position": position, "at": at, "shown": {"writing": writing}}
