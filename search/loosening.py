"""Near words: the mistakes that recognition makes, for when nothing matches. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA

_LOOKALIKES: Final = "rn:m ii:u vv:w cl:d ri:n li:h 1:l 1:i 0:o 5:s 8:b e:c"
_CONFUSED: Final = tuple(
    pair for both in _LOOKALIKES.split() for one, other in (both.split(":"),) for pair in ((one, other), (other, one))
)
"""(as wanted, as it may be written)."""

_MOST: Final = 64


def allowance(form: str) -> int:
    """Letters that may differ. None in numbers: another number is another document."""
    if len(form) < 4 or any(c.isdigit() for c in form):
        return 0
    return 1 if len(form) < 8 else 2


@lru_cache(maxsize=1024)
def confusions(form: str) -> tuple[str, ...]:
    """Spellings that look the same to a reading machine, the form itself left out."""
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
    """Digits may be read as letters, never as other digits."""
    return not (form.isdigit() and other.isdigit())


def near(form: str, other: str) -> bool:
    """Whether recognition may have read ``other`` for ``form``, or the reverse."""
    if form == other or other in confusions(form):
        return True
    allowed = allowance(form)
    return allowed > 0 and OSA.distance(form, other, score_cutoff=allowed) <= allowed
