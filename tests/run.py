"""Run every tier of tests, serially where a browser or a whole service is involved, and sum up.

Prints a line a tier, every skip with its reason, and one closing line. ``REQUIRE_SERVICES=1`` turns skips for
absent servers, browsers and validators into failures (see tests/servers/presence.py). With ``--services`` it runs
the tests marked ``services``, which start real servers, and no other; without, all the others.

Tests run in an order drawn from ``TEST_ORDER`` (a number, or ``random``): by default the same one everywhere, so that
what fails here fails there. ``pytest`` by itself draws another one each time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIERS = {
    "architecture": ["-n", "0"],
    "unit": ["-n", "2"],
    "contract": ["-n", "2"],
    "e2e": ["-n", "0"],
    "fault": ["-n", "0"],
    "browser": ["-n", "0"],
}
SERVICE_TIERS = {
    "unit": ["-n", "2", "--dist", "loadfile"],  # a file's tests share the servers that its worker started
    "contract": ["-n", "2", "--dist", "loadfile"],
    "e2e": ["-n", "0"],
    "fault": ["-n", "0"],
}


def main() -> int:
    """Run the tiers; 0 only if every one held."""
    reports = ROOT / "build" / "tests"
    reports.mkdir(parents=True, exist_ok=True)
    services = "--services" in sys.argv[1:]
    order = os.environ.get("TEST_ORDER", "1")
    drawn = [] if order == "random" else [f"--randomly-seed={order}"]
    tiers = SERVICE_TIERS if services else TIERS
    marked = ["-m", "services" if services else "not services"]
    wanted = [name for name in sys.argv[1:] if name != "--services"] or list(tiers)
    rows, skips = [], []
    for tier in wanted:
        report = reports / f"{tier}.xml"
        report.unlink(missing_ok=True)
        started = time.monotonic()
        code = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                f"tests/{tier}",
                "-q",
                f"--junitxml={report}",
                *marked,
                *drawn,
                *tiers[tier],
            ],
            cwd=ROOT,
            env=os.environ | {"OMP_THREAD_LIMIT": "1"},
            check=False,
        ).returncode
        counts, reasons = _read(report)
        rows.append((tier, *counts, time.monotonic() - started, code))
        skips += [(tier, reason) for _name, reason in reasons]
    print("\ntier            passed  failed  skipped   seconds")
    for tier, passed, failed, skipped, seconds, _code in rows:
        print(f"{tier:<14} {passed:>7} {failed:>7} {skipped:>8} {seconds:>9.1f}")
    for (tier, reason), count in sorted(Counter(skips).items()):
        print(f"skipped  {count:>4} of {tier}: {reason}")
    passed, failed, skipped = (sum(row[i] for row in rows) for i in (1, 2, 3))
    broken = [row[0] for row in rows if row[5] != 0]
    if broken and not failed:
        failed = len(broken)
        print(f"did not run to the end: {', '.join(broken)}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    if services and skipped and os.environ.get("REQUIRE_SERVICES") == "1":
        print("services are required: a skip is a failure")
        return 1
    return 1 if broken else 0


def _read(report: Path) -> tuple[tuple[int, int, int], list[tuple[str, str]]]:
    if not report.exists():
        return (0, 0, 0), []
    passed = failed = skipped = 0
    reasons = []
    for case in ET.parse(report).getroot().iter("testcase"):  # our own pytest wrote it
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif (skip := case.find("skipped")) is not None:
            skipped += 1
            reasons.append((case.get("name", ""), skip.get("message", "")))
        else:
            passed += 1
    return (passed, failed, skipped), reasons


if __name__ == "__main__":
    sys.exit(main())
