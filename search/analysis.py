"""Analyse French text into terms. Pure.

One analysis for every engine and for questions (``search.questions``). Steps for a word:
apostrophes and ligatures made plain, lower case, elision (``l’arrêté`` -> ``arrêté``), the list of
exceptions (``french_overrides.txt``), Snowball French, accents removed *after* the stem. At the
same position a word also gets, where they differ, the stem of its unaccented spelling, so that
words typed without accents find the others, and the stems of its singular. In Elasticsearch's own
terms this would be a char filter, ``elision``, ``stemmer_override``, and a
``multiplexer`` of [``stemmer:french``, ``asciifolding``], [``asciifolding``, ``stemmer:french``]
and both after ``pattern_replace`` of the plural.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Final, NamedTuple

import snowballstemmer

APOSTROPHES: Final = "'’ʼ`´"
"""Signs that people and OCR write for an apostrophe."""

_JOINERS: Final = "-‐‑–−/._,:"
"""Signs between two parts of one number or one hyphenated name."""

_SOFT_HYPHEN: Final = "\u00ad"
_ELIDED: Final = "l|m|t|qu|n|s|j|d|c|jusqu|quoiqu|lorsqu|puisqu"
_LINKS: Final = rf"{APOSTROPHES}{_SOFT_HYPHEN}\u0300-\u036f"
_INSIDE: Final = rf"[^\W_]+(?:[{_LINKS}]+[^\W_]+|[\u0300-\u036f]+)*"
_ATOM: Final = re.compile(
    rf"([^\W_]++)(?![{_LINKS}])"  # By far most words: letters, followed by nothing that could belong to the word.
    rf"|(?:(?i:{_ELIDED})[{APOSTROPHES}](?=[^\W_]))?({_INSIDE})([{APOSTROPHES}])?"
)
_CHAIN: Final = re.compile(rf"{_INSIDE}(?:[{_JOINERS}]{_INSIDE})+")
_DIGIT: Final = re.compile(r"[\d\u00a0-\u00bf\u0f20-\u137f\u17f0-\u19ff\u2070-\uffff\U00010000-\U0010ffff]")
"""Signs that are digits or may become one; a few rare ones never do."""

_DANGLING: Final = frozenset(_ELIDED.split("|"))
_PLAIN: Final = str.maketrans(
    {"œ": "oe", "æ": "ae", "Œ": "OE", "Æ": "AE", _SOFT_HYPHEN: None, **dict.fromkeys(APOSTROPHES)}
)
_ALIKE: Final = str.maketrans(dict.fromkeys("‐‑–−", "-"))
_PLURAL: Final = re.compile(r"^(\w{3,}[^aiouys]|\w{3,}[aiou])s$")
"""Plurals that Snowball leaves unchanged or gives another stem: usagers, emplois, reçus.

