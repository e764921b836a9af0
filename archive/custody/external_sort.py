"""Sort identifiers on disk, merge them in order and sum them up by a digest."""

from __future__ import annotations

import hashlib
import heapq
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import IO, Final

_RUN: Final = 200_000
"""Lines sorted in memory at once: some 20 MB of identifiers."""


@dataclass(frozen=True)
class IdSet:
    """Number of identifiers, and the SHA-256 over them in order, each followed by a line break."""

    count: int
    sha256: str


def summed(ids: Iterable[str]) -> IdSet:
    """Sum up identifiers that come in order; count duplicates once."""
    digest, count = hashlib.sha256(), 0
    for one, _ in groupby(ids):
        digest.update(f"{one}\n".encode())
        count += 1
    return IdSet(count, digest.hexdigest())


class Sorter:
    """Sort lines that come in any order; memory stays that of one run."""

    def __init__(self, run: int = _RUN) -> None:
        self._most = run
        self._lines: list[str] = []
        self._runs: list[IO[str]] = []

    def add(self, line: str) -> None:
        """Add one line, which must not contain a line break."""
        self._lines.append(line)
        if len(self._lines) >= self._most:
            self._spill()

    def _spill(self) -> None:
        run = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed with the sorter
        run.writelines(f"{line}\n" for line in sorted(self._lines))
        self._runs.append(run)
        self._lines.clear()

    def __iter__(self) -> Iterator[str]:
        for run in self._runs:
            run.seek(0)
        on_disk = ((line[:-1] for line in run) for run in self._runs)
        return heapq.merge(*on_disk, sorted(self._lines))

    def close(self) -> None:
        """Close the temporary files."""
        for run in self._runs:
            run.close()
