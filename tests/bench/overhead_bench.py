"""What the whole service spends on a scan beyond recognising it.

In processor time of every process of the service, so that who else uses the machine doesn't count:
receipt, queue, forks, checkpoints, hashing, PDF/A, two validations, seal, store, journal, index.
Against it, the same pages recognised by the same code in this process, model already loaded:
preparing the picture and reading it.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.results import add_row
from tests.servers.service import Service, _flat

SCAN = Path(__file__).resolve().parents[2] / "samples" / "scan-gris-6-pages.pdf"
ROUNDS = 3
_IDLE = 5.0
_TICK = os.sysconf("SC_CLK_TCK")


def run(_corpus: Path | None = None) -> None:
    """One row."""
    with tempfile.TemporaryDirectory(prefix="chartrier-bench-") as given:
        folder = Path(given)
        service = Service(folder / "home")
        service.chartrier("tenant", "create", "demo", "--name", "Banc d’essai")
        service.start()
        try:
            rounds = [_round(service, folder, number) for number in range(ROUNDS + 1)][1:]
        finally:
            service.stop()
    whole, bare = (statistics.median(side) for side in zip(*rounds, strict=True))
    share = statistics.median(100 * (spent - alone) / alone for spent, alone in rounds)
    add_row(
        "whole service, one 6-page scan", whole, bare, bare / whole, "s of processor (peer: recognition)", rounds=ROUNDS
    )
    add_row("pipeline beyond recognition", share, None, None, "% of recognition's processor time", rounds=ROUNDS)


def _round(service: Service, folder: Path, number: int) -> tuple[float, float]:
    """Processor seconds of the service for one document, and of bare recognition beside it."""
    path = folder / f"scan-{number}.pdf"
    path.write_bytes(SCAN.read_bytes() + b"\n%%%d\n" % number)
    before, begun = _spent(service), time.monotonic()
    time.sleep(_IDLE)
    at_rest = (_spent(service) - before) / (time.monotonic() - begun)
    before, begun = _spent(service), time.monotonic()
    _kept(service, path)
    spent = _spent(service) - before - at_rest * (time.monotonic() - begun)
    return spent, _recognised(path, folder)


def _kept(service: Service, path: Path) -> None:
    """Deposit, and look seldom: each look costs the service something."""
    with service.client(service.key()) as client:
        answer = client.post(
            "/api/v1/deposits",
            headers={"Idempotency-Key": path.stem},
            files={"file": (path.name, path.read_bytes())},
        )
        assert answer.status_code == 202, answer.text
        limit = time.monotonic() + 300
        while time.monotonic() < limit:
            time.sleep(1)
            view: dict[str, Any] = client.get(f"/api/v1/deposits/{answer.json()['id']}").json()
            if view["state"] == "kept" and view["stages"][-1]["state"] == "done":
                return
            assert view["state"] not in {"quarantined", "refused"}, view
    raise AssertionError("not kept in time")


def _recognised(path: Path, folder: Path) -> float:
    from ingestion.tools.sandboxed.job import Job
    from ingestion.tools.sandboxed.recognise import recognise_pages, warm

    warm()
    words = folder / "words"
    begun = time.process_time()
    recognise_pages(Job({"first": 1, "last": 6, "engine": "tesserocr"}, {"source": path}, {"words": words}, folder))
    return time.process_time() - begun


def _spent(service: Service) -> float:
    """Processor seconds of all processes of the service, ended children included."""
    parents: dict[int, int] = {}
    spent: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
        spent[int(entry.name)] = sum(int(ticks) for ticks in fields[11:15])
    ours = set(_flat(service.processes()["pids"]))
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in ours} - ours
        grown = bool(more)
        ours |= more
    return sum(spent.get(pid, 0) for pid in ours) / _TICK