Not ``plus``, ``pays``.
"""

_FAMILY: Final = "_"
"""Last sign of an exception's stem, so that no stem of Snowball's equals it: ``port`` is not
``portant``.
"""

_LONGEST: Final = 100
"""Characters of a word that are compared; later ones are ignored."""

STOP_WORDS: Final = frozenset(
    (  # noqa: SIM905 -- a list of words reads as one
        "le la les l un une des du de d au aux et ou à a en y dans par pour sur avec sans sous ce cet cette"
        " ces se sa son ses leur leurs que qui dont est sont il elle ils elles on nous vous je tu ne pas"
    ).split()
)
"""Words that a document need not hold if the question has others; required inside quotes."""


class Token(NamedTuple):
    """One word of a text.

    Attributes:
        start: Offset of its first character, after the elision.
        end: Offset after its last character.
        form: As written, without case or accents.
        terms: The stems that are compared.
    """

    start: int
    end: int
    form: str
    terms: tuple[str, ...]


class Code(NamedTuple):
    """Number as written, such as ``2024-117``; its parts are tokens too."""

    start: int
    end: int
    text: str


def nfc(text: str) -> str:
    """Normalise to composed characters, with blanks for lone surrogates and NUL."""
    return unicodedata.normalize("NFC", _UNSTORABLE.sub(" ", text))


_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def fold(text: str) -> str:
    """Fold a text: lower case, no accents, ligatures written out."""
    apart = unicodedata.normalize("NFKD", text.translate(_PLAIN).lower())
    return "".join(c for c in apart if not unicodedata.combining(c)).replace("ß", "ss")


@cache
def overrides() -> dict[str, str]:
    """Read ``french_overrides.txt``: form -> stem, unaccented spellings included."""
    given: dict[str, str] = {}
    for line in files("search").joinpath("french_overrides.txt").read_text(encoding="utf-8").splitlines():
        if "=>" in line and not line.startswith("#"):
            forms, stem = line.split("=>")
            given |= {form.strip().translate(_PLAIN): stem.strip() + _FAMILY for form in forms.split(",")}
    return {fold(form): stem for form, stem in given.items()} | given


@cache
def _stemmer() -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer("french")


def _letters(text: str) -> str:
    """Keep letters and digits only: compatibility forms expand to spaces and slashes too."""
    return "".join(c for c in text if c.isalnum())[:_LONGEST]


@lru_cache(maxsize=1 << 16)
def word(written: str) -> tuple[str, tuple[str, ...]]:
    """Return form and terms of one word whose elision was removed."""
    plain = _letters(unicodedata.normalize("NFKC", written).translate(_PLAIN).lower())
    form = _letters(fold(plain))
    chosen = overrides().get(plain) or overrides().get(form)
    if chosen is not None:
        return form, (chosen,)
    if any(c.isdigit() for c in form):
        return form, (form,)
    stem = _stemmer().stemWord
    spellings = (plain, _PLURAL.sub(r"\1", plain), _PLURAL.sub(r"\1", form), form)
    return form, tuple(dict.fromkeys(fold(stem(spelling)) for spelling in dict.fromkeys(spellings)))


def scan(text: str, start: int = 0, end: int = sys.maxsize) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and characters of each word as written, without its elision.

    Args:
        start: Offset to begin at: 0, or after a blank, as no word contains a blank.
        end: Offset to stop at: the end, or at a blank.
    """
    for match in _ATOM.finditer(text, start, end):
        written = match[1]
        if written is not None:
            yield match.start(), match.end(), written
            continue
        written = match[2]
        if match[3] and written.lower() in _DANGLING:
            continue  # "l’ arrêté": OCR put a blank between the article and its noun
        yield match.start(2), match.end(2), written


def spellings(text: str) -> set[str]:
    """Return each word as written, once; also articles that OCR cut off from their noun."""
    return {plain or linked for plain, linked, _ in _ATOM.findall(text)}


@lru_cache(maxsize=4096)
def initial(character: str) -> str:
    """Return the first letter of a word's form and stems; empty when it is unknown."""
    return _letters(fold(unicodedata.normalize("NFKC", character)))[:1]


@cache
def family_initials(term: str) -> frozenset[str]:
    """Return the first letters of the words that may have this term."""
    if not term.endswith(_FAMILY):
        return frozenset(term[:1])
    return frozenset(initial(form[:1]) for form, stem in overrides().items() if stem == term)


def chunk(text: str, place: int, least: int = 0) -> tuple[int, int]:
    """Return start and end of the part without blanks around a place, not before ``least``."""
    start = place
    while start > least and not text[start - 1].isspace():
        start -= 1
    blank = _BLANK.search(text, place)
    return start, blank.start() if blank else len(text)


_BLANK: Final = re.compile(r"\s")


def tokens(text: str) -> list[Token]:
    """Return every word of a text, in order; positions in the list are positions in phrases."""
    return [
        Token(start, end, form, terms) for start, end, written in scan(text) for form, terms in (word(written),) if form
    ]


def codes(text: str) -> list[Code]:
    """Return numbers as written: words joined by one mark, at least one of them with a digit."""
    found: list[Code] = []
    done = 0
    for digit in _DIGIT.finditer(text):
        if digit.start() < done:
            continue
        start, done = chunk(text, digit.start(), done)
        for match in _CHAIN.finditer(text, start, done):
            parts = tokens(match[0])
            if len(parts) > 1 and any(c.isdigit() for part in parts for c in part.form):
                marks = (match[0][before.end] for before, _ in pairwise(parts))
                joined = parts[0].form + "".join(m + part.form for m, part in zip(marks, parts[1:], strict=True))
                begun = match.start()
                number = joined.translate(_ALIKE)[:_LONGEST]
                found.append(Code(begun + parts[0].start, begun + parts[-1].end, number))
    return found
