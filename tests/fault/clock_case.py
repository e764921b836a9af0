"""The host's clock is one year ahead for a minute, and then mended: a dated hold stays in force.

``make clock-case`` runs it against the real service; it needs ``faketime`` (libfaketime), named by
``FAKETIME`` or found in the PATH. The clock of every process moves, beside that of the database.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from ingestion.queue import valkey
from tests.servers.service import Service, follow

SAMPLE = Path(__file__).resolve().parents[2] / "samples/scan-gris-6-pages.pdf"
WRONG_FOR = float(os.environ.get("CLOCK_CASE_SECONDS", "90"))


def main() -> int:
    """Run the case; 0 if the hold is in force at the end and everything agrees."""
    faketime = os.environ.get("FAKETIME") or shutil.which("faketime")
    if faketime is None:
        print("faketime is not installed: nothing was run", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder) / "home")
        service.chartrier("tenant", "create", "demo", "--name", "Commune de démonstration")
        service.start()
        key = service.key("demo", "deposit:write,record:read,hold:write,journal:read")
        with service.client(key) as client:
            record = _deposited(client, "avant")
            until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 200 * 86400))
            placed = client.post("/api/v1/holds", json={"reason": "Contentieux", "records": [record], "until": until})
            hold = placed.raise_for_status().json()["id"]
        service.stop()
        broker = valkey.start(service.home)  # its allocator can't start under faketime: the service adopts this one
        wrong = Service(service.home, LD_PRELOAD=_library(faketime), FAKETIME="+365d")
        wrong.start()
        with wrong.client(key) as client:
            answer = client.post("/api/v1/deposits", headers={"Idempotency-Key": "faux"}, files=_file("faux"))
            print(f"a deposit under the wrong clock: {answer.status_code}")
            accepted = answer.status_code == 202
            time.sleep(WRONG_FOR)
            during = client.get(f"/api/v1/holds/{hold}").json()["state"]
        wrong.stop()
        if broker is not None:
            broker.terminate()
            broker.wait(30)
        service.start()
        time.sleep(5)
        with service.client(key) as client:
            after = client.get(f"/api/v1/holds/{hold}").json()["state"]
        shown = service.chartrier("clock", "show").stdout
        confirmed = service.chartrier("clock", "confirm").stdout
        again = service.chartrier("clock", "show").stdout
        verified = service.chartrier("verify", "--all", check=False)
        service.stop()
    print(f"the hold: {during} under the wrong clock, {after} after it was mended\n{shown}{confirmed}{again}")
    print(f"verify --all: exit {verified.returncode}")
    fine = (during, after, accepted) == ("active", "active", True) and "doute" in shown and "sûre" in again
    return 0 if fine and verified.returncode == 0 else 1


def _deposited(client: httpx2.Client, name: str) -> str:
    answer = client.post("/api/v1/deposits", headers={"Idempotency-Key": name}, files=_file(name))
    view = follow(client, answer.raise_for_status().json()["id"], wait=300)
    return str(view["record_id"])


def _file(name: str) -> dict[str, tuple[str, bytes, str]]:
    return {"file": (f"{name}.pdf", SAMPLE.read_bytes() + f"\n% {name}\n".encode(), "application/pdf")}


def _library(faketime: str) -> str:
    """Return the library that the program would load."""
    root = Path(faketime).resolve().parents[1]
    return str(next(root.glob("lib/**/faketime/libfaketimeMT.so.1")))


if __name__ == "__main__":
    sys.exit(main())
