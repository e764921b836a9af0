"""One worker at a time; the dead hold nothing; who kills three workers is set aside."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from archive.database.tables import JournalEntryRow
from ingestion.operations.exclusive_jobs import ExclusiveJob
from ingestion.processing.claims import Claim, LeaseLost, claim_deposit, release
from ingestion.processing.workers import died, died_alone, this_worker
from ingestion.tables import DepositRow
from tests.unit.ingestion.processing.making import Clock, dead_worker

ELSEWHERE = "otherboot-1:1:1:1:1"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def claim(bench: Any, clock: Clock) -> Callable[[str], Claim | None]:
    deposit_id = bench.receive().deposit.id
    return lambda owner: claim_deposit(bench.database, bench.ledger, deposit_id, owner, clock)


def test_the_living_are_told_from_the_dead() -> None:
    me = this_worker()
    assert len(me) <= 100
    assert not died(me)
    gone = dead_worker(alone=True)
    assert died(gone)
    assert died_alone(gone)
    assert not died_alone(dead_worker(alone=False))
    assert not died(ELSEWHERE)
    assert died(me.replace(f":{os.getpid()}:", f":{os.getpid()}:9"))


def test_a_taken_deposit_is_taken_once(claim: Any) -> None:
    assert claim(this_worker()) is not None
    assert claim("second") is None


def test_a_lease_that_ran_out_is_taken_over_and_the_late_worker_changes_nothing(
    bench: Any, claim: Any, clock: Clock
) -> None:
    first = claim(ELSEWHERE)
    clock.sleep(61)
    assert claim(this_worker()) is None, "rest after a worker was lost"
    clock.sleep(30)
    second = claim(this_worker())
    assert second is not None
    with pytest.raises(LeaseLost), bench.database.write() as session:
        first.touch(session, version=99)
    with bench.database.write() as session:
        second.touch(session, version=7)
    assert bench.deposit(second.deposit_id).version == 7


def test_a_dead_workers_deposit_is_free_at_once(claim: Any, clock: Clock) -> None:
    assert claim(dead_worker(alone=False)) is not None
    assert claim(this_worker()) is not None


def test_three_workers_dead_by_themselves_set_the_deposit_aside(bench: Any, claim: Any, clock: Clock) -> None:
    for _ in range(3):
        held = claim(dead_worker(alone=True))
        assert held is not None
        claim(this_worker())
        clock.sleep(60)
    assert claim(this_worker()) is None
    (row,) = bench.deposits()
    assert row.state == "quarantined"
    assert row.problem["code"] == "workers_killed"
    with bench.database.read() as session:
        types = session.scalars(select(JournalEntryRow.type)).all()
    assert types == ["DepositReceived", "DepositQuarantined"]
    assert list(bench.store.list("staging/")), "the bytes are kept"


def test_a_service_that_died_as_a_whole_is_not_the_documents_fault(bench: Any, claim: Any) -> None:
    for _ in range(10):
        assert claim(dead_worker(alone=False)) is not None
    (row,) = bench.deposits()
    assert row.state == "working"
    assert row.attempts == 1


def test_what_was_given_back_rests_and_does_not_count(bench: Any, claim: Any, clock: Clock) -> None:
    for _ in range(5):
        held = claim(this_worker())
        assert held is not None
        with bench.database.write() as session:
            release(session, held, clock(), after=5, counts=False)
        assert claim(this_worker()) is None
        clock.sleep(6)
    with bench.database.read() as session:
        assert session.scalar(select(DepositRow.attempts)) == 0


def test_a_duty_has_one_holder_until_it_dies(bench: Any, clock: Clock) -> None:
    mine = ExclusiveJob(bench.database, "relay", clock)
    other = ExclusiveJob(bench.database, "relay", clock, lambda: ELSEWHERE)
    assert mine.hold()
    assert not other.hold()
    clock.sleep(31)
    assert other.hold()
    assert not mine.hold()
    dead = dead_worker(alone=True)
    third = ExclusiveJob(bench.database, "sweeper", clock, lambda: dead)
    assert third.hold()
    assert ExclusiveJob(bench.database, "sweeper", clock).hold()


def test_a_released_duty_is_free(bench: Any, clock: Clock) -> None:
    mine = ExclusiveJob(bench.database, "relay", clock)
    assert mine.hold()
    mine.release()
    assert ExclusiveJob(bench.database, "relay", clock, lambda: ELSEWHERE).hold()
