"""Relay and sweeper over a real broker: nothing waits for ever, nothing is
thrown away too early.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from archive.database.tables import RecordRow, RepresentationRow
from archive.objects.port import unreadable
from ingestion.processing.claims import claim_deposit
from ingestion.processing.relay import Relay
from ingestion.processing.sweeper import Sweeper
from ingestion.queue import valkey
from ingestion.queue.celery import CeleryQueue, make_app
from ingestion.tables import DepositRow, OutboxRow
from signing.ground.clock import utc_now
from signing.ground.errors import Unavailable
from tests.servers.postgres import owned
from tests.unit.ingestion.processing.making import Clock, Works, dead_worker, ordinary


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("broker")
    started = valkey.start(home)
    assert started is not None
    yield home
    valkey.stop(home)
    started.wait(10)


@pytest.fixture
def queue(broker: Path) -> Iterator[CeleryQueue]:
    made = CeleryQueue(make_app(valkey.url(broker)))
    valkey._ask(broker, "FLUSHALL")
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sweeper(bench: Any, queue: CeleryQueue, clock: Clock) -> Sweeper:
    return Sweeper(bench.database, queue, bench.store, bench.home, clock)


@pytest.fixture
def relay(bench: Any, queue: CeleryQueue, clock: Clock) -> Relay:
    return Relay(bench.database, queue, clock)


def unsent(bench: Any) -> int:
    with bench.database.read() as session:
        return session.scalar(select(func.count()).where(OutboxRow.sent_at.is_(None))) or 0


def test_the_relay_sends_once(bench: Any, relay: Relay, queue: CeleryQueue) -> None:
    bench.receive(key="a")
    bench.receive(key="b")
    assert relay.step() == 2
    assert relay.step() == 0
    assert queue.waiting() == 2
    assert unsent(bench) == 0


def test_what_cannot_be_sent_stays(bench: Any, clock: Clock) -> None:
    away = CeleryQueue(make_app("redis://127.0.0.1:1/0"))
    bench.receive(key="a")
    with pytest.raises(Unavailable):
        Relay(bench.database, away, clock).step()
    assert unsent(bench) == 1


def test_a_wake_up_on_its_way_is_not_doubled(bench: Any, relay: Relay, sweeper: Sweeper, clock: Clock) -> None:
    bench.receive()
    clock.sleep(30)
    assert sweeper.wake() == 0, "not sent yet: the relay's turn"
    relay.step()
    assert sweeper.wake() == 0, "it waits in the queue"


def test_a_forgotten_wake_up_is_sent_again(
    bench: Any, relay: Relay, sweeper: Sweeper, clock: Clock, broker: Path, queue: CeleryQueue
) -> None:
    bench.receive()
    relay.step()
    valkey._ask(broker, "FLUSHALL")
    clock.sleep(3)
    assert sweeper.wake() == 1
    assert sweeper.wake() == 0
    assert relay.step() == 1
    assert queue.waiting() == 1


def test_a_wake_up_lost_in_a_full_queue_is_sent_again_later(
    bench: Any, relay: Relay, sweeper: Sweeper, clock: Clock, queue: CeleryQueue
) -> None:
    bench.receive()
    relay.step()
    queue.send("advance", "somebody else", priority=0)
    clock.sleep(300)
    assert sweeper.wake() == 0
    clock.sleep(310)
    assert sweeper.wake() == 1


def test_a_queue_that_holds_too_little_has_lost_some(
    bench: Any, relay: Relay, sweeper: Sweeper, clock: Clock, queue: CeleryQueue, broker: Path
) -> None:
    for number in range(8):
        bench.receive(key=f"k{number}")
    relay.step()
    valkey._ask(broker, "FLUSHALL")
    queue.send("advance", "somebody else", priority=0)
    clock.sleep(30)
    assert sweeper.wake() == 0
    clock.sleep(40)
    assert sweeper.wake() == 8


def test_work_of_the_dead_is_woken_and_of_the_living_is_not(bench: Any, sweeper: Sweeper, clock: Clock) -> None:
    first, second = (bench.receive(key=key).deposit.id for key in "ab")
    claim_deposit(bench.database, bench.ledger, first, dead_worker(alone=False), clock)
    claim_deposit(bench.database, bench.ledger, second, "otherboot-1:1:1:1:1", clock)
    with bench.database.write() as session:
        session.execute(delete(OutboxRow))
    assert sweeper.wake() == 1
    with bench.database.read() as session:
        assert session.scalars(select(OutboxRow.subject)).all() == [first]


def test_pages_left_lying_are_woken(bench: Any, sweeper: Sweeper, clock: Clock) -> None:
    works = Works(bench)
    deposit_id = bench.receive().deposit.id
    works.runner(list(ordinary(pages=5).values())).advance(deposit_id)
    with bench.database.write() as session:
        session.execute(delete(OutboxRow))
    assert sweeper.wake() == 3
    with bench.database.read() as session:
        assert set(session.scalars(select(OutboxRow.subject))) == {f"{deposit_id}:{first}" for first in (1, 3, 5)}


def test_finished_deposits_wake_nobody(bench: Any, sweeper: Sweeper, clock: Clock) -> None:
    works = Works(bench)
    bench.receive()
    works.drain(works.runner(list(ordinary().values())))
    clock.sleep(3600)
    assert sweeper.wake() == 0


def test_sent_wake_ups_are_forgotten_after_a_while(bench: Any, relay: Relay, sweeper: Sweeper, clock: Clock) -> None:
    bench.receive()
    relay.step()
    sweeper.clear_outbox()
    with bench.database.read() as session:
        assert session.scalar(select(func.count()).select_from(OutboxRow)) == 1
    clock.sleep(11 * 60)
    sweeper.clear_outbox()
    with bench.database.read() as session:
        assert session.scalar(select(func.count()).select_from(OutboxRow)) == 0


def staged(bench: Any) -> set[str]:
    return {item.key.split("/")[2] for item in bench.store.list("staging/")}


def test_staging_is_emptied_a_day_after_the_record_was_kept(bench: Any, sweeper: Sweeper, clock: Clock) -> None:
    works = Works(bench)
    kept, waiting = (bench.receive(key=key).deposit.id for key in "ab")
    works.runner(list(ordinary().values())).advance(kept)
    assert sweeper.clear_staging() == 0
    clock.sleep(25 * 3600)
    assert sweeper.clear_staging() == 1
    assert staged(bench) == {waiting}


def test_staging_of_a_record_that_does_not_hold_is_kept(bench: Any, sweeper: Sweeper, clock: Clock) -> None:
    works = Works(bench)
    deposit_id = bench.receive().deposit.id
    works.drain(works.runner(list(ordinary().values())))
    (original,) = (bench.home / "store" / "tenants").rglob("v1/content/original/*")
    state = original.stat()
    original.chmod(0o644)
    original.write_bytes(b"altered")
    os.utime(original, ns=(state.st_mtime_ns, state.st_mtime_ns))
    clock.sleep(25 * 3600)
    assert sweeper.clear_staging() == 0
    assert staged(bench) == {deposit_id}


def test_a_record_that_cannot_be_read_keeps_its_own_staging_and_no_other(
    bench: Any, sweeper: Sweeper, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = Works(bench)
    first, *_ = [bench.receive(key=key).deposit.id for key in "ab"]
    works.drain(works.runner(list(ordinary().values())))
    with bench.database.read() as session:
        query = select(RepresentationRow.key).join(RecordRow, RecordRow.id == RepresentationRow.record_id)
        rotten = set(session.scalars(query.where(RecordRow.deposit_id == first)))
    real = bench.store.read

    def read(key: str, *given: Any, **options: Any) -> Any:
        if key in rotten:
            raise unreadable(key)
        return real(key, *given, **options)

    monkeypatch.setattr(bench.store, "read", read)
    clock.sleep(25 * 3600)
    assert sweeper.clear_staging() == 1
    assert staged(bench) == {first}, "it may be all that is left of it"


def test_staging_that_was_never_acknowledged_goes_after_a_day(bench: Any, sweeper: Sweeper, clock: Clock) -> None:
    bench.receive()
    with owned(bench.database) as session:
        session.execute(delete(OutboxRow))
        session.execute(delete(DepositRow))
    assert sweeper.clear_staging() == 0
    clock.sleep(25 * 3600)
    assert sweeper.clear_staging() == 1
    assert staged(bench) == set()


def test_what_a_stranger_put_into_staging_is_left_and_stops_nobody(bench: Any, sweeper: Sweeper, clock: Clock) -> None:
    for key in ("staging/notes.txt", "staging/demo/marker"):
        bench.store.put(key, b"x", sha256=hashlib.sha256(b"x").hexdigest(), retain_until=None)
    bench.receive()
    with owned(bench.database) as session:
        session.execute(delete(OutboxRow))
        session.execute(delete(DepositRow))
    clock.sleep(25 * 3600)
    assert sweeper.clear_staging() == 1
    assert [item.key for item in bench.store.list("staging/")] == ["staging/demo/marker", "staging/notes.txt"]


def test_old_leftovers_on_the_disk_go_and_young_ones_stay(bench: Any, sweeper: Sweeper) -> None:
    for name, age in {
        "work/job-old": 25,
        "work/job-new": 1,
        "work/shared/old": 1,
        "spool/old.part": 25,
        "spool/new.part": 1,
    }.items():
        path = bench.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        then = (utc_now() - timedelta(hours=age)).timestamp()
        os.utime(path, (then, then))
    sweeper.clear_folders()
    left = {
        str(path.relative_to(bench.home))
        for name in ("work", "spool")
        for path in (bench.home / name).rglob("*")
        if path.is_file()
    }
    assert left == {"work/job-new", "spool/new.part"}
