"""Two worker processes over the same rows on PostgreSQL, and the bell that
wakes a relay elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from archive.database.engine import Database
from archive.database.postgres import Listener
from ingestion.processing.relay import Relay
from ingestion.processing.sweeper import Sweeper
from ingestion.processing.workers import this_worker
from ingestion.queue.port import TaskQueue
from ingestion.tables import DepositRow, OutboxRow
from signing.ground.clock import utc_now
from tests.servers.postgres import Databases, Postgres

pytestmark = pytest.mark.services
ROOT = Path(__file__).resolve().parents[3]
ROWS = 200

TAKER = """
import random, sys
from sqlalchemy import select
from archive.database.engine import Database
from archive.journal.sequencer import Ledger
from ingestion.processing.workers import this_worker
from ingestion.tables import DepositRow
from ingestion.processing.claims import claim_deposit
from signing.ground.clock import utc_now
database = Database(sys.argv[1], pooled=False)
ledger = Ledger(database, utc_now)
with database.read() as session:
    ids = list(session.scalars(select(DepositRow.id)))
print("ready", flush=True)
sys.stdin.readline()
random.seed(int(sys.argv[2]))
random.shuffle(ids)
for deposit_id in ids:
    if claim_deposit(database, ledger, deposit_id, this_worker(), utc_now) is not None:
        print(deposit_id, flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def databases(postgres: Postgres) -> Iterator[Databases]:
    """PostgreSQL alone: SQLite has one writer."""
    made = Databases(postgres, Path())
    yield made
    made.drop()


def test_two_processes_take_each_of_200_rows_once(bench: Any) -> None:
    for number in range(ROWS):
        bench.receive(content=f"{number}".encode(), key=f"k{number}")
    url = bench.database.url.render_as_string(hide_password=False)
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, url, "7"],  # both in the same order: they meet at every row
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [taker.stdout.readline() for taker in takers] == ["ready\n"] * 2
    for taker in takers:
        taker.stdin.write("go\n")
        taker.stdin.flush()
    taken: list[list[str]] = [[], []]

    def listen(place: int) -> None:
        for line in takers[place].stdout:
            taken[place].append(line.strip())

    ears = [threading.Thread(target=listen, args=(place,), daemon=True) for place in range(2)]
    for ear in ears:
        ear.start()
    try:
        _until(lambda: sum(map(len, taken)) >= ROWS)
    finally:
        for taker in takers:  # alive until now, so that neither takes over from the other's death
            taker.stdin.close()
            taker.wait(30)
    for ear, taker in zip(ears, takers, strict=True):
        ear.join(30)
        taker.stdout.close()
    assert sorted(taken[0] + taken[1]) == sorted(row.id for row in bench.deposits())
    assert {row.fence for row in bench.deposits()} == {1}
    assert {row.attempts for row in bench.deposits()} == {1}
    print(f"taken by each: {len(taken[0])} and {len(taken[1])}")


def test_a_row_that_is_being_taken_is_passed_over_without_waiting(bench: Any) -> None:
    from ingestion.processing.claims import claim_deposit

    deposit_id = bench.receive().deposit.id
    with bench.database.write() as session:
        session.scalar(select(DepositRow).where(DepositRow.id == deposit_id).with_for_update())
        begun = time.monotonic()
        assert claim_deposit(bench.database, bench.ledger, deposit_id, this_worker(), utc_now) is None
        assert time.monotonic() - begun < 5, "lock_timeout is 10 s: it did not wait"


class Sent(TaskQueue):
    """A queue that notes when it was handed something: what is measured here is how soon."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def send(self, kind: str, subject: str, *, priority: int) -> None:
        self.at.append(time.monotonic())

    def waiting(self, *, before: int = 10) -> int:
        return 0

    def ping(self) -> bool:
        return True

    def close(self) -> None: ...


@pytest.mark.parametrize("belled", [True, False], ids=["with the bell", "by time alone"])
def test_how_soon_a_receipt_becomes_a_task(bench: Any, belled: bool) -> None:
    """The relay of another machine: its own connections, no socket of this home."""
    queue = Sent()
    database = Database(bench.database.url.render_as_string(hide_password=False))
    relay, notifier, over = Relay(database, queue, utc_now), Listener(database.url), threading.Event()

    def run() -> None:
        while not over.is_set():
            relay.step()
            if belled:
                notifier.wait(0.5)
            else:
                over.wait(0.5)  # RELAY_EVERY

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    time.sleep(1)
    took = []
    for number in range(15):
        bench.receive(content=f"{number}".encode(), key=f"k{number}")
        begun = time.monotonic()
        _until(lambda: len(queue.at) > number)  # noqa: B023 - asked before the loop goes on
        took.append(queue.at[number] - begun)
        time.sleep(0.037 * (number % 7))
    over.set()
    thread.join(10)
    notifier.close()
    database.dispose()
    took.sort()
    print(
        f"{'with' if belled else 'without'} the bell: median {took[7] * 1000:.0f} ms, longest {took[-1] * 1000:.0f} ms"
    )
    assert took[-1] < 5
    if belled:
        assert took[7] < 0.25, "half of what waiting for the time would take"


def test_the_sweeper_counts_for_all_tenants(bench: Any) -> None:
    """It runs where everything is seen: a tenant's lost wake-up is found whoever it is."""
    for tenant in ("demo", "autre"):
        bench.receive(key=tenant, tenant=tenant)
    with bench.database.write() as session:
        for row in session.scalars(select(OutboxRow)):
            row.sent_at = row.created_at = utc_now() - timedelta(hours=1)
        for deposit in session.scalars(select(DepositRow)):
            deposit.updated_at = utc_now() - timedelta(hours=1)
    assert Sweeper(bench.database, Sent(), bench.store, bench.home, utc_now).wake() == 2


def _until(true: Any, within: float = 60) -> None:
    limit = time.monotonic() + within
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.001)
