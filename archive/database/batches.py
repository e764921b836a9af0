"""Batches of values: a database takes only so many parameters in one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

MOST_PARAMETERS: Final = 5000


def batches(values: Sequence[str], size: int = MOST_PARAMETERS) -> Iterator[Sequence[str]]:
    """Return the values in order, at most so many at once."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
