"""Frozen lines: what a disposal states about each record, and the digest of its population. Pure.

A line has no title: titles are read in the catalogue while the record is there, and go with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from typing import Any, Final

from signing.ground.canonical import canonical
from signing.ground.clock import iso

CHUNK: Final = 500
"""Lines of one statement: about 200 KB."""


@dataclass(frozen=True, kw_only=True)
class FrozenLine:
    """One record at the moment when its disposal was drafted or submitted.

    Attributes:
        position: 1, 2, 3 … in the bordereau.
        group: Number of the line that a reader sees.
        record_json: SHA-256 of its ``record.json``: whatever changes the record changes it.
        original: SHA-256 of the bytes as they were received.
        rules: Each rule in force, ``code/version``, the deciding one first.
        sorted: Decision of a sorting, where the final action is to sort.
        file: Codes of its files.
        size: Bytes of its representations.
    """

    record: str
    position: int
    group: int
    record_json: str
    original: str
    rules: tuple[str, ...]
    starts_on: date | None
    ends_on: date | None
    due_on: date | None
    final_action: str
    sorted: str | None
    document_type: str | None
    document_date: date | None
    file: str | None
    size: int

    @property
    def rule(self) -> tuple[str | None, int | None]:
        """Code and version of the rule that decides; None without one."""
        found = re.fullmatch(r"(.+)/(\d+)", self.rules[0]) if self.rules else None
        return (found[1], int(found[2])) if found is not None else (None, None)

    def as_json(self) -> dict[str, Any]:
        """Return the line as it is stated."""
        days = {name: iso(getattr(self, name)) for name in _DAYS}
        return asdict(self) | days | {"rules": list(self.rules)}


_DAYS: Final = ("starts_on", "ends_on", "due_on", "document_date")


def read_line(told: dict[str, Any]) -> FrozenLine:
    """Read a line as it was stated."""
    days = {name: date.fromisoformat(told[name]) if told[name] else None for name in _DAYS}
    return FrozenLine(**(told | days | {"rules": tuple(told["rules"])}))


def lines_digest(lines: Sequence[FrozenLine]) -> str:
    """Return the SHA-256 of some lines, in their order."""
    return sha256(canonical([line.as_json() for line in lines])).hexdigest()


def population_digest(chunks: Iterable[str]) -> str:
    """Return the digest of a population from those of its chunks, in their order."""
    return sha256(canonical(list(chunks))).hexdigest()


def changed(before: FrozenLine, now: FrozenLine) -> bool:
    """Whether a record or a rule in force is another one than the visas were given for."""
    return (before.record_json, before.rules, before.due_on, before.sorted) != (
        now.record_json,
        now.rules,
        now.due_on,
        now.sorted,
    )
