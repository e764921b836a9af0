"""Which words of a text matched, and the passage to show. Pure: the same for every engine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from search.analysis import Token, tokens
from search.loosening import near
from search.port import Match
from search.questions import Item, ParsedQuery

LONGEST: Final = 200
"""Characters of a passage, marks of omission included."""

MOST_PASSAGES: Final = 3
OMITTED: Final = "…"
_LINE_ENDS: Final = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]")


@dataclass(frozen=True)
class Found:
    """Characters that matched, and which item of the question they answer."""

    start: int
    end: int
    item: int


class Finder:
    """Finds the items of one question in texts.

    Args:
        loose: Items for which near words count too.
    """

    def __init__(self, question: ParsedQuery, loose: frozenset[Item] = frozenset()) -> None:
        self._items = [item for clause in question.wanted for item in clause.items]
        self._loose = loose
        self._near: dict[tuple[str, str], bool] = {}

    def find(self, text: str, field: str | None = None) -> list[Found]:
        """Everything that matches, in order of place."""
        words = tokens(text)
        found: list[Found] = []
        for number, item in enumerate(self._items):
            if item.field is None or item.field == field:
                found += self._one(item, number, words)
        return sorted(found, key=lambda f: (f.start, -f.end))

    def _one(self, item: Item, number: int, words: Sequence[Token]) -> list[Found]:
        if item in self._loose:
            return [
                Found(token.start, token.end, number)
                for token in words
                if any(self._is_near(form, token.form) for form in item.forms)
            ]
        if len(item.forms) == 1 and not item.prefix:
            wanted = frozenset(item.words[0])
            return [Found(t.start, t.end, number) for t in words if not wanted.isdisjoint(t.terms)]
        length = len(item.forms)
        return [
            Found(words[at].start, words[at + length - 1].end, number)
            for at in range(len(words) - length + 1)
            if _stands_at(item, words, at)
        ]

    def _is_near(self, form: str, other: str) -> bool:
        key = (form, other)
        if key not in self._near:
            self._near[key] = near(form, other)
        return self._near[key]


def _stands_at(item: Item, words: Sequence[Token], at: int) -> bool:
    if not item.prefix:
        return all(not set(terms).isdisjoint(words[at + i].terms) for i, terms in enumerate(item.words))
    last = len(item.forms) - 1
    return words[at + last].form.startswith(item.forms[last]) and all(
        words[at + i].form == form for i, form in enumerate(item.forms[:last])
    )


def passage(text: str, found: Sequence[Found], page: int) -> Match:
    """The stretch of ``text`` that shows most items of the question, with what matched in it.

    Args:
        found: At least one place, in order.
    """
    first, last = _densest(found)
    start, end = (
        found[first].start,
        min(max(f.end for f in found[first : last + 1]), found[first].start + LONGEST - 4),
    )
    start, end = _widened(text, start, end)
    before = f"{OMITTED} " if start > 0 else ""
    after = f" {OMITTED}" if end < len(text) else ""
    shown = before + _LINE_ENDS.sub(" ", text[start:end]) + after
    shift = len(before) - start
    ranges = _united(
        (max(f.start, start) + shift, min(f.end, end) + shift)
        for f in found
        if f.end > start and f.start < end
    )
    return Match(page=page, text=shown, ranges=ranges)


def _densest(found: Sequence[Found]) -> tuple[int, int]:
    best, answer = (0, 0), (0, 0)
    for first, place in enumerate(found):
        last = first
        while last + 1 < len(found) and found[last + 1].end <= place.start + LONGEST - 40:
            last += 1
        worth = (len({f.item for f in found[first : last + 1]}), last - first)
        if worth > best:
            best, answer = worth, (first, last)
    return answer


def _widened(text: str, start: int, end: int) -> tuple[int, int]:
    """Let the passage breathe, cut between words."""
    spare = LONGEST - 4 - (end - start)
    left = max(0, start - spare // 2)
    right = min(len(text), end + spare - (start - left))
    left = max(0, min(left, right - (LONGEST - 4))) if right == len(text) else left
    if left > 0:
        while left < start and not text[left - 1].isspace():
            left += 1
        while left < start and text[left].isspace():
            left += 1
    if right < len(text):
        while right > end and not text[right].isspace():
            right -= 1
        while right > end and text[right - 1].isspace():
            right -= 1
    return left, right


def _united(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Overlapping ranges as one."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if united and start < united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return tuple(united)


def passages(
    pages: Iterable[tuple[int, str]], around: Sequence[tuple[str | None, str]], finder: Finder
) -> tuple[Match, ...]:
    """What to show of one record: its best pages; failing that, title, description, reference or file name.

    Args:
        pages: (number, text), likeliest first.
        around: (field, text) of what is not on a page.
    """
    shown: list[tuple[int, Match]] = []
    for number, text in pages:
        found = finder.find(text)
        if found:
            shown.append((len({f.item for f in found}), passage(text, found, number)))
    if shown:
        shown.sort(key=lambda pair: (-pair[0], pair[1].page))
        return tuple(match for _, match in shown[:MOST_PASSAGES])
    for field, text in around:
        found = finder.find(text, field)
        if found:
            return (passage(text, found, 0),)
    return ()
