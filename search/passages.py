"""Which words of a text matched, and the passage to show. Pure: the same for every engine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from search.analysis import scan, word
from search.loosening import near
from search.port import Match
from search.questions import Item, ParsedQuery

LONGEST: Final = 200
"""Characters of a passage, marks of omission included."""

MOST_PASSAGES: Final = 3
OMITTED: Final = "…"
_LINE_ENDS: Final = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]")


_Role = tuple[int, int]
"""Item of the question, and which of its words."""

_NONE: Final[frozenset[_Role]] = frozenset()


@dataclass(frozen=True)
class Found:
    """Characters that matched, and which item of the question they answer."""

    start: int
    end: int
    item: int


class Finder:
    """Finds the items of one question in texts.

    Each spelling is looked at once, however often it stands in the texts of an answer.

    Args:
        loose: Items for which near words count too.
    """

    def __init__(self, question: ParsedQuery, loose: frozenset[Item] = frozenset()) -> None:
        self._items = [item for clause in question.wanted for item in clause.items]
        self._loose = loose
        self._roles: dict[str, frozenset[_Role]] = {}
        self._by_term: dict[str, set[_Role]] = {}
        self._by_form: list[tuple[int, Item]] = []
        for number, item in enumerate(self._items):
            if item.prefix or item in loose:
                self._by_form.append((number, item))
                continue
            for place, terms in enumerate(item.words):
                for term in terms:
                    self._by_term.setdefault(term, set()).add((number, place))

    def find(self, text: str, field: str | None = None) -> list[Found]:
        """Everything that matches, in order of place."""
        words: list[tuple[int, int, frozenset[_Role]]] = []
        telling: list[int] = []
        for start, end, written in scan(text):
            roles = self._roles.get(written)
            if roles is None:
                roles = self._roles[written] = self._judge(written)
            if roles:
                telling.append(len(words))
            words.append((start, end, roles))
        found: list[Found] = []
        for at in telling:
            start, _, roles = words[at]
            for number, place in roles:
                item = self._items[number]
                if place > 0 or not (item.field is None or item.field == field):
                    continue
                last = at if item in self._loose else at + len(item.forms) - 1
                if last < len(words) and all((number, i - at) in words[i][2] for i in range(at + 1, last + 1)):
                    found.append(Found(start, words[last][1], number))
        return sorted(found, key=lambda f: (f.start, -f.end))

    def _judge(self, written: str) -> frozenset[_Role]:
        """Which words of which items this spelling can stand for."""
        form, terms = word(written)
        roles = _NONE
        for term in terms:
            if term in self._by_term:
                roles |= self._by_term[term]
        for number, item in self._by_form:
            roles |= {(number, place) for place in self._places(item, form)}
        return roles

    def _places(self, item: Item, form: str) -> Iterator[int]:
        if item in self._loose:
            if any(near(wanted, form) for wanted in item.forms):
                yield 0
            return
        last = len(item.forms) - 1
        for place, wanted in enumerate(item.forms):
            if form.startswith(wanted) if place == last else form == wanted:
                yield place


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
        (max(f.start, start) + shift, min(f.end, end) + shift) for f in found if f.end > start and f.start < end
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
