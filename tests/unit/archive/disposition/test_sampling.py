"""Sizes, systematic choices and draws of samples, by the numbers of the specification."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.disposition.sampling import (
    by_initials,
    by_years,
    drawn,
    initial,
    population_digest,
    read_rate,
    sample_size,
    seed_of,
)
from archive.model.identifiers import new_id

SEED = seed_of(b"chartrier.test\n12\nroot\n", b"token")


@pytest.mark.parametrize(
    ("population", "rate", "expected"),
    [(95, "1/10", 10), (100, "1/10", 10), (101, "1/10", 11), (1, "1/1000", 1), (0, "1/10", 0), (7, "1", 7)],
)
def test_sizes_round_up_and_are_at_least_one(population: int, rate: str, expected: int) -> None:
    """T1: 95 files, one in ten: ten are kept."""
    assert sample_size(population, Fraction(rate)) == expected


@given(st.integers(0, 10**6), st.fractions(Fraction(1, 10**6), 1))
def test_a_size_is_never_below_the_share_nor_a_whole_unit_above(population: int, rate: Fraction) -> None:
    size = sample_size(population, rate)
    assert (size == 0) == (population == 0)
    assert population * rate <= size <= max(1, population)
    assert size < population * rate + 1 or size == 1


@pytest.mark.parametrize(("text", "rate"), [("1/10", "1/10"), ("10 %", "1/10"), ("0,1", "1/10"), ("0.125", "1/8")])
def test_a_rate_is_read_exactly(text: str, rate: str) -> None:
    assert read_rate(text) == Fraction(rate)


@pytest.mark.parametrize("text", ["", "0", "-1/2", "3/2", "101 %", "1/0", "un", "nan", "1e999", "1/" + "9" * 30])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_rate(text)


def test_years_are_those_of_the_start_event() -> None:
    """T2: years ending in 0 and 5, files of 2010 to 2019: 2010 and 2015 are kept."""
    units: dict[str, date | None] = {str(year): date(year, 12, 31) for year in range(2010, 2020)}
    assert by_years(units | {"undated": None}, {0, 5}) == ["2010", "2015"]


@pytest.mark.parametrize(
    ("name", "without", "with_particle"),
    [
        ("Élodie", "e", "e"),
        ("de Gaulle", "g", "d"),
        ("D’Ormesson", "o", "d"),
        ("Le Corre", "c", "l"),
        ("Œuvrard", "o", "o"),
        ("van der Meer", "m", "v"),
        ("La", "l", "l"),
        ("  ", "", ""),
        ("114", "1", "1"),
    ],
)
def test_an_initial_is_folded_and_a_particle_counts_as_said(name: str, without: str, with_particle: str) -> None:
    assert initial(name) == without
    assert initial(name, particles=True) == with_particle


def test_initials_choose_by_letter() -> None:
    units: dict[str, str | None] = {"1": "Ériger", "2": "de Brosse", "3": "Émile", "4": "Durand", "5": None}
    assert by_initials(units, ["e", "B"]) == ["1", "2", "3"]
    assert by_initials(units, ["d"], particles=True) == ["2", "4"]


def test_a_draw_is_the_same_for_everybody_and_another_with_another_seed() -> None:
    units = [new_id() for _ in range(95)]
    kept = drawn(units, SEED, 10)
    assert len(set(kept)) == 10
    assert drawn(units[::-1], SEED, 10) == kept
    assert drawn(units, seed_of(b"other", b"token"), 10) != kept
    assert drawn(units, SEED, 11)[:10] == kept
    assert population_digest(units) == population_digest(units[::-1])
    assert population_digest(units) != population_digest(units[1:])


def test_a_draw_prefers_nobody() -> None:
    """Each of 20 units comes about as often, over 2,000 seeds."""
    units = [str(n) for n in range(20)]
    counts = dict.fromkeys(units, 0)
    for n in range(2000):
        for unit in drawn(units, seed_of(str(n).encode(), b""), 5):
            counts[unit] += 1
    assert all(400 < count < 600 for count in counts.values()), counts
