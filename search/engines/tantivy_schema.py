"""Schema of a tantivy index: fields, and documents of an entry.

Three kinds of documents share one index, in the field ``kind``:

- ``record``: one a record; everything that is searched, filtered, counted and sorted.
- ``page``: one for each page of a record that has several, so that the page of a match is found
  without reading the whole register.
- ``position``: one; the journal entry up to which this index has followed, in the same commit as
  the changes.
"""

from __future__ import annotations

import json
from typing import Any, Final

import tantivy

from search import entry_layout
from search.analysis import codes, nfc, tokens
from search.entry_layout import GAP, PAGE, POSITION, RECORD, Shown
from search.port import ASKED_ALONE, FACETS, Entry

FORMAT: Final = 1
"""Version of schema and analysis: an index of an older version counts as absent and is built again.
"""

ORDER: Final = {
    sort: (field, tantivy.Order.Desc if descending else tantivy.Order.Asc)
    for sort, (field, descending) in entry_layout.ORDER.items()
}


def make_schema() -> tantivy.Schema:
    """Make the schema; words arrive analysed, so tantivy's own analysers only split at blanks."""
    builder = tantivy.SchemaBuilder()
    for name in ("kind", "code", *(sorting for sorting in ("by_newest", "by_oldest", "by_kept", "by_title"))):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=name.startswith("by_"))
    builder.add_text_field("record", tokenizer_name="raw", index_option="basic", stored=True)
    for name in FACETS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in ("text", *ASKED_ALONE, "page_text"):
        builder.add_text_field(name, tokenizer_name="whitespace")
    for name in ("forms", *(f"{name}_forms" for name in ASKED_ALONE), "page_forms"):
        builder.add_text_field(name, tokenizer_name="whitespace")
    builder.add_integer_field("date", indexed=True, fast=True)
    for name in ("revision", "position", "number"):
        builder.add_integer_field(name, stored=True)
    builder.add_bytes_field("shown", stored=True)
    return builder.build()


def documents(entry: Entry) -> list[tantivy.Document]:
    """Make the documents of one entry."""
    written = entry_layout.written_pages(entry)
    texts = entry_layout.texts(entry)
    document = tantivy.Document()
    document.add_text("kind", RECORD)
    document.add_text("record", entry.record_id)
    document.add_integer("revision", entry.revision)
    stem = texts["filename"].rpartition(".")[0]
    numbers = _add_words(document, "text", "forms", [*texts.values(), *(text for _, text in written)])
    for number in numbers | {code.text for code in codes(stem)}:
        document.add_text("code", number)
    for name in ASKED_ALONE:
        _add_words(document, name, f"{name}_forms", [texts[name]])
    for facet in FACETS:
        value = getattr(entry, facet)
        if value:
            document.add_text(facet, nfc(value))
    _add_order(document, entry)
    shown = entry_layout.write_shown(entry, written)
    document.add_bytes("shown", json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode())
    if len(written) < 2:
        return [document]
    return [document, *(_page(entry.record_id, number, text) for number, text in written)]


def _page(record_id: str, number: int, text: str) -> tantivy.Document:
    document = tantivy.Document()
    document.add_text("kind", PAGE)
    document.add_text("record", record_id)
    document.add_integer("number", number)
    _add_words(document, "page_text", "page_forms", [text])
    document.add_bytes("shown", text.encode())
    return document


def position_document(position: int) -> tantivy.Document:
    """Make the document with the position up to which the index has followed."""
    document = tantivy.Document()
    document.add_text("kind", POSITION)
    document.add_integer("position", position)
    return document


def _add_words(document: tantivy.Document, terms_field: str, forms_field: str, texts: list[str]) -> set[str]:
    """Index texts one after the other; return the numbers written in them."""
    analysed: list[tantivy.Token] = []
    numbers: set[str] = set()
    at = 0
    for text in texts:
        words = tokens(text)
        if not words:
            continue
        for token in words:
            analysed.extend(tantivy.Token(term, at, 0, 0) for term in token.terms)
            at += 1
        at += GAP
        document.add_text(forms_field, " ".join(token.form for token in words))
        numbers |= {code.text for code in codes(text)}
    if analysed:
        document.add_pre_tokenized_text(terms_field, tantivy.PreTokenizedString("", analysed))
    return numbers


def _add_order(document: tantivy.Document, entry: Entry) -> None:
    if entry.document_date is not None:
        document.add_integer("date", entry.document_date.toordinal())
    for field, key in entry_layout.sort_keys(entry).items():
        document.add_text(field, key)


def read_record(document: tantivy.Document) -> tuple[str, Shown]:
    """Read a stored record document: its id and its fields."""
    return _first(document, "record"), entry_layout.read_shown(json.loads(bytes(_first(document, "shown"))))


def read_page(document: tantivy.Document) -> tuple[int, str]:
    """Read a stored page document."""
    return _first(document, "number"), bytes(_first(document, "shown")).decode()


def _first(document: tantivy.Document, field: str) -> Any:
    return document.get_first(field)
