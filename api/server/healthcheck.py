"""The health check of containers: whether parts of the service run on this machine.

``python -m api.server.healthcheck [api] [worker] [beat]``, all three when none is named, ends with
0 when the supervisor and each of these processes run and the API answers. It doesn't ask the
database, the store or the broker: a container must not be restarted because another server is
away. Work that does not move is an alarm of ``/metrics``.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from api.server.processes import start_ticks
from ingestion.settings import load_settings
from signing.ground.errors import ChartrierError

_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - addresses to replace, not to listen on
PARTS: Final = ("api", "worker", "beat")


def faults(home: Path, parts: tuple[str, ...]) -> list[str]:
    """Return one sentence for each part that does not run; empty when all do."""
    found: dict[str, str] = dict.fromkeys(parts, "was not started here")
    for path in sorted((home / "run").glob("service*.json")):
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            supervised = _lives(state, "supervisor")
        except (OSError, ValueError, KeyError):
            continue
        for part in parts:
            if part in state["pids"]:
                found[part] = _fault(state, part) if supervised else "its supervisor is gone"
    return [f"{part}: {fault}" for part, fault in found.items() if fault]


def _lives(state: dict[str, Any], name: str) -> bool:
    started = start_ticks(state["pids"][name])
    return started is not None and started == state["starts"][name]


def _fault(state: dict[str, Any], part: str) -> str:
    if not _lives(state, part):
        return "is not running"
    if part != "api":
        return ""
    address = urlsplit(state["address"])
    host = _ANY.get((address.hostname or "").strip("[]"), address.hostname)
    try:
        with urllib.request.urlopen(f"http://{host}:{address.port}/health/live", timeout=5) as answer:
            return "" if answer.status == 200 else f"answers {answer.status}"
    except (OSError, urllib.error.URLError) as error:
        return f"does not answer: {error}"


def main(arguments: list[str] | None = None) -> int:
    """Print each fault on a line of standard error; return 1 if there is any, else 0."""
    asked = tuple(sys.argv[1:] if arguments is None else arguments) or PARTS
    try:
        said = faults(load_settings().home, asked)
    except ChartrierError as error:
        said = [str(error)]
    sys.stderr.write("".join(f"{line}\n" for line in said))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
