"""Print events of the supervisor for operators, one line of JSON each."""

from __future__ import annotations

import json
import sys

from signing.ground.clock import stamp, utc_now


def announce(event: str, **facts: object) -> None:
    """Print an event to standard error."""
    line = {"event": event, "timestamp": stamp(utc_now()), **facts}
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stderr.flush()
