"""What a department's servers cost and give: receipts, the follower's lag,
memory, a second worker.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2

from ingestion.assembly import assemble
from ingestion.settings import load_settings
from tests.bench.results import SERVICES, add_row
from tests.bench.service_bench import CALLERS, MEGABYTE, SAMPLES, _timed
from tests.fault.backstage import letter
from tests.servers import minio
from tests.servers.department import Department
from tests.servers.elasticsearch import Node, home
from tests.servers.postgres import Postgres
from tests.servers.service import Service, _children, follow

RECEIPTS = 200
STEADY = 20.0
"""Deposits a second."""
STEADY_FOR = 15.0
REGISTER = 48
"""Pages."""


def run(parts: Sequence[str]) -> None:
    """The parts asked for, on servers started once."""
    with (
        tempfile.TemporaryDirectory(prefix="chartrier-department-bench-", dir="/tmp") as name,
        _department(Path(name)) as servers,
    ):
        folder = Path(name)
        with _service(folder / "department", servers.settings("redis")) as ours:
            if "receipts" in parts:
                receipts(ours, folder)
            if "memory" in parts:
                memory(ours, servers)
            if "lag" in parts:
                lag(ours)
        if "workers" in parts:
            workers(servers, folder)


@contextmanager
def _department(folder: Path) -> Iterator[Department]:
    home()
    made = Department(Postgres(), minio.server(folder / "minio"), Node(folder / "elasticsearch"))
    try:
        made.postgres.start()
        made.minio.process.start()
        made.elasticsearch.start()
        made.broker("redis", folder)
        yield made
    finally:
        for broker in made.brokers.values():
            broker.stop()
        made.elasticsearch.kill()
        made.minio.process.kill()
        made.postgres.stop()


@contextmanager
def _service(home: Path, settings: dict[str, str], only: str = "") -> Iterator[Service]:
    service = Service(home, **settings)
    service.only = only
    if "worker" not in only:
        service.chartrier("tenant", "create", "demo", "--name", "Banc d’essai")
    service.start(within=120)
    try:
        yield service
    finally:
        service.stop()


def receipts(ours: Service, folder: Path) -> None:
    """Deposits of 1 MB acknowledged by 8 callers on PostgreSQL and MinIO, then on one machine
    alone.
    """
    department = _acknowledged(ours)
    with _service(folder / "embedded", {}) as alone:
        embedded = _acknowledged(alone)
    unit = "deposits/s (peer: one machine, SQLite and local files)"
    name = "deposits acknowledged, PostgreSQL and MinIO"
    add_row(name, department[0], embedded[0], department[0] / embedded[0], unit, rounds=RECEIPTS, target=SERVICES)
    for place, quantile in ((1, "p50"), (2, "p99")):
        a, b = department[place], embedded[place]
        add_row(f"deposit acknowledged, {quantile}", a, b, b / a, "ms (same peer)", rounds=RECEIPTS, target=SERVICES)


def _acknowledged(service: Service) -> tuple[float, float, float]:
    key = service.key()
    body = os.urandom(MEGABYTE)
    clients = [service.client(key) for _ in range(CALLERS)]
    made: list[str] = []

    def post(number: int) -> None:
        content = number.to_bytes(8, "big") + body
        made.append(_post(clients[number % CALLERS], f"r-{number}", f"d{number}.bin", content))

    found = _timed(post, RECEIPTS)
    for deposit_id in made:  # its workers share the cores with whatever is measured next
        follow(clients[0], deposit_id, wait=1800)
    for client in clients:
        client.close()
    return found


def _post(client: httpx2.Client, key: str, name: str, content: bytes) -> str:
    answer = client.post("/api/v1/deposits", headers={"Idempotency-Key": key}, files={"file": (name, content)})
    assert answer.status_code == 202, answer.text
    made: str = answer.json()["id"]
    return made


def lag(service: Service) -> None:
    """From the journal's entry that a record is kept to the index that has it, under steady
    deposits.
    """
    key = service.key()
    system = assemble(load_settings(service.environment))
    seen: list[tuple[float, int]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            seen.append((time.time(), system.index.position("demo")))

    watcher = threading.Thread(target=watch)
    with service.client(key) as client:
        before = _last_entry(client)
        watcher.start()
        ids = _steady(client)
        for deposit_id in ids:
            follow(client, deposit_id, wait=1800)
        over.set()
        watcher.join()
        kept = [entry for entry in _entries(client, before) if entry["type"] == "RecordKept"]
    system.close()
    lags = [_found_at(seen, entry["n"]) - datetime.fromisoformat(entry["at"]).timestamp() for entry in kept]
    cut = statistics.quantiles(lags, n=100)
    name = f"follower's lag at {STEADY:.0f} deposits/s"
    for quantile, value in (("p50", cut[49]), ("p99", cut[98])):
        add_row(f"{name}, {quantile}", value, None, None, "s", rounds=len(lags), target=SERVICES)


def _steady(client: httpx2.Client) -> list[str]:
    """Letters at a steady pace, whatever each takes."""
    begun = time.monotonic()

    def send(number: int) -> str:
        time.sleep(max(0.0, begun + number / STEADY - time.monotonic()))
        return _post(client, f"lag-{number}", f"lettre-{number}.pdf", letter(number))

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(send, range(int(STEADY * STEADY_FOR))))


def _found_at(seen: list[tuple[float, int]], n: int) -> float:
    return next((at for at, position in seen if position >= n), seen[-1][0])


def _last_entry(client: httpx2.Client) -> int:
    return max((entry["n"] for entry in _entries(client, -1)), default=-1)


def _entries(client: httpx2.Client, after: int) -> Iterator[dict[str, Any]]:
    while batch := client.get("/api/v1/journal/entries", params={"after": after, "limit": 200}).json()["entries"]:
        yield from batch
        after = batch[-1]["n"]


def memory(service: Service, servers: Department) -> None:
    """Each process with its children, after the receipts: what the machine really gives (PSS)."""
    time.sleep(3)
    pids = {f"our {name}": pid for name, pid in service.processes()["pids"].items()}
    pids |= {server.name: server.process_group() for server in servers.servers("redis")}
    for name, pid in pids.items():
        deep = [] if name == "our supervisor" else _children(pid)  # its children have rows of their own
        found = sum(_pss(one) for one in (pid, *deep))
        add_row(f"memory, {name}", found / 1e6, None, None, "MB (PSS)", target=SERVICES)


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def workers(servers: Department, folder: Path) -> None:
    """Pages a second of one register with one worker process, then with a second one in a home of
    its own.
    """
    import pikepdf

    settings = servers.settings("redis") | {"CHARTRIER_WORKERS": "1"}

    def pages_a_second(client: httpx2.Client, number: int) -> float:
        register = folder / f"registre-{number}.pdf"
        with pikepdf.open(SAMPLES / "scan-gris-6-pages.pdf") as source, pikepdf.new() as target:
            for _ in range(REGISTER // len(source.pages)):
                target.pages.extend(source.pages)
            target.docinfo["/Subject"] = f"tour {number}"
            target.save(register)
        begun = time.monotonic()
        follow(client, _post(client, f"register-{number}", register.name, register.read_bytes()), wait=1800)
        return REGISTER / (time.monotonic() - begun)

    front, first, second = (folder / name for name in ("front", "first", "second"))
    with _service(front, settings, "api,beat") as service, service.client(service.key()) as client:
        for one in (first, second):
            shutil.copytree(front / "keys", one / "keys")
        with _service(first, settings, "worker"):
            alone = pages_a_second(client, 1)
            with _service(second, settings, "worker"):
                both = pages_a_second(client, 2)
    unit = "pages/s (peer: one worker process)"
    add_row("a second worker process", both, alone, both / alone, unit, rounds=1, target=SERVICES)
