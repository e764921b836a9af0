"""Real programs and validators on this machine: found, or made once in a cache."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chartrier"
HERE = Path(__file__).resolve().parent


def absent(what: str) -> None:
    """Skip the test with a reason that is counted and printed; fail when services are required."""
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"REQUIRE_SERVICES=1 and {what} is absent")
    pytest.skip(f"{what} is absent on this machine")


def program(name: str) -> str:
    """Return the path of a program; skip the test, counted, when it is absent."""
    found = shutil.which(name)
    if found is None:
        absent(name)
    assert found is not None
    return found


def verapdf(paths: Sequence[Path], flavour: str = "2b") -> list[dict[str, Any]]:
    """Judge files with veraPDF 1.30.2; return one JSON object for each.

    Its ``compliant`` is true, false or null. The program is built once with Maven into the cache;
    the test is skipped where Java or Maven is absent.
    """
    for needed in ("java", "mvn"):
        program(needed)
    folder = CACHE / "verapdf-1.30.2"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "verapdf-1.30.2.lock").open("w") as lock:  # its first run builds it: a second caller waits
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "run.sh").exists():
            shutil.copytree(HERE / "verapdf", folder, dirs_exist_ok=True)
        if not (folder / "target-lib" / ".done").exists():
            subprocess.run(["sh", str(folder / "run.sh"), "-f", flavour], capture_output=True, check=False)
    done = subprocess.run(
        ["sh", str(folder / "run.sh"), "-f", flavour, *map(str, paths)],
        env={"JAVA_OPTS": "-Xmx1g -XX:+UseSerialGC -XX:TieredStopAtLevel=1"} | os.environ,  # it runs for seconds only
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if len(rows) != len(paths):
        absent(f"veraPDF (its build or run failed: {done.stderr[-300:]})")
    return rows
