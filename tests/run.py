"""Run every tier of tests, several at the same time, and sum up.

Prints what each tier said when it ends, then a line a tier, every skip with its reason, and one
closing line. ``REQUIRE_SERVICES=1`` turns skips for absent servers, browsers and validators into
failures (see tests/servers/presence.py). With ``--services`` it runs the tests marked ``services``,
which start real servers, and no other; without, all the others.

A test mostly waits: for a server, a worker, a browser. So more test processes run than there are
processors: ``TEST_SLOTS`` says how many (1: one after the other). Tiers share nothing but the
machine.

Files of tests lie in memory where there is room (``TEST_MEMORY=0``: on the disk): a test asks for
thousands of ``fsync``, and no power is cut here but by ``tests/steps.py``, which counts them.

Tests run in an order drawn from ``TEST_ORDER`` (a number, or ``random``): by default the same one
everywhere, so that what fails here fails there. ``pytest`` by itself draws another one each time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "build" / "tests"
ORDER = ("architecture", "unit", "contract", "e2e", "fault", "browser")
CORES = os.cpu_count() or 1
MEMORY = Path("/dev/shm")
ROOM = 8 << 30
"""Bytes that must be free there and in the machine: at most 3 GiB are used at a time."""
TIERS = {
    "e2e": (2, "loadgroup"),
    "browser": (1, "no"),
    "fault": (1, "no"),
    "unit": (CORES, "loadgroup"),
    "contract": (CORES, "loadgroup"),
    "architecture": (1, "no"),
}
"""Test processes of each tier and how tests are dealt out to them, in the order in which tiers are
begun: first those that no more processes would make faster.
"""
SERVICE_TIERS = {
    "fault": (2, "loadgroup"),
    "e2e": (2, "loadgroup"),
    "contract": (2, "loadgroup"),
    "unit": (2, "loadgroup"),  # a file's tests share the servers that its worker started
}

_ORDERED = dict.fromkeys(("e2e", "fault"), ("--no-loadscope-reorder",))
"""Tiers that say by themselves which groups take longest (``LONGEST`` in their ``conftest.py``): a
long one that is begun last has the machine for itself.
"""


@dataclass(frozen=True)
class Running:
    """A tier under way.

    Attributes:
        workers: Slots that it takes.
        log: What it prints: shown at its end, so that tiers don't talk into each other.
    """

    tier: str
    workers: int
    log: Path
    process: subprocess.Popen[bytes]
    begun: float


@dataclass(frozen=True)
class Ended:
    """How a tier ended.

    Attributes:
        counts: Passed, failed, skipped.
        skips: The reason of each skip.
    """

    tier: str
    counts: tuple[int, int, int]
    skips: list[str]
    seconds: float
    code: int


def main() -> int:
    """Run the tiers; 0 only if every one held."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    services = "--services" in sys.argv[1:]
    named = [name for name in sys.argv[1:] if name != "--services"]
    tiers = SERVICE_TIERS if services else TIERS
    slots = int(os.environ.get("TEST_SLOTS") or CORES + (2 if services else 4))  # servers work too
    wanted = {name: how for name, how in tiers.items() if not named or name in named}
    scratch = Path(tempfile.mkdtemp(prefix="t-", dir=_place()))  # short: sockets lie in it
    scratch.chmod(0o755)  # servers with an account of their own pass through, as through /tmp
    try:
        ended = _run(wanted, slots, scratch, services=services)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    ended.sort(key=lambda one: ORDER.index(one.tier))
    return _sum_up(ended, services=services)


def _place() -> Path | None:
    """Return a folder in memory for the files of tests; None: there is no room, or it is asked for
    the disk.
    """
    if os.environ.get("TEST_MEMORY") == "0" or not (MEMORY.is_dir() and os.access(MEMORY, os.W_OK)):
        return None
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    return MEMORY if min(free, shutil.disk_usage(MEMORY).free) > ROOM and _takes_direct_writes(MEMORY) else None


def _takes_direct_writes(folder: Path) -> bool:
    """Whether a server that goes past the page cache (MinIO) can write there."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        try:
            os.close(os.open(file.name, os.O_RDWR | os.O_DIRECT))
        except OSError:
            return False
    return True


def _run(waiting: dict[str, tuple[int, str]], slots: int, scratch: Path, *, services: bool) -> list[Ended]:
    running: list[Running] = []
    ended: list[Ended] = []
    try:
        while waiting or running:
            for tier, (wished, dealt) in list(waiting.items()):
                workers = min(wished, slots)
                if workers <= slots - sum(one.workers for one in running):
                    running.append(_begin(tier, workers, dealt, scratch, services=services))
                    del waiting[tier]
            time.sleep(0.1)
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                ended.append(_end(one))
    finally:
        for one in running:  # interrupted
            one.process.terminate()
            one.process.wait()
    return ended


def _begin(tier: str, workers: int, dealt: str, scratch: Path, *, services: bool) -> Running:
    report, log = REPORTS / f"{tier}.xml", REPORTS / f"{tier}.log"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", f"tests/{tier}", "-q", f"--junitxml={report}"]
    command += ["-m", "services" if services else "not services"]
    command += [f"--basetemp={scratch / tier}", "-o", "tmp_path_retention_policy=failed"]
    order = os.environ.get("TEST_ORDER", "1")
    command += [] if order == "random" else [f"--randomly-seed={order}"]
    command += ["-n", str(workers), "--dist", dealt, *_ORDERED.get(tier, ())] if workers > 1 else ["-n", "0"]
    print(f"{tier}: begun", flush=True)
    environment = os.environ | {"OMP_THREAD_LIMIT": "1", "TMPDIR": str(scratch)}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    return Running(tier, workers, log, process, time.monotonic())


def _end(one: Running) -> Ended:
    seconds = time.monotonic() - one.begun
    print(f"{one.tier}: ended\n{one.log.read_text(encoding='utf-8', errors='replace')}", flush=True)
    counts, skips = _read(REPORTS / f"{one.tier}.xml")
    return Ended(one.tier, counts, skips, seconds, one.process.returncode)


def _sum_up(ended: list[Ended], *, services: bool) -> int:
    print("\ntier            passed  failed  skipped   seconds")
    for one in ended:
        passed, failed, skipped = one.counts
        print(f"{one.tier:<14} {passed:>7} {failed:>7} {skipped:>8} {one.seconds:>9.1f}")
    for (tier, reason), count in sorted(Counter((one.tier, reason) for one in ended for reason in one.skips).items()):
        print(f"skipped  {count:>4} of {tier}: {reason}")
    passed, failed, skipped = (sum(one.counts[i] for one in ended) for i in range(3))
    broken = [one.tier for one in ended if one.code != 0]
    if broken and not failed:
        failed = len(broken)
        print(f"did not run to the end: {', '.join(broken)}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    if services and skipped and os.environ.get("REQUIRE_SERVICES") == "1":
        print("services are required: a skip is a failure")
        return 1
    return 1 if broken else 0


def _read(report: Path) -> tuple[tuple[int, int, int], list[str]]:
    if not report.exists():
        return (0, 0, 0), []
    passed = failed = 0
    skips = []
    for case in ET.parse(report).getroot().iter("testcase"):  # our own pytest wrote it
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif (skip := case.find("skipped")) is not None:
            skips.append(skip.get("message", ""))
        else:
            passed += 1
    return (passed, failed, len(skips)), skips


if __name__ == "__main__":
    sys.exit(main())
