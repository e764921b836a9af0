"""One home at each clock of the calendar of proofs, by faketime: what its processes do there.

``make calendar-case`` runs the real service on a copy of one home under each clock. A step forward
is confirmed as an administrator would. Received must be 202 at every clock; where certificates
hold, a deposit becomes a sealed record and the record of year 0 verifies; where they do not, it
waits and its page says why.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from ingestion.queue import valkey
from tests.fault.clock_case import _file, _library
from tests.servers.service import Service, follow

_YEAR = 365
_CLOCKS = {"0": 0, "+1": 1, "+4": 4, "+9.75": 9.75, "+10.1": 10.1, "+19.8": 19.8, "+21": 21, "+31": 31, "-10": -10}
_PATIENCE = 180
_SCOPES = "deposit:write,record:read,hold:write,journal:read"


def main(names: list[str]) -> int:
    """Run the clocks named, or all; 0 if each is as the table of the documents says."""
    faketime = os.environ.get("FAKETIME") or shutil.which("faketime")
    if faketime is None:
        print("faketime is not installed: nothing was run", file=sys.stderr)
        return 2
    days = {name: int(years * _YEAR) for name, years in _CLOCKS.items()}
    days["2050"] = (datetime(2050, 1, 1, 12, tzinfo=UTC) - datetime.now(UTC)).days + 1
    with tempfile.TemporaryDirectory() as folder:
        first = Service(Path(folder) / "home")
        first.chartrier("tenant", "create", "demo", "--name", "Commune de démonstration")
        first.start()
        key = first.key("demo", _SCOPES)
        with first.client(key) as client:
            record = str(_deposited(client, "avant")["record_id"])
        first.stop()
        wrong = []
        print("clock   received  new deposit                    old record  seals  days left")
        for name in names or days:
            home = Path(folder) / f"at{name}"
            shutil.copytree(first.home, home, symlinks=True, ignore=shutil.ignore_patterns("run"))
            told = at(home, faketime, days[name], key, record)
            fine = told["received"] == 202 and told["fine"]
            print(f"{name:7} {told['received']:8}  {told['new']:30} {told['old']:11} {told['seals']:5}  {told['left']}")
            if not fine:
                wrong.append(name)
            shutil.rmtree(home)
    print(f"as documented: {not wrong}" + (f" (not {', '.join(wrong)})" if wrong else ""))
    return 1 if wrong else 0


def at(home: Path, faketime: str, days: int, key: str, record: str) -> dict[str, Any]:
    """Run the service on a home under a clock moved by days, and return what it did."""
    with _broker() as url:  # its allocator does not bear a false clock
        moved = {"LD_PRELOAD": _library(faketime), "FAKETIME": f"{days:+d}d", "CHARTRIER_BROKER_URL": url}
        return _at(Service(home, **moved), days, key, record)


@contextmanager
def _broker() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(valkey.find_server()), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        running.terminate()
        running.wait(10)


def _at(service: Service, days: int, key: str, record: str) -> dict[str, Any]:
    home = service.home
    service.start()
    if days > 0:
        service.chartrier("clock", "confirm", check=False)
        service.stop()
        service.start()
    valid = service.key("demo", _SCOPES) if days > 0 else key  # a key ends after a year
    with service.client(valid) as client:
        answer = client.post("/api/v1/deposits", headers={"Idempotency-Key": "apres"}, files=_file("apres"))
        view = _ended(client, answer.json()["id"]) if answer.status_code == 202 else {}
    seal: dict[str, Any] = next(
        (s for s in view.get("stages", []) if s["name"] == "seal"), {"state": "?", "detail": None}
    )
    shown = service.chartrier("seal", "show", "--json", check=False).stdout
    ends = {line["what"]: line["days_left"] for line in map(json.loads, shown.splitlines())}
    verified = service.chartrier("verify", record, "--tenant", "demo", "--json", check=False)
    old = json.loads(verified.stdout.splitlines()[0])["verdict"] if verified.stdout.strip() else "?"
    seals = len(list((home / "trust" / "own").glob("seal-*.pem")))
    service.stop()
    sealed = view.get("state") == "kept" and seal["state"] == "done"
    waits = seal["state"] == "waiting" and bool(seal["detail"])
    return {
        "received": answer.status_code,
        "new": "kept, sealed" if sealed else f"{seal['state']}: {(seal['detail'] or '')[:20]}",
        "old": old,
        "seals": seals,
        "left": min(ends.values(), default=None),
        "fine": waits if days < 0 else sealed and old == "intact",
    }


def _ended(client: httpx2.Client, deposit_id: str) -> dict[str, Any]:
    """Follow a deposit until it is kept, or waits with a reason."""
    for _ in range(_PATIENCE):
        view: dict[str, Any] = client.get(f"/api/v1/deposits/{deposit_id}").json()
        waits = any(stage["state"] == "waiting" and stage["detail"] for stage in view["stages"])
        if view["state"] not in {"received", "working"} or waits:
            return view
        time.sleep(1)
    return view


def _deposited(client: httpx2.Client, name: str) -> dict[str, Any]:
    answer = client.post("/api/v1/deposits", headers={"Idempotency-Key": name}, files=_file(name))
    return dict(follow(client, answer.raise_for_status().json()["id"], wait=300))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
