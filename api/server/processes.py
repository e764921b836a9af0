"""Find and end processes that outlive the one that started them."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_BROKER: Final = "valkey"


def die_with_parent() -> None:
    """Ask the kernel, in a child, for SIGTERM as soon as the supervisor is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def start_ticks(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot; None when it is gone.

    The pid and this number together are never given twice. A zombie (ended, but its parent has not
    asked after it) counts as gone.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def end_orphans(home: Path, record: Path) -> list[int]:
    """End the processes that an earlier supervisor of this home left when it was killed.

    Returns their pids. The broker is left alone: one that answers is adopted. A process is ours if
    the record names it with its start, or if it belongs to the process group of one that the record
    names and our home is its working folder.
    """
    try:
        state = json.loads(record.read_text(encoding="utf-8"))
        named = {
            int(pid): state["starts"].get(name)
            for name, pid in state["pids"].items()
            if name not in {_BROKER, "supervisor"}
        }
    except (OSError, ValueError, KeyError, AttributeError):
        return []
    ours = [pid for pid, start in named.items() if start is not None and start_ticks(pid) == start]
    ours += [pid for pid, group in _processes_in(home) if group in named and pid not in ours]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in ours:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        wait_gone(ours, 3)
    return ours


def wait_gone(pids: Iterable[int], within: float) -> None:
    """Wait until none of these processes runs any more, at most ``within`` seconds."""
    limit = time.monotonic() + within
    waiting = list(pids)
    while time.monotonic() < limit and any(_is_running(pid) for pid in waiting):
        time.sleep(0.02)


def _is_running(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in {"Z", "X"}


def _processes_in(home: Path) -> Iterable[tuple[int, int]]:
    """Yield the pid and process group of each process whose working folder is the home."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            if (entry / "cwd").readlink() == home:
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                yield int(entry.name), int(fields[2])


def kill_group(pid: int) -> None:
    """End the rest of a process group whose leader, a child of ours, has ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
