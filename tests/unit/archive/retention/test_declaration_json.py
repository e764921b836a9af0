"""Declarations come back from their JSON as they were; what is none is refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.retention.declaration_json import read_declaration, written_declaration
from archive.retention.declarations import Convention, Declaration, GivenStart

CODES = st.from_regex(r"[A-Z]{2,5}-[0-9]{3}", fullmatch=True)
STARTS = st.builds(GivenStart, st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.sampled_from(Convention))
DECLARATIONS = st.builds(
    Declaration,
    rules=st.lists(CODES, unique=True, max_size=3).map(tuple),
    in_addition=st.booleans(),
    block_all=st.booleans(),
    blocked=st.frozensets(CODES, max_size=2),
    starts=st.dictionaries(CODES, STARTS, max_size=2),
)


@given(DECLARATIONS)
def test_a_declaration_comes_back_as_it_was(declared: Declaration) -> None:
    expected = declared if declared != Declaration() else None
    assert read_declaration(written_declaration(declared)) == expected


def test_only_what_is_declared_is_written() -> None:
    assert written_declaration(Declaration(("A",))) == {"rules": ["A"]}
    start = {"A": GivenStart(date(2020, 12, 31), Convention.SEDA)}
    assert written_declaration(Declaration(starts=start)) == {
        "starts": {"A": {"on": "2020-12-31", "convention": "seda"}}
    }
    assert read_declaration({}) is None


@pytest.mark.parametrize(
    "told",
    [
        [],
        "A",
        {"rules": "A"},
        {"rules": [1]},
        {"rules": [" "]},
        {"rules": ["A" * 41]},
        {"règles": ["A"]},
        {"in_addition": "oui"},
        {"starts": ["A"]},
        {"starts": {"A": "2020-12-31"}},
        {"starts": {"A": {"convention": "ours"}}},
        {"starts": {"A": {"on": "2020-02-30"}}},
        {"starts": {"A": {"on": "2020-12-31", "convention": "theirs"}}},
    ],
    ids=str,
)
def test_what_is_no_declaration_is_refused(told: Any) -> None:
    with pytest.raises(ValueError):
        read_declaration(told)
