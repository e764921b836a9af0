"""Find the words of a text that match, and the passage to show. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from search.analysis import chunk, family_initials, initial, scan, spellings, word
from search.loosening import allowance, confusions, near
from search.port import Match
from search.questions import Item, ParsedQuery

LONGEST: Final = 200
"""Most characters of a passage, marks of omission included."""

MOST_PASSAGES: Final = 3
OMITTED: Final = "…"
_LINE_ENDS: Final = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]")


_Role = tuple[int, int]
"""Number of an item of the question, and number of one of its words."""

_NONE: Final[frozenset[_Role]] = frozenset()


@dataclass(frozen=True)
class Found:
    """Range of characters that matched, and the item of the question that they answer."""

    start: int
    end: int
    item: int


class Finder:
    """Finder of the items of one question in texts.

    Each spelling is judged once, however often the texts of an answer contain it.

    Args:
        loose: Items for which near words count too.
    """

    def __init__(self, question: ParsedQuery, loose: frozenset[Item] = frozenset()) -> None:
        self._items = [item for clause in question.wanted for item in clause.items]
        self._loose = loose
        self._roles: dict[str, frozenset[_Role]] = {}
        self._telling: set[str] = set()
        self._by_term: dict[str, set[_Role]] = {}
        self._by_form: list[tuple[int, Item]] = []
        for number, item in enumerate(self._items):
            if item.prefix or item in loose:
                self._by_form.append((number, item))
                continue
            for place, terms in enumerate(item.words):
                for term in terms:
                    self._by_term.setdefault(term, set()).add((number, place))
        self._longest = max((len(item.forms) for item in self._items), default=1)
        self._initials: frozenset[str] | None = None
        if not loose:
            beginnings = {form[:1] for _, item in self._by_form for form in item.forms}
            # A word whose first letter is unknown is always judged.
            self._initials = frozenset({""}.union(beginnings, *map(family_initials, self._by_term)))

    def find(self, text: str, field: str | None = None) -> list[Found]:
        """Return everything that matches, in order of place."""
        written = spellings(text)
        for spelling in written.difference(self._roles):
            # The first letter alone excludes most words; stemming is expensive.
            likely = self._initials is None or initial(spelling[0]) in self._initials
            roles = self._roles[spelling] = self._judge(spelling) if likely else _NONE
            if any(place == 0 for _, place in roles):
                self._telling.add(spelling)
        telling = written & self._telling
        found: list[Found] = []
        done = 0
        for place in sorted(place for spelling in telling for place in _places_of(spelling, text)):
            if place >= done:
                start, done = chunk(text, place, done)
                found += self._in_chunk(text, start, done, field)
        return sorted(found, key=lambda f: (f.start, -f.end))

    def _in_chunk(self, text: str, start: int, end: int, field: str | None) -> Iterator[Found]:
        """Yield the matches that begin in this range; phrases may end after it."""
        words: list[tuple[int, int, frozenset[_Role]]] = []
        beginnings = 0
        for first, last, written in scan(text, start):
            if first < end:
                beginnings += 1
            elif len(words) >= beginnings + self._longest - 1:
                break
            words.append((first, last, self._roles[written]))
        for at in range(beginnings):
            for number, place in words[at][2]:
                item = self._items[number]
                if place > 0 or not (item.field is None or item.field == field):
                    continue
                until = at if item in self._loose else at + len(item.forms) - 1
                if until < len(words) and all((number, i - at) in words[i][2] for i in range(at + 1, until + 1)):
                    yield Found(words[at][0], words[until][1], number)

    def _judge(self, written: str) -> frozenset[_Role]:
        """Return the words of items that this spelling can match."""
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


def _places_of(spelling: str, text: str) -> Iterator[int]:
    at = text.find(spelling)
    while at >= 0:
        yield at
        at = text.find(spelling, at + len(spelling))


def passage(text: str, found: Sequence[Found], page: int) -> Match:
    """Return the part of ``text`` that shows most items of the question, and the matches in it.

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
    """Widen the passage by some words before and after it, cut between words."""
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
    """Merge overlapping ranges."""
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
    """Return a record's passages: from its best pages, else from title, description and so on.

    Args:
        pages: (number, text), likeliest first.
        around: (field, text) of the texts that are not on a page.
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


def loosenable(item: Item) -> bool:
    """Whether an item may match near words."""
    return not item.prefix and any(allowance(form) or confusions(form) for form in item.forms)


def loosenable_items(question: ParsedQuery) -> frozenset[Item]:
    """Return every wanted item that may match near words."""
    return frozenset(item for clause in question.wanted for item in clause.items if loosenable(item))
