"""A chunk of pages is written by whoever holds it now, and by nobody who held it before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from archive.database.tables import JournalEntryRow
from ingestion.deposits.states import LEASE_SECONDS, MAX_CLAIMS
from ingestion.processing.claims import Claim, LeaseLost, claim_deposit, claim_pages, killed, quarantine, release
from ingestion.processing.retry import retry
from ingestion.processing.workers import this_worker
from ingestion.tables import DepositRow, PageTaskRow
from signing.ground.clock import utc_now
from tests.unit.ingestion.processing.making import Paged, Works, ordinary

ELSEWHERE = "otherboot-1:1:1:1:1"
"""A worker of another machine: only time tells whether it lives."""


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Register:
    """A deposit of seven pages that fanned out into four chunks, beginning at 1, 3, 5 and 7."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.clock = Clock()
        self.works = Works(bench)
        self.id: str = bench.receive(b"register").deposit.id
        self.works.runner(list(ordinary(pages=7).values())).advance(self.id)

    def claim(self, first: int = 1, owner: str | None = None) -> Claim | None:
        return claim_pages(self.bench.database, self.bench.ledger, self.id, first, owner or this_worker(), self.clock)

    def claimed(self, first: int = 1, owner: str | None = None) -> Claim:
        held = self.claim(first, owner)
        assert held is not None
        return held

    def taken_over(self) -> tuple[Claim, Claim]:
        """The claim of a worker that was lost for too long, and that of who took its chunk over."""
        late = self.claimed(owner=ELSEWHERE)
        self.clock.sleep(LEASE_SECONDS + 1)
        assert self.claim() is None, "rest after a worker was lost"
        self.clock.sleep(5)
        return late, self.claimed()

    def touch(self, held: Claim, **values: Any) -> None:
        with self.bench.database.write() as session:
            held.touch(session, **values)

    def chunk(self, first: int = 1) -> PageTaskRow:
        with self.bench.database.read() as session:
            return session.get_one(PageTaskRow, (self.id, first))

    def states(self) -> dict[int, str]:
        with self.bench.database.read() as session:
            return {row.first_page: row.state for row in session.scalars(select(PageTaskRow))}


@pytest.fixture
def register(bench: Any) -> Register:
    return Register(bench)


def test_who_lost_a_chunk_writes_nothing_about_it(register: Register) -> None:
    late, present = register.taken_over()
    with pytest.raises(LeaseLost):
        register.touch(late, state="failed", detail={"code": "late"})
    assert (register.chunk().state, register.chunk().detail) == ("running", None)
    register.touch(present, state="done")
    assert register.chunk().state == "done"


def test_a_claim_on_a_chunk_writes_about_that_chunk_alone(register: Register) -> None:
    first, second = register.claimed(1), register.claimed(3)
    assert first.fence == second.fence, "the fence alone does not tell two chunks apart"
    register.touch(first, state="done")
    assert register.states() == {1: "done", 3: "running", 5: "waiting", 7: "waiting"}


def test_a_claim_on_a_chunk_writes_about_its_own_deposit(register: Register) -> None:
    other: str = register.bench.receive(b"another register", key="k2").deposit.id
    register.works.runner(list(ordinary(pages=7).values())).advance(other)
    register.touch(register.claimed(1), state="done")
    with register.bench.database.read() as session:
        assert session.get_one(PageTaskRow, (other, 1)).state == "waiting"
    bench = register.bench
    held = claim_pages(bench.database, bench.ledger, other, 1, this_worker(), register.clock)
    assert held is not None
    assert held.deposit_id == other
    with register.bench.database.read() as session:
        assert session.get_one(PageTaskRow, (other, 1)).state == "running"


def test_a_chunk_is_claimed_once(register: Register) -> None:
    register.claimed()
    assert register.claim(owner="second") is None
    assert register.claim(3) is not None, "the others are free"


def test_what_is_done_or_never_was_is_not_claimed(register: Register) -> None:
    register.touch(register.claimed(), state="done", lease_owner=None, lease_until=None)
    assert register.claim() is None
    assert register.claim(2) is None
    assert register.works.count(PageTaskRow) == 4


def test_a_claim_occupies_the_chunk_for_the_time_of_a_lease(register: Register) -> None:
    held = register.claimed(owner=ELSEWHERE)
    row = register.chunk()
    assert (row.lease_owner, row.attempts, row.fence) == (ELSEWHERE, 1, held.fence)
    assert row.lease_until == register.clock() + timedelta(seconds=LEASE_SECONDS)
    register.clock.sleep(LEASE_SECONDS - 1)
    assert register.claim() is None
    assert register.chunk().attempts == 1, "nobody was lost yet"


def test_pages_wait_while_their_deposit_is_not_at_work(register: Register) -> None:
    with register.bench.database.write() as session:
        row = session.get_one(DepositRow, register.id)
        quarantine(session, register.bench.ledger, row, register.clock(), killed())
    assert register.claim() is None
    assert register.chunk().state == "waiting"


