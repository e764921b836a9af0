"""When the store is probed and its locks extended, and what is said when that went wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from api.operations.health import DEGRADED, OK, Health
from archive.database import retention_counters
from archive.database.counter_tables import RetentionCounterRow
from archive.database.tables import HoldRow, RecordRow, StoreProbeRow
from archive.objects import assurance
from archive.objects.challenges import REASONS
from archive.objects.port import Assurance
from archive.objects.probe import Probe
from ingestion.assembly import System
from ingestion.operations import schedule
from ingestion.operations.exclusive_jobs import ExclusiveJob
from ingestion.operations.schedule import Beat
from signing.ground.clock import utc_now
from tests.holdings import keep, system_at
from tests.servers.postgres import Postgres


class Watch:
    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def system(tmp_path: Path, keys: Path, watch: Watch) -> Iterator[System]:
    made = system_at(tmp_path, keys, clock=watch)
    made.initialise()
    yield made
    made.close()


def passes(system: System, watch: Watch, span: timedelta) -> None:
    """The service runs on for so long, and looks at the clock as it does every minute."""
    begun = system.time_sense._monotonic()
    watch.ahead += span
    system.time_sense._monotonic = lambda: begun + span.total_seconds()
    system.time_sense.look()


def probes(system: System) -> int:
    with system.database.read() as session:
        return session.scalar(select(func.count()).select_from(StoreProbeRow)) or 0


def store_health(system: System) -> tuple[str, str]:
    found = {part.name: part for part in Health(system).components()}["store"]
    return found.state, found.detail


def test_the_store_is_probed_at_the_start_and_every_day(system: System, watch: Watch) -> None:
    assert probes(system) == 1  # the first start of all
    system.initialise()
    assert probes(system) == 1
    beat = Beat(system)
    beat._probe()
    assert probes(system) == 1  # that was a moment ago
    watch.ahead = assurance.SETTLED
    beat._probe()
    assert probes(system) == 1  # this one had its start
    Beat(system)._probe()
    assert probes(system) == 2
    watch.ahead += assurance.PROBE_EVERY
    beat._probe()
    assert probes(system) == 3


def test_locks_are_extended_once_a_day(system: System, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    extend = system.locks.extend
    monkeypatch.setattr(system.locks, "extend", lambda: runs.append(watch().date()) or extend())
    beat = Beat(system)
    for days in (0, 0, 1, 0, 249):
        passes(system, watch, timedelta(days=days))
        beat._extend_locks()
    assert len(runs) == 3
    assert store_health(system)[0] == OK


def test_a_run_that_was_cut_short_is_not_a_run(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    beat = Beat(system)

    def away() -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(system.locks, "extend", away)
        with pytest.raises(OSError):
            beat._extend_locks()
    runs = []
    extend = system.locks.extend
    monkeypatch.setattr(system.locks, "extend", lambda: runs.append(1) or extend())
    beat._extend_locks()
    assert runs == [1]


def test_locks_that_nobody_extends_raise_an_alarm(system: System, watch: Watch) -> None:
    assert store_health(system) == (OK, "Le magasin répond ; ses verrous sont indicatifs.")
    passes(system, watch, timedelta(days=208))
    state, detail = store_health(system)
    assert state == DEGRADED
    assert "prolongés" in detail
    Beat(system)._extend_locks()
    assert store_health(system)[0] == OK


def test_a_store_that_no_longer_enforces_raises_an_alarm(system: System, watch: Watch) -> None:
    for found, reason in ((Assurance.ENFORCED, "refused"), (Assurance.ADVISORY, "passed")):
        with system.database.write() as session:
            assurance.record(session, Probe(watch(), system.store.name, found, REASONS[reason], ()))
    state, detail = store_health(system)
    assert state == DEGRADED
    assert "n’impose plus" in detail
    shown = Health(system).probe()
    assert shown is not None
    assert shown["reason"] == REASONS["passed"]
    assert system.store.name not in str(shown)  # the page is public


@pytest.mark.parametrize(("name", "kept"), [("copying", True), ("relay", False)])
def test_a_long_step_keeps_its_lease_and_one_that_hangs_does_not(
    name: str, kept: bool, system: System, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second beat that copied at the same time would find the first one's objects in its way, and
    raise an alarm.
    """
    monkeypatch.setattr(schedule, "_RENEWED_EVERY", 0.02)
    beat = Beat(system)
    begun, ended = threading.Event(), threading.Event()

    def step() -> bool:
        begun.set()
        ended.wait(20)
        return False

    threads = [
        threading.Thread(target=beat._loop, args=(name, 60.0, step)),
        threading.Thread(target=beat._renew),
    ]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    try:
        for _ in range(3):  # a minute, twenty seconds at a time
            watch.ahead += timedelta(seconds=20)
            time.sleep(0.3)
        second = ExclusiveJob(system.database, name, watch, holder=lambda: "another-machine:7:1:1:1")
        assert second.hold() is not kept
    finally:
        beat.stop()
        ended.set()
        for event in beat._notified.values():
            event.set()
        for thread in threads:
            thread.join(10)


def test_what_the_store_was_not_told_is_told_within_a_minute(
    system: System, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.create_tenant("demo", "Commune de Démonstration")
    record = keep(system, tmp_path, 1)
    last = watch().date() + timedelta(days=1)
    hold = system.holds.place("demo", [record], reason="Contentieux", until=last, agent="user:1")
    with monkeypatch.context() as patch:
        patch.setattr(system.store, "hold", lambda key, version, on: system.store.stat(key, version))
        Beat(system)._settle_holds()
        watch.ahead = timedelta(minutes=20)
        state, detail = store_health(system)
        assert state == DEGRADED
        assert "gels" in detail
    beat = Beat(system)
    beat._settle_holds()
    assert store_health(system)[0] == OK
    with system.database.read() as session:
        assert session.get_one(HoldRow, hold).settled_at is not None
    passes(system, watch, timedelta(days=2))
    beat._settle_holds()
    with system.database.read() as session:
        row = session.get_one(HoldRow, hold)
    assert row.released_at is not None
    assert row.settled_at is not None


@pytest.mark.services
def test_kept_counts_are_added_up_by_a_running_beat(tmp_path: Path, keys: Path, postgres: Postgres) -> None:
    fresh = postgres.fresh()
    system = system_at(tmp_path, keys, **fresh.settings)
    system.initialise()
    system.create_tenant("demo", "Commune")
    record = keep(system, tmp_path, 1)
    with system.database.write() as session:
        for day in (1, 2, 3):
            session.get_one(RecordRow, record).due_on = date(2030, 1, day)
            session.flush()
    count = select(func.count()).select_from(RetentionCounterRow)
    with system.database.read() as session:
        assert (session.scalar(count) or 0) > 1
    beat = Beat(system)
    running = threading.Thread(target=beat.run)
    running.start()
    limit = time.monotonic() + 30
    parts = None
    while parts != 1 and time.monotonic() < limit:
        time.sleep(0.05)
        with system.database.read() as session:
            parts = session.scalar(count)
    beat.stop()
    running.join(30)
    with system.database.read() as session:
        assert session.execute(select(RetentionCounterRow.due_on, RetentionCounterRow.n)).all() == [
            (date(2030, 1, 2), 1)
        ]
        assert retention_counters.miscounted(session.connection()) == 0
    system.close()
    postgres.drop(fresh)
