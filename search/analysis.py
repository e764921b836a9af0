"""How French text becomes terms. Pure: no engine. ``search.questions`` understands what people type with it.

One analysis for every engine. A word goes through: apostrophes and ligatures made plain, lower case, elision
(``l’arrêté`` -> ``arrêté``), the list of exceptions (``french_overrides.txt``), Snowball French, accents off
*after* the stem. At the same position it gets, where they differ, the stem of its unaccented spelling, so that
words typed without accents find the others, and the stems of its singular. Elasticsearch says the same with a
char filter, ``elision``, ``stemmer_override``, and a ``multiplexer`` of [``stemmer:french``, ``asciifolding``],
[``asciifolding``, ``stemmer:french``] and both again after ``pattern_replace`` of the plural.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Final, NamedTuple

import snowballstemmer

APOSTROPHES: Final = "'’ʼ`´"
"""What people and OCR write for an apostrophe."""

_JOINERS: Final = "-‐‑–−/._,:"
"""Between two parts of one number or one hyphenated name."""

_SOFT_HYPHEN: Final = "\u00ad"
_ATOM: Final = re.compile(rf"[^\W_]+(?:[{APOSTROPHES}{_SOFT_HYPHEN}\u0300-\u036f]+[^\W_]+|[\u0300-\u036f]+)*")
_ELIDED: Final = "l|m|t|qu|n|s|j|d|c|jusqu|quoiqu|lorsqu|puisqu"
_ELISION: Final = re.compile(rf"(?:{_ELIDED})[{APOSTROPHES}](?=\w)", re.IGNORECASE)
_DANGLING: Final = frozenset(_ELIDED.split("|"))
_PLAIN: Final = str.maketrans(
    {"œ": "oe", "æ": "ae", "Œ": "OE", "Æ": "AE", _SOFT_HYPHEN: None, **dict.fromkeys(APOSTROPHES)}
)
_ALIKE: Final = str.maketrans(dict.fromkeys("‐‑–−", "-"))
_PLURAL: Final = re.compile(r"^(\w{3,}[^aiouys]|\w{3,}[aiou])s$")
"""Plurals that Snowball leaves alone or stems apart: usagers, emplois, reçus; not the short ``plus``, ``pays``."""

_FAMILY: Final = "_"
"""Ends the stem of an exception, so that no stem of Snowball's equals it: ``port`` is not ``portant``."""

_LONGEST: Final = 100
"""Characters of a word that count."""

STOP_WORDS: Final = frozenset(
    (  # noqa: SIM905 -- a list of words reads as one
        "le la les l un une des du de d au aux et ou à a en y dans par pour sur avec sans sous ce cet cette"
        " ces se sa son ses leur leurs que qui dont est sont il elle ils elles on nous vous je tu ne pas"
    ).split()
)
"""Not asked of a document when other words are; always asked inside quotes."""


class Token(NamedTuple):
    """One word of a text.

    Attributes:
        start: Where its characters begin, elision left out.
        end: Where they end (exclusive).
        form: As written, without case or accents.
        terms: What is compared: one or two stems.
    """

    start: int
    end: int
    form: str
    terms: tuple[str, ...]


class Code(NamedTuple):
    """A number as written, ``2024-117``, whose parts are tokens too."""

    start: int
    end: int
    text: str


def nfc(text: str) -> str:
    """Composed characters, lone surrogates and NUL made blank: the form that is stored and counted in."""
    return unicodedata.normalize("NFC", _UNSTORABLE.sub(" ", text))


_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def fold(text: str) -> str:
    """Lower case, no accents, ligatures written out."""
    apart = unicodedata.normalize("NFKD", text.translate(_PLAIN).lower())
    return "".join(c for c in apart if not unicodedata.combining(c)).replace("ß", "ss")


@cache
def overrides() -> dict[str, str]:
    """Form -> stem, from ``french_overrides.txt``; unaccented spellings too, unless another entry."""
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
    """Without what compatibility forms expand to: spaces, slashes."""
    return "".join(c for c in text if c.isalnum())[:_LONGEST]


@lru_cache(maxsize=1 << 16)
def word(written: str) -> tuple[str, tuple[str, ...]]:
    """Form and terms of one word, elision already off."""
    plain = _letters(unicodedata.normalize("NFKC", written).translate(_PLAIN).lower())
    form = _letters(fold(plain))
    chosen = overrides().get(plain) or overrides().get(form)
    if chosen is not None:
        return form, (chosen,)
    if any(c.isdigit() for c in form):
        return form, (form,)
    stem = _stemmer().stemWord
    singular = _PLURAL.sub(r"\1", plain)
    stems = (fold(stem(plain)), fold(stem(singular)), stem(fold(singular)), stem(form))
    return form, tuple(dict.fromkeys(stems[:-1])) if stems[-1] == stems[0] else tuple(dict.fromkeys(stems))


def tokens(text: str) -> list[Token]:
    """Every word of a text, in order; positions in the list are positions in phrases."""
    found: list[Token] = []
    for match in _ATOM.finditer(text):
        start, end = match.span()
        written = match.group()
        if len(written) > 2 and (elision := _ELISION.match(written)):
            start += elision.end()
            written = written[elision.end() :]
        elif end < len(text) and text[end] in APOSTROPHES and written.lower() in _DANGLING:
            continue  # "l’ arrêté": the article lost its noun in the reading
        form, terms = word(written)
        if form:
            found.append(Token(start, end, form, terms))
    return found


def codes(text: str, words: list[Token] | None = None) -> list[Code]:
    """Numbers as written: words joined by one mark, one of them with a digit."""
    found: list[Code] = []
    chain: list[Token] = []
    for token in (*(tokens(text) if words is None else words), None):
        if chain and token and token.start == chain[-1].end + 1 and text[chain[-1].end] in _JOINERS:
            chain.append(token)
            continue
        if len(chain) > 1 and any(c.isdigit() for part in chain for c in part.form):
            found.append(Code(chain[0].start, chain[-1].end, _joined(text, chain)))
        chain = [token] if token else []
    return found


def _joined(text: str, chain: list[Token]) -> str:
    marks = (text[before.end] for before, _ in pairwise(chain))
    return (
        chain[0].form + "".join(m + part.form for m, part in zip(marks, chain[1:], strict=True))
    ).translate(_ALIKE)[:_LONGEST]
