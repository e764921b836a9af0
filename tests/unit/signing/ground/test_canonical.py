"""Canonical JSON: one value, one sequence of bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.ground.canonical import canonical, parse_canonical
from signing.ground.clock import parse_stamp, stamp

ascii_keys = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ascii_keys, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_written_is_read_back(value: object) -> None:
    text = canonical(value)
    assert parse_canonical(text) == value
    assert json.loads(text) == value


@given(st.dictionaries(ascii_keys, st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert canonical(value) == canonical(dict(reversed(value.items())))


@pytest.mark.parametrize(
    "text", [b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1,"a":1}', b'{"a":1.0}', b'"\\u00e9"', b'{"a":1}\n']
)
def test_any_other_form_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        parse_canonical(text)


@pytest.mark.parametrize("value", [1.5, {"é": 1}, {1: 2}, {"a": b"x"}, [float("nan")]])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9000, 1, 1)))
def test_stamps_keep_milliseconds(naive: datetime) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(hours=2)), microsecond=naive.microsecond // 1000 * 1000)
    assert parse_stamp(stamp(moment)) == moment.astimezone(UTC)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError):
        stamp(datetime(2026, 1, 1))
