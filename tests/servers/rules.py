"""Read rules and expressions with Prometheus's own reader, built from its Go packages."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers.presence import CACHE, HERE, absent, program

VERSION = "v0.316.0"


def _checker() -> Path:
    """Return the path of the program: from the cache, else built once by Go (a minute)."""
    found = CACHE / f"rules-checker-{VERSION}"
    if found.is_file():
        return found
    CACHE.mkdir(parents=True, exist_ok=True)
    making = CACHE / f"rules-checker-{VERSION}.making.{os.getpid()}"
    done = subprocess.run(
        [program("go"), "build", "-trimpath", "-o", str(making), "."],
        cwd=HERE / "rules_checker",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        absent(f"Prometheus's reader of rules (it did not build: {done.stderr[-300:]})")
    making.replace(found)
    return found


def rules(path: Path) -> list[dict[str, Any]]:
    """Return each rule of a file: ``alert``, ``expr`` and the ``metrics`` that it asks for.

    Raises:
        AssertionError: Prometheus refuses the file.
    """
    return _read([str(path)])


def expressions(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Return the same of single expressions.

    Raises:
        AssertionError: Prometheus refuses one of them.
    """
    return _read(["-"], "".join(f"{line}\n" for line in lines))


def _read(arguments: list[str], given: str = "") -> list[dict[str, Any]]:
    done = subprocess.run([str(_checker()), *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