def test_a_deposit_is_not_advanced_while_pages_are_open(register: Register) -> None:
    def advance() -> Claim | None:
        bench = register.bench
        return claim_deposit(bench.database, bench.ledger, register.id, this_worker(), register.clock)

    assert advance() is None
    for first in register.states():
        register.touch(register.claimed(first), state="done", lease_owner=None, lease_until=None)
    assert advance() is not None


def test_pages_that_killed_every_worker_set_their_deposit_aside(register: Register) -> None:
    for _ in range(MAX_CLAIMS):
        register.claimed(owner=ELSEWHERE)
        register.clock.sleep(LEASE_SECONDS + 1)
        assert register.claim() is None
        register.clock.sleep(60)
    assert register.claim() is None
    row = register.bench.deposit(register.id)
    assert row.state == "quarantined"
    assert row.problem["code"] == "workers_killed"


def test_a_chunk_given_back_rests_and_does_not_count(register: Register) -> None:
    for _ in range(MAX_CLAIMS + 1):
        held = register.claimed()
        with register.bench.database.write() as session:
            release(session, held, register.clock(), after=5, counts=False)
        assert register.chunk().attempts == 0
        assert register.claim() is None
        register.clock.sleep(6)
    held = register.claimed()
    with register.bench.database.write() as session:
        release(session, held, register.clock(), after=5, counts=True)
    assert register.chunk().attempts == 1


def test_nothing_is_given_back_by_who_lost_it(register: Register) -> None:
    late, present = register.taken_over()
    with pytest.raises(LeaseLost), register.bench.database.write() as session:
        release(session, late, register.clock(), after=0, counts=False)
    assert register.chunk().lease_owner == this_worker()
    register.touch(present, state="done")


def test_a_deposit_set_aside_takes_no_word_from_its_worker(bench: Any) -> None:
    deposit_id = bench.receive().deposit.id
    held = claim_deposit(bench.database, bench.ledger, deposit_id, this_worker(), utc_now)
    assert held is not None
    with bench.database.write() as session:
        quarantine(session, bench.ledger, session.get_one(DepositRow, deposit_id), utc_now(), killed())
    with pytest.raises(LeaseLost), bench.database.write() as session:
        held.touch(session, state="working", problem=None)
    assert bench.deposit(deposit_id).state == "quarantined"


def test_a_retry_takes_the_deposit_and_its_open_chunks_from_whoever_had_them(register: Register) -> None:
    bench = register.bench
    chunk = register.claimed(1)
    done = register.claimed(3)
    register.touch(done, state="done", lease_owner=None, lease_until=None)
    with bench.database.write() as session:
        row = session.get_one(DepositRow, register.id)
        quarantine(session, bench.ledger, row, register.clock(), killed())
    before = bench.deposit(register.id).fence
    whole = Claim(register.id, None, before)
    retry(bench.database, bench.ledger, utc_now, lambda: None, tenant="demo", deposit_id=register.id, agent="user:1")
    for late in (whole, chunk):
        with pytest.raises(LeaseLost):
            register.touch(late, lease_owner="late")
    assert register.states() == {1: "waiting", 3: "done", 5: "waiting", 7: "waiting"}
    assert register.claim(1) is not None


def test_pages_read_too_late_leave_no_trace(register: Register) -> None:
    """The worker wakes from a long sleep in the middle of its pages: another had them read
    meanwhile.
    """
    taken: list[Claim] = []

    class Sleeps(Paged):
        def run_pages(self, given: Any, first: int, last: int) -> Any:
            with register.bench.database.write() as session:
                row = session.get_one(PageTaskRow, (register.id, first))
                row.lease_until, row.lease_owner = None, None
            held = register.claimed(first, ELSEWHERE)
            taken.append(held)
            return super().run_pages(given, first, last)

    stages = ordinary(pages=7) | {"recognise": Sleeps(7)}
    register.works.runner(list(stages.values())).pages(register.id, 1)
    row = register.chunk()
    assert (row.state, row.output, row.lease_owner) == ("running", None, ELSEWHERE)
    register.touch(taken[0], state="done")


def test_a_deposit_advanced_too_late_leaves_no_trace(bench: Any) -> None:
    """The same for a whole deposit: no stage, no entry, no record."""
    works = Works(bench)
    deposit_id: str = bench.receive(b"letter").deposit.id
    stages = ordinary()
    inner = stages["seal"].run

    def sleeps(given: Any) -> Any:
        with bench.database.write() as session:
            row = session.get_one(DepositRow, deposit_id)
            row.fence, row.lease_owner = row.fence + 1, ELSEWHERE
        return inner(given)

    stages["seal"].run = sleeps
    works.runner(list(stages.values())).advance(deposit_id)
    row = bench.deposit(deposit_id)
    assert (row.state, row.lease_owner) == ("working", ELSEWHERE)
    with bench.database.read() as session:
        types = set(session.scalars(select(JournalEntryRow.type)))
    assert "RecordKept" not in types
    assert works.states(deposit_id)["seal"] != "done"
