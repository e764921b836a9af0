"""Figures of the retention bench: elapsed and processor time, and the table at its end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.results import add_row

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_UTIME, _CUTIME_END = 11, 15
"""Fields of ``/proc/PID/stat`` after the name: own time, then that of children that ended."""
_PATIENCE: Final = 3.0
"""Seconds of a first answer after which the question is asked once more only."""


@dataclass(frozen=True)
class Figure:
    """What one question took on one database, in seconds.

    Attributes:
        late: The slowest; of a hundred and more, the 99th percentile.
        processor: Of the program and of the database's server together, in the middle.
        goal: Of ``late``.
    """

    middle: float
    late: float
    processor: float
    goal: float


Figures = dict[str, Figure]
"""By question."""


@dataclass(frozen=True)
class Watch:
    """Times questions.

    Attributes:
        server: Process of PostgreSQL, whose children answer; None on SQLite.
    """

    name: str
    server: int | None = None

    def time(self, what: str, times: int, goal: float, act: Callable[[], Any]) -> Figure:
        """Ask so many times after a first one."""
        first = time.perf_counter()
        act()
        first = time.perf_counter() - first
        took, used = [], []
        for _ in range(times if first < _PATIENCE else 1):
            begun, spent = time.perf_counter(), self._processor()
            act()
            took.append(time.perf_counter() - begun)
            used.append(self._processor() - spent)
        took.sort()
        used.sort()
        late = took[max(0, int(len(took) * 0.99) - 1)] if len(took) >= 100 else took[-1]
        # the server's clock ticks a hundred times a second: of many, the mean is nearer
        processor = sum(used) / len(used) if self.server is not None else used[len(used) // 2]
        found = Figure(took[len(took) // 2], late, processor, goal)
        print(
            f"  {self.name:10} {what:48} p50 {found.middle * 1000:8.1f} ms  late {late * 1000:8.1f} ms"
            f"  first {first * 1000:8.1f} ms  processor {processor * 1000:8.1f} ms",
            flush=True,
        )
        return found

    def _processor(self) -> float:
        return time.process_time() + (0.0 if self.server is None else _of_family(self.server))


def _of_family(parent: int) -> float:
    """Return the processor time of a process and its children, those included that ended."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    ticks = sum(_ticks(child, _UTIME + 2) for child in children) + _ticks(str(parent), _CUTIME_END)
    return ticks / _TICKS


def _ticks(process: str, end: int) -> int:
    try:
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return 0
    return sum(int(value) for value in told[_UTIME:end])


def tell(found: dict[str, Figures], records: int) -> None:
    """Add a row for each question, the slower database's, and print a table of all."""
    load = os.getloadavg()[1]
    for what in next(iter(found.values())):
        told = [figures[what] for figures in found.values()]
        slowest = max(told, key=lambda one: one.late)
        add_row(
            f"{what}, {records:,} records", slowest.late, slowest.goal, slowest.goal / slowest.late, "s (peer: goal)"
        )
    print(f"\n{records:,} records; load {load:.1f} on {os.cpu_count()} cores. Milliseconds: p50; slowest; processor.\n")
    print("| what | " + " | ".join(found) + " | goal |")
    print("|---|" + "---|" * (len(found) + 1))
    for what, one in next(iter(found.values())).items():
        cells = [_cell(figures[what]) for figures in found.values()]
        print(f"| {what} | {' | '.join(cells)} | {one.goal * 1000:,.0f} |")


def _cell(one: Figure) -> str:
    told = "; ".join(f"{seconds * 1000:,.0f}" for seconds in (one.middle, one.late, one.processor))
    return f"**{told}**" if one.late > one.goal else told
