"""Batches of values: a database takes only so many parameters in one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

_Value = TypeVar("_Value")

MOST_PARAMETERS: Final = 5000


def batches(values: Sequence[_Value], size: int = MOST_PARAMETERS) -> Iterator[Sequence[_Value]]:
    """Return the values in order, at most so many at once."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
