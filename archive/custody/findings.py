"""Findings of a check of all holdings: all are counted, listed up to a bound. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

LISTED: Final = 1000
"""Findings listed one by one; beyond this, only counted."""


class Kind(StrEnum):
    """The kinds of findings, in the words of the trade."""

    CHANGED = "changed"
    """It is there and is not what it should be."""
    MISSING = "missing"
    UNREADABLE = "unreadable"
    """The store answers and can't deliver it; whether it changed is unknown."""
    UNTRACKED = "untracked"
    """It is there and nothing accounts for it."""
    UNGUARDED = "unguarded"
    """Its lock or its hold is missing; that says nothing of its bytes."""
    STALE = "stale"
    """The index shows an older state."""
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        place: ``store``, ``journal``, ``database``, ``index``, ``staging``, ``copy``.
        what: Key, record id or entry.
        detail: A stable word: ``size``, ``version``, ``marker`` …
        repaired: Whether it was repaired; never for evidence.
    """

    kind: Kind
    place: str
    what: str
    detail: str
    record_id: str | None = None
    repaired: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the finding as ``--json`` prints it."""
        return {
            "kind": self.kind.value,
            "place": self.place,
            "what": self.what,
            "detail": self.detail,
            "record_id": self.record_id,
            "repaired": self.repaired,
        }


@dataclass
class Findings:
    """All findings of one check.

    Attributes:
        on_finding: Called with each finding when it is found.
        unfinished: Pieces of work that were begun and never claimed: no fault.
        begun: Records with such work, up to a bound.
    """

    on_finding: Callable[[Finding], None] = lambda _finding: None
    listed: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    repaired: int = 0
    unfinished: int = 0
    begun: list[str] = field(default_factory=list)

    def add(
        self, kind: Kind, place: str, what: str, detail: str, *, record: str | None = None, done: bool = False
    ) -> None:
        """Add one finding."""
        finding = Finding(kind, place, what, detail, record, done)
        self.counts[kind.value] += 1
        self.repaired += done
        if len(self.listed) < LISTED:
            self.listed.append(finding)
        self.on_finding(finding)

    def add_begun(self, record_id: str) -> None:
        """Add a record with work that was begun and never claimed."""
        self.unfinished += 1
        if len(self.begun) < LISTED:
            self.begun.append(record_id)

    @property
    def total(self) -> int:
        """Number of findings."""
        return sum(self.counts.values())

    @property
    def open(self) -> int:
        """Number of findings that were not repaired."""
        return self.total - self.repaired

    def as_json(self) -> dict[str, Any]:
        """Return the counts and the listed findings as JSON values."""
        return {
            "counts": {kind.value: self.counts[kind.value] for kind in Kind},
            "repaired": self.repaired,
            "unfinished": self.unfinished,
            "findings": [finding.as_json() for finding in self.listed],
        }
