"""Tessera's ``fsck``, which checks a tiled transparency log by its files and public key."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.servers.presence import CACHE, absent, program

VERSION = "v1.0.4"
_MODULE = f"github.com/transparency-dev/tessera/cmd/fsck@{VERSION}"


def fsck() -> Path:
    """Return the path of the program: from the cache, else built once by Go (a minute)."""
    found = CACHE / f"tessera-fsck-{VERSION}"
    if found.is_file():
        return found
    building = CACHE / f"tessera-fsck-{VERSION}.building.{os.getpid()}"
    building.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [program("go"), "install", "-trimpath", "-ldflags", "-s -w", _MODULE],
        env={**os.environ, "GOBIN": str(building)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        absent(f"tessera fsck (it did not build: {done.stderr[-300:]})")
    (building / "fsck").replace(found)
    building.rmdir()
    return found


def accepts(journal: Path, vkey: str, folder: Path, *, seconds: float = 30) -> bool:
    """Return whether fsck accepts the log.

    On a damaged bundle it never ends, so a time-out (``seconds``) counts as a refusal.
    """
    public = folder / "log.vkey"
    public.write_text(vkey)
    command = [str(fsck()), "--ui=false", f"--storage_url={journal.as_uri()}/", f"--public_key={public}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
