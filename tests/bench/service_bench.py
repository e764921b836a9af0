"""What the whole service costs: memory at rest, start, acknowledged deposits, pipeline beyond
recognition.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.results import add_row
from tests.servers.service import Service, deposit, follow

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CALLERS = 8
MEGABYTE = 1_000_000


def run(_corpus: Path | None = None) -> None:
    """Every row of this file."""
    with tempfile.TemporaryDirectory(prefix="chartrier-bench-") as folder:
        service = Service(Path(folder) / "home")
        service.chartrier("tenant", "create", "demo", "--name", "Banc d’essai")
        service.start()
        try:
            add_row("start until ready", service.started_in, None, None, "s")
            time.sleep(3)
            rss, pss = memory(service)
            add_row("memory at rest, sum of RSS", rss / 1e6, None, None, "MB")
            add_row("memory at rest, sum of PSS", pss / 1e6, None, None, "MB")
            receipts(service, Path(folder))
            letters_beside_a_register(service, Path(folder))
        finally:
            service.stop()


def memory(service: Service) -> tuple[int, int]:
    """(sum of RSS, sum of PSS) of every process of the service, bytes."""
    from tests.servers.service import _children, _flat

    pids = {deep for pid in _flat(service.processes()["pids"]) for deep in [pid, *_children(pid)]}
    rss = pss = 0
    for pid in pids:
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
                name, _, rest = line.partition(":")
                if name == "Rss":
                    rss += int(rest.split()[0]) * 1024
                elif name == "Pss":
                    pss += int(rest.split()[0]) * 1024
        except OSError:
            continue
    return rss, pss


def receipts(service: Service, folder: Path, count: int = 400) -> None:
    """Deposits of 1 MB acknowledged by 8 callers, against the bare durable writes a receipt cannot
    do without.
    """
    key = service.key()
    bodies = [os.urandom(MEGABYTE) for _ in range(CALLERS)]

    def post(number: int) -> None:
        with clients[number % CALLERS].stream(
            "POST",
            "/api/v1/deposits",
            headers={
                "Idempotency-Key": f"b-{number}",
                "Content-Type": "application/octet-stream",
                "Content-Disposition": f'attachment; filename="d{number}.bin"',
            },
            content=number.to_bytes(8, "big") + bodies[number % CALLERS],
        ) as answer:
            answer.read()
            assert answer.status_code == 202, answer.text

    clients = [service.client(key) for _ in range(CALLERS)]
    ours = _timed(post, count)
    database = sqlite3.connect(folder / "peer.db", check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE deposits (n INTEGER)")

    lock = threading.Lock()

    def bare(number: int) -> None:
        with (folder / f"peer-{number}").open("wb") as target:
            target.write(bodies[number % CALLERS])
            target.flush()
            os.fsync(target.fileno())
        with lock:
            database.execute("INSERT INTO deposits VALUES (?)", (number,))

    peer = _timed(bare, count)
    add_row(
        "deposits acknowledged, 1 MB, 8 callers",
        ours[0],
        peer[0],
        ours[0] / peer[0],
        "deposits/s (peer: bare fsync + SQLite commit)",
        rounds=count,
    )
    add_row("deposit acknowledged, p50", ours[1], peer[1], peer[1] / ours[1], "ms", rounds=count)
    add_row("deposit acknowledged, p99", ours[2], peer[2], peer[2] / ours[2], "ms", rounds=count)


def _timed(work: Callable[[int], None], count: int) -> tuple[float, float, float]:
    times: list[float] = []

    def one(number: int) -> None:
        begun = time.perf_counter()
        work(number)
        times.append((time.perf_counter() - begun) * 1000)

    begun = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(one, range(count)))
    rate = count / (time.perf_counter() - begun)
    cut = statistics.quantiles(times, n=100)
    return rate, cut[49], cut[98]


def letters_beside_a_register(service: Service, folder: Path) -> None:
    """A one-page letter's time to "found by search" while a long register is read, against an idle
    system.
    """
    import pikepdf

    register = folder / "registre.pdf"
    with pikepdf.open(SAMPLES / "scan-gris-6-pages.pdf") as source, pikepdf.new() as target:
        for _ in range(20):
            target.pages.extend(source.pages)
        target.save(register)
    letter = SAMPLES / "scan-couleur.jpg"

    def found(client: object, number: int) -> float:
        path = folder / f"lettre-{number}.jpg"
        path.write_bytes(letter.read_bytes() + number.to_bytes(4, "big"))
        begun = time.perf_counter()
        deposit(client, path, key=f"letter-{number}", wait=300)  # type: ignore[arg-type]
        return time.perf_counter() - begun

    with service.client(service.key()) as client:
        while client.get("/api/v1/deposits", params={"state": "working"}).json().get("deposits"):
            time.sleep(1)
        idle = statistics.median(found(client, n) for n in range(3))
        begun = client.post(
            "/api/v1/deposits",
            headers={"Idempotency-Key": "register"},
            files={"file": (register.name, register.read_bytes())},
        )
        time.sleep(4)
        busy = statistics.median(found(client, n) for n in range(3, 6))
        add_row(
            "letter found beside a 120-page register",
            busy,
            idle,
            idle / busy,
            "s (peer: idle system)",
            rounds=3,
        )
        follow(client, begun.json()["id"], wait=900)
