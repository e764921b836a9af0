"""Translate a parsed question into tantivy's query."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import tantivy
from tantivy import Occur

from search.analysis import nfc
from search.entry_layout import PAGE, RECORD
from search.loosening import allowance, confusions
from search.passages import loosenable
from search.port import ASKED_ALONE, FACETS, Query
from search.questions import Item, ParsedQuery

_TITLE_WEIGHT: Final = 2.0
_CODE_WEIGHT: Final = 4.0
_FIELDS: Final[dict[str | None, tuple[str, str]]] = {
    None: ("text", "forms"),
    **{name: (name, f"{name}_forms") for name in ASKED_ALONE},
}
_PAGE_FIELDS: Final = ("page_text", "page_forms")


@dataclass(frozen=True)
class Builder:
    """Builder of queries over one schema.

    Attributes:
        known: Returns how many documents hold a term: ``(field, text) -> count``; this decides
            which words are loosened.
    """

    schema: tantivy.Schema
    known: Callable[[str, str], int]

    def question(self, parsed: ParsedQuery, loose: frozenset[Item] = frozenset()) -> tantivy.Query:
        """Build the query for records; items in ``loose`` match near words too."""
        parts: list[tuple[Occur, tantivy.Query]] = []
        if not parsed.wanted:  # words of records are in fields that pages lack: asking for one needs no kind
            parts.append((Occur.Must, self._kind(RECORD)))
        for clause in parsed.wanted:
            choices = [self._item(item, *_FIELDS[item.field], loose=item in loose) for item in clause.items]
            parts.append((Occur.Must, _any(choices)))
            parts += [(Occur.Should, hint) for item in clause.items for hint in self._hints(item)]
        for clause in parsed.excluded:
            parts += [(Occur.MustNot, self._item(item, *_FIELDS[item.field])) for item in clause.items]
        return tantivy.Query.boolean_query(parts)

    def filtered(self, query: tantivy.Query, asked: Query) -> tantivy.Query:
        """Add the filters and dates of the question; they don't change the score."""
        parts: list[tuple[Occur, tantivy.Query]] = [(Occur.Must, query)]
        for facet, values in asked.filters.items():
            if facet not in FACETS:
                raise ValueError(f"{facet} is not a facet")
            wanted = [tantivy.Query.term_query(self.schema, facet, nfc(value), "basic") for value in values]
            parts.append((Occur.Must, _silent(_any(wanted))))
        if asked.date_from is not None or asked.date_to is not None:
            days = tantivy.Query.range_query(
                self.schema,
                "date",
                tantivy.FieldType.Integer,
                lower_bound=asked.date_from.toordinal() if asked.date_from else None,
                upper_bound=asked.date_to.toordinal() if asked.date_to else None,
            )
            parts.append((Occur.Must, _silent(days)))
        if asked.without:
            parts.append((Occur.MustNot, self._records(asked.without)))
        return tantivy.Query.boolean_query(parts) if len(parts) > 1 else query

    def readable(self, field: str, term: str, without: frozenset[str]) -> tantivy.Query:
        """Build the query for what holds a term, records left out that may not be read."""
        holds = tantivy.Query.term_query(self.schema, field, term, "basic")
        return tantivy.Query.boolean_query([(Occur.Must, holds), (Occur.MustNot, self._records(without))])

    def _records(self, records: Iterable[str]) -> tantivy.Query:
        return tantivy.Query.term_set_query(self.schema, "record", sorted(records))

    def pages(self, record_id: str, parsed: ParsedQuery, loose: frozenset[Item]) -> tantivy.Query:
        """Build the query for pages of one record that hold any item of the question."""
        items = [item for clause in parsed.wanted for item in clause.items if item.field is None]
        return tantivy.Query.boolean_query(
            [
                (Occur.Must, _silent(self._kind(PAGE))),
                (Occur.Must, _silent(tantivy.Query.term_query(self.schema, "record", record_id, "basic"))),
                (Occur.Must, _any([self._item(item, *_PAGE_FIELDS, loose=item in loose) for item in items])),
            ]
        )

    def unknown(self, items: Iterable[Item]) -> frozenset[Item]:
        """Return the items with a word that the index lacks and that may match near words."""
        return frozenset(
            item
            for item in items
            if loosenable(item)
            and any(not any(self.known(_FIELDS[item.field][0], term) for term in terms) for terms in item.words)
        )

    def _kind(self, kind: str) -> tantivy.Query:
        return tantivy.Query.const_score_query(tantivy.Query.term_query(self.schema, "kind", kind, "basic"), 0.0)

    def _hints(self, item: Item) -> list[tantivy.Query]:
        """Build the optional parts that rank a record higher and exclude none."""
        hints = []
        if item.code is not None:
            code = tantivy.Query.term_query(self.schema, "code", item.code, "basic")
            hints.append(tantivy.Query.boost_query(code, _CODE_WEIGHT))
        if item.field is None and not item.prefix:
            hints.append(tantivy.Query.boost_query(self._item(item, *_FIELDS["title"]), _TITLE_WEIGHT))
        return hints

    def _item(self, item: Item, field: str, forms: str, *, loose: bool = False) -> tantivy.Query:
        if loose:
            return _all([self._near(form, forms) for form in item.forms])
        if item.prefix:
            return self._prefix(item, forms)
        if len(item.words) == 1:
            return self._either(field, item.words[0])
        return _any([tantivy.Query.phrase_query(self.schema, field, list(words)) for words in item.phrases])

    def _either(self, field: str, terms: Sequence[str]) -> tantivy.Query:
        found = [tantivy.Query.term_query(self.schema, field, term, "freq") for term in terms]
        return found[0] if len(found) == 1 else tantivy.Query.disjunction_max_query(found)

    def _prefix(self, item: Item, forms: str) -> tantivy.Query:
        beginning = re.escape(item.forms[-1]) + ".*"
        if len(item.forms) == 1:
            return tantivy.Query.regex_query(self.schema, forms, beginning)
        return tantivy.Query.regex_phrase_query(
            self.schema, forms, [*(re.escape(f) for f in item.forms[:-1]), beginning]
        )

    def _near(self, form: str, forms: str) -> tantivy.Query:
        spellings = [form, *(other for other in confusions(form) if self.known(forms, other))]
        found = [tantivy.Query.term_query(self.schema, forms, spelling, "freq") for spelling in spellings]
        allowed = allowance(form)
        if allowed:
            found.append(tantivy.Query.fuzzy_term_query(self.schema, forms, form, distance=allowed))
        return _any(found)


def _any(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    if len(queries) == 1:
        return queries[0]
    return tantivy.Query.boolean_query([(Occur.Should, query) for query in queries])


def _all(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    if len(queries) == 1:
        return queries[0]
    return tantivy.Query.boolean_query([(Occur.Must, query) for query in queries])


def _silent(query: tantivy.Query) -> tantivy.Query:
    return tantivy.Query.const_score_query(query, 0.0)
