"""Find near words by the mistakes of recognition, when nothing matches exactly. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA

_LOOKALIKES: Final = "rn:m ii:u vv:w cl:d ri:n li:h 1:l 1:i 0:o 5:s 8:b e:c"
_CONFUSED: Final = tuple(
    pair for both in _LOOKALIKES.split() for one, other in (both.split(":"),) for pair in ((one, other), (other, one))
)
"""Pairs (as asked for, as OCR may have written it)."""

_MOST: Final = 64


def allowance(form: str) -> int:
    """Return how many letters may differ; 0 in numbers: another number is another document."""
    if len(form) < 4 or any(c.isdigit() for c in form):
        return 0
    return 1 if len(form) < 8 else 2


@lru_cache(maxsize=1024)
def confusions(form: str) -> tuple[str, ...]:
    """Return spellings that OCR may confuse with this form; the form itself is left out."""
    found: dict[str, None] = {}
    rounds = 2 if any(c.isdigit() for c in form) else 1
    seeds = [form]
    for _ in range(rounds):
        made: list[str] = []
        for seed in seeds:
            for written, read in _CONFUSED:
                at = seed.find(written)
                while at >= 0 and len(found) < _MOST:
                    other = seed[:at] + read + seed[at + len(written) :]
                    if other != form and other not in found and _same_kind(form, other):
                        found[other] = None
                        made.append(other)
                    at = seed.find(written, at + 1)
        seeds = made
    return tuple(found)


def _same_kind(form: str, other: str) -> bool:
    """Whether a confusion is possible: never of a number with another number."""
    return not (form.isdigit() and other.isdigit())


def near(form: str, other: str) -> bool:
    """Whether recognition may have read ``other`` for ``form``, or the reverse."""
    if form == other or other in confusions(form):
        return True
    allowed = allowance(form)
    return allowed > 0 and OSA.distance(form, other, score_cutoff=allowed) <= allowed
