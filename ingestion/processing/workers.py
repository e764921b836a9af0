"""Name workers, and see whether the processes behind the names still live."""

from __future__ import annotations

import os
from pathlib import Path


def this_worker() -> str:
    """Return the name of this process: machine, pid, start time, and those of its parent.

    The start time distinguishes a process from a later one with the same pid. The parent
    distinguishes a worker that died alone (its document may be the cause) from one that ended with
    the whole service (it is not).
    """
    pid, parent = os.getpid(), os.getppid()
    return f"{_machine()}:{pid}:{_started(pid)}:{parent}:{_started(parent)}"


def died(owner: str) -> bool:
    """Whether the process is known to be gone; False for another machine, as that is unknown."""
    machine, _, rest = owner.partition(":")
    if machine != _machine():
        return False
    pid, started, *_ = rest.split(":")
    return _started(int(pid)) != started


def lives(owner: str) -> bool:
    """Whether the process is known to live; False for another machine, as that is unknown."""
    machine, _, rest = owner.partition(":")
    return machine == _machine() and not died(owner) and bool(rest)


def died_alone(owner: str) -> bool:
    """Whether the process is gone and its parent lives; True also when that is unknown."""
    machine, _, rest = owner.partition(":")
    if machine != _machine():
        return True
    parent, started = rest.split(":")[2:4]
    return _started(int(parent)) == started


def _machine() -> str:
    """Return a name that changes at each boot and in each container.

    So pids are never compared across them.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    return f"{boot}-{Path('/proc/self/ns/pid').stat().st_ino}"


def _started(pid: int) -> str:
    """Return the start time of a living process, in clock ticks since boot.

    Empty when it is gone or a zombie.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in {"Z", "X"} else fields[18]
