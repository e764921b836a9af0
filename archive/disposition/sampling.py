"""Samples of what is to be sorted: sizes, systematic choice, a draw that nobody chooses. Pure.

A random sample is drawn from a population that was frozen first. Its seed comes from the first
time-stamped checkpoint of the journal published afterwards, so that it was not known to whoever
froze the population; with the seed anybody draws the same units again (``verify_sample.py``).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final

from archive.model.folding import folded
from signing.ground.canonical import canonical

PARTICLES: Final = frozenset(
    {"a", "au", "aux", "d", "da", "de", "del", "della", "der", "des", "di", "du", "l", "la", "le"}
    | {"les", "van", "von", "y", "zu"}
)
"""Particles before a name, folded; whether one counts is said where the criterion is."""


class SampleMethod(StrEnum):
    """How the units that are kept are chosen."""

    SELECTION = "selection"
    """One by one, by a person, by a criterion in words: qualitative selection."""
    SPECIMEN = "specimen"
    """A given number of examples, drawn like a random sample."""
    RANDOM = "random"
    YEARS = "years"
    INITIALS = "initials"

    @property
    def by_chance(self) -> bool:
        """Whether the units are drawn, by a seed that nobody chose."""
        return self in {SampleMethod.RANDOM, SampleMethod.SPECIMEN}


def sample_size(population: int, rate: Fraction) -> int:
    """Return how many units a sample has: the share rounded up, at least one, none of nothing."""
    if population <= 0:
        return 0
    exact = population * rate
    return min(population, max(1, -(-exact.numerator // exact.denominator)))


def read_rate(text: str) -> Fraction:
    """Read a share above 0 and up to 1: ``1/10``, ``0.1``, ``0,1`` or ``10 %``.

    Raises:
        ValueError: It is none.
    """
    clean = text.replace("\u202f", "").replace("\xa0", "").replace(" ", "").replace(",", ".")
    try:
        rate = Fraction(clean.removesuffix("%")) / (100 if clean.endswith("%") else 1)
    except ZeroDivisionError as error:
        raise ValueError(f"not a share: {text}") from error
    if len(clean) > 20 or not 0 < rate <= 1:
        raise ValueError(f"not a share: {text}")
    return rate


def by_years(units: Mapping[str, date | None], endings: Collection[int]) -> list[str]:
    """Return the units whose start event lies in a year that ends in one of these digits."""
    return sorted(unit for unit, day in units.items() if day is not None and day.year % 10 in endings)


def by_initials(units: Mapping[str, str | None], letters: Collection[str], *, particles: bool = False) -> list[str]:
    """Return the units whose field begins with one of these letters, accents folded.

    Args:
        particles: Whether a particle counts as the beginning: ``de Gaulle`` under D; else under G.
    """
    wanted = {letter for text in letters for letter in "".join(folded(text))}
    return sorted(unit for unit, text in units.items() if initial(text or "", particles=particles) in wanted)


def initial(text: str, *, particles: bool = False) -> str:
    """Return the first letter of a field, folded; empty where it has none.

    Args:
        particles: Whether a particle counts as the beginning.
    """
    words = folded(text)
    own = words if particles else [word for n, word in enumerate(words) if not _leads(words, n)]
    return next((word[0] for word in own or words[-1:]), "")


def _leads(words: Sequence[str], n: int) -> bool:
    """Whether a word and all before it are particles: only those before the name itself count."""
    return all(word in PARTICLES for word in words[: n + 1])


def population_digest(units: Iterable[str]) -> str:
    """Return the SHA-256 of the canonical JSON of a population's ids, in order, hex."""
    return hashlib.sha256(canonical(sorted(units))).hexdigest()


def seed_of(note: bytes, token: bytes) -> str:
    """Return the seed of a draw: SHA-256 of a checkpoint's note and its time-stamp token, hex."""
    return hashlib.sha256(note + token).hexdigest()


def drawn(units: Iterable[str], seed: str, count: int) -> list[str]:
    """Return the first units in the order of HMAC-SHA-256(seed, id): the same for everybody."""
    key = bytes.fromhex(seed)
    order = sorted((hmac.new(key, unit.encode(), hashlib.sha256).digest(), unit) for unit in set(units))
    return [unit for _, unit in order[:count]]
