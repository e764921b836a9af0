"""Misbehave on demand as a parser might, for ``doctor`` and the tests of the sandbox."""

from __future__ import annotations

import errno
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

from ingestion.tools.sandboxed.job import Job, Rejected


def misbehave(job: Job) -> dict[str, Any]:
    """Misbehave in the way that ``arguments["how"]`` names."""
    how = job.arguments["how"]
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "hang":
        time.sleep(3600)
    elif how == "burn":
        while True:
            pass
    elif how == "swell":
        return {"size": len(bytearray(64 * 1024**3))}
    elif how == "flood":
        with job.outputs["flood"].open("wb") as out:
            for _ in range(4096):
                out.write(bytes(1 << 20))
    elif how == "fill":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    elif how == "say":
        raise ValueError(job.arguments["words"])
    elif how == "refuse":
        raise Rejected("encrypted", "no")
    return _reach(job.arguments.get("path", "/nowhere"))


def _reach(path: str) -> dict[str, Any]:
    """Report what a sandboxed process can reach."""
    try:
        with socket.create_connection(("127.0.0.1", 9), timeout=1):
            network = "open"
    except OSError as error:
        network = type(error).__name__
    try:
        interfaces = [name for _, name in socket.if_nameindex() if name != "lo"]
    except OSError:
        interfaces = []
    return {
        "network": network,
        "interfaces": interfaces,
        "file": Path(path).exists(),
        "environment": sorted(os.environ),  # child's environment
        "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),  # noqa: PTH208
    }
