"""Clear what crashed claims and interrupted deposits left on a machine's disk.

Every machine clears its own disk.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

SHARED_KEPT: Final = 15 * 60
JOBS_KEPT: Final = 24 * 3600
SPOOL_KEPT: Final = 24 * 3600
"""Seconds since the last write after which no work on a file goes on."""

CLEAR_EVERY: Final = 3600.0
"""Seconds between two rounds by a machine's supervisor."""


def clear(home: Path) -> None:
    """Remove everything that is older than the longest work."""
    now = time.time()
    for path, kept in (
        (home / "work" / "shared", SHARED_KEPT),
        (home / "work", JOBS_KEPT),
        (home / "spool", SPOOL_KEPT),
    ):
        if not path.is_dir():
            continue
        for left in path.iterdir():
            with suppress(FileNotFoundError):
                if left.name != "shared" and now - left.stat().st_mtime > kept:
                    _remove(left)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
