"""``make bench``: every row against its peer in this run, on screen and in ``build/bench.json``."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import time
from pathlib import Path

from tests.bench.results import TARGET

PARTS = ("ocr", "signing", "search", "service", "overhead", "simulation", "retention")


def main() -> None:
    """Run the parts asked for, all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, help="a folder of make_scans.py's layout")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    asked = parser.parse_args()
    os.environ["OMP_THREAD_LIMIT"] = "1"
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"
    )
    for part in asked.parts or PARTS:
        importlib.import_module(f"tests.bench.{part}_bench").run(asked.corpus)
    print(f"written to {TARGET.relative_to(Path.cwd()) if TARGET.is_relative_to(Path.cwd()) else TARGET}")


if __name__ == "__main__":
    main()
