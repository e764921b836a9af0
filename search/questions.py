"""Parse a typed question into clauses that any engine can answer. Pure.

::

    question  = clause*                          all of them
    clause    = ["-"] item | item ("OR" item)+
    item      = [field ":"] (word | prefix"*" | quoted)
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from itertools import product
from typing import Final, NamedTuple

from search.analysis import STOP_WORDS, codes, tokens
from signing.ground.errors import Refused

FIELDS: Final = {"title": "title", "titre": "title", "reference": "reference", "référence": "reference"}
LONGEST_QUESTION: Final = 1000
MOST_ITEMS: Final = 64
SHORTEST_PREFIX: Final = 2
MOST_PHRASES: Final = 8

_CLOSING: Final = {'"': '"”', "“": '"”', "«": "»", "„": '"”“'}
_BLANK: Final = re.compile(r"[\s”»\x00-\x1f\x7f]+")
_FIELD: Final = re.compile(rf"({'|'.join(FIELDS)})\s?:", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """Item of a question: one word, hyphenated name, number, phrase or prefix.

    Attributes:
        field: ``title``, ``reference``, or None for everywhere.
        words: Terms of each word; several words must follow each other in this order.
        forms: The same words without case and accents, not stemmed.
        code: The number as written, if the item is one; it ranks first and is not required.
        prefix: The last form is the beginning of a word; ``forms`` count, not ``words``.
        quoted: Between quotation marks.
        position: Its offset in the question, from 0.
    """

    field: str | None
    words: tuple[tuple[str, ...], ...]
    forms: tuple[str, ...]
    code: str | None
    prefix: bool
    quoted: bool
    position: int

    @property
    def plain(self) -> bool:
        """Whether this is a function word, not required when the question has other words."""
        return len(self.forms) == 1 and not (self.quoted or self.prefix or self.field) and self.forms[0] in STOP_WORDS

    @property
    def phrases(self) -> list[tuple[str, ...]]:
        """Rows of terms, one a word, that match these adjacent words; only two if too many."""
        if math.prod(len(terms) for terms in self.words) <= MOST_PHRASES:
            return list(product(*self.words))
        # The last term of a word is the stem of its unaccented spelling: it finds any accents.
        return [tuple(terms[0] for terms in self.words), tuple(terms[-1] for terms in self.words)]


@dataclass(frozen=True)
class Clause:
    """Clause: alternatives of which one must match; or items that must be absent."""

    items: tuple[Item, ...]
    excluded: bool = False


@dataclass(frozen=True)
class ParsedQuery:
    """Parsed question: all clauses must hold; without a clause, every record answers."""

    clauses: tuple[Clause, ...]

    @property
    def wanted(self) -> tuple[Clause, ...]:
        """Clauses that must be present."""
        return tuple(c for c in self.clauses if not c.excluded)

    @property
    def excluded(self) -> tuple[Clause, ...]:
        """Clauses that must be absent."""
        return tuple(c for c in self.clauses if c.excluded)


NOT_UNDERSTOOD: Final = "La recherche n’est pas comprise au caractère {place} : "
"""Sentence before each reason; the catalogue of translations has both together."""


def bad_query(reason: str, position: int) -> Refused:
    """Make the refusal of a question that can't be understood.

    Args:
        reason: One French sentence.
        position: Offset of the fault, from 0; the message counts from 1.
    """
    return Refused(
        "bad_query",
        NOT_UNDERSTOOD + reason,
        action="Corrigez la recherche à cet endroit.",
        pointer="q",
        position=position,
        place=position + 1,
    )


class _Piece(NamedTuple):
    """Piece of a question: an item as typed, or the word OR."""

    item: Item | None
    excluded: bool
    position: int


def parse_query(text: str) -> ParsedQuery:
    """Parse a question.

    Raises:
        Refused: ``bad_query`` with ``position``: unclosed quotation mark, misplaced ``*`` or
            ``OR``, field without a word, nothing to search for, too long.
    """
    if not text.strip():
        return ParsedQuery(())
    if len(text) > LONGEST_QUESTION:
        raise bad_query("elle dépasse mille caractères.", LONGEST_QUESTION)
    for position, character in enumerate(text):
        if "\ud800" <= character <= "\udfff":
            raise bad_query("ce caractère n’existe pas.", position)
    pieces = _Reader(text).pieces()
    clauses = _joined(pieces)
    if not clauses:
        raise bad_query("elle ne contient aucun mot.", len(text) - len(text.lstrip()))
    telling = tuple(c for c in clauses if c.excluded or len(c.items) > 1 or not c.items[0].plain)
    return ParsedQuery(telling if any(not c.excluded for c in telling) else clauses)


def _joined(pieces: list[_Piece]) -> tuple[Clause, ...]:
    """Join the neighbours of ``OR`` into one clause."""
    clauses: list[Clause] = []
    alternatives: list[Item] = []
    either: int | None = None
    for piece in pieces:
        if piece.item is None:
            if not alternatives or either is not None or (clauses and clauses[-1].excluded and not alternatives):
                raise bad_query("OR se place entre deux mots.", piece.position)
            either = piece.position
        elif piece.excluded:
            if either is not None:
                raise bad_query("une exclusion ne peut pas suivre OR.", piece.position)
            if alternatives:
                clauses.append(Clause(tuple(alternatives)))
                alternatives = []
            clauses.append(Clause((piece.item,), excluded=True))
        elif either is not None:
            alternatives.append(piece.item)
            either = None
        else:
            if alternatives:
                clauses.append(Clause(tuple(alternatives)))
            alternatives = [piece.item]
    if either is not None:
        raise bad_query("OR se place entre deux mots.", either)
    if alternatives:
        clauses.append(Clause(tuple(alternatives)))
    return tuple(clauses)


class _Reader:
    """Reader that cuts a question into pieces, left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def pieces(self) -> list[_Piece]:
        """Return every item and OR, in order."""
        found: list[_Piece] = []
        while self._skip_blank():
            if len(found) >= MOST_ITEMS:
                raise bad_query("elle compte trop de mots.", self._at)
            found += self._piece()
        return found

    def _skip_blank(self) -> bool:
        blank = _BLANK.match(self._text, self._at)
        if blank:
            self._at = blank.end()
        return self._at < len(self._text)

    def _piece(self) -> list[_Piece]:
        start = self._at
        excluded = self._text[start] == "-" and start + 1 < len(self._text) and not self._text[start + 1].isspace()
        self._at += excluded
        field = self._field()
        if self._at < len(self._text) and self._text[self._at] in _CLOSING:
            item = self._quoted(field)
        else:
            raw, position = self._raw(), self._at
            position -= len(raw)
            if raw == "OR" and not excluded and field is None:
                return [_Piece(None, False, start)]
            item = self._word(raw, position, field)
        if item is None and field is not None:
            raise bad_query("un mot est attendu après le nom du champ.", min(self._at, len(self._text)))
        return [_Piece(item, excluded, start)] if item else []

    def _field(self) -> str | None:
        match = _FIELD.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        if self._at >= len(self._text) or self._text[self._at].isspace():
            raise bad_query("un mot est attendu juste après le nom du champ.", self._at)
        return FIELDS[match[1].lower()]

    def _quoted(self, field: str | None) -> Item | None:
        opened = self._at
        closing = _CLOSING[self._text[opened]]
        ends = [end for mark in closing if (end := self._text.find(mark, opened + 1)) >= 0]
        if not ends:
            raise bad_query("ce guillemet n’est pas refermé.", opened)
        self._at = min(ends) + 1
        return _item(self._text[opened + 1 : min(ends)], field, opened, quoted=True)

    def _raw(self) -> str:
        start = self._at
        while self._at < len(self._text) and not (
            self._text[self._at].isspace() or self._text[self._at] in _CLOSING or _BLANK.match(self._text, self._at)
        ):
            self._at += 1
        return self._text[start : self._at]

    def _word(self, raw: str, position: int, field: str | None) -> Item | None:
        star = raw.find("*")
        if star < 0:
            return _item(raw, field, position)
        bare = raw.rstrip("*)],;.!?")
        if star < len(bare) or not bare:
            raise bad_query("l’astérisque se place à la fin d’un mot.", position + star)
        item = _item(bare, field, position, prefix=True)
        if item is None or sum(map(len, item.forms)) < SHORTEST_PREFIX or not bare[-1].isalnum():
            raise bad_query("deux lettres au moins sont attendues avant l’astérisque.", position + star)
        return item


def _item(raw: str, field: str | None, position: int, *, quoted: bool = False, prefix: bool = False) -> Item | None:
    text = unicodedata.normalize("NFC", raw)
    found = tokens(text)
    if not found:
        return None
    numbers = codes(text)
    return Item(
        field=field,
        words=tuple(token.terms for token in found),
        forms=tuple(token.form for token in found),
        code=numbers[0].text if numbers and not prefix else None,
        prefix=prefix,
        quoted=quoted,
        position=position,
    )
