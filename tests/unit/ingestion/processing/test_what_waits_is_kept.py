"""Bytes that somebody still needs stay, and a duty is let go by its holder alone."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.objects.local import LocalObjectStore
from ingestion.operations.exclusive_jobs import EXCLUSIVE_JOB_SECONDS, ExclusiveJob, require_no_exclusive_job
from ingestion.processing.sweeper import Sweeper
from ingestion.processing.workers import this_worker
from ingestion.processing.workspace import Output, Workspace
from ingestion.tables import DepositRow
from signing.ground.clock import utc_now
from signing.ground.errors import Corrupt, Refused
from tests.holdings import alter, flipped
from tests.unit.ingestion.processing.making import Works, ordinary

LONG_AGO = timedelta(days=365)
ELSEWHERE = "otherboot-1:1:1:1:1"


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now


# --- staging --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["received", "working", "quarantined"])
def test_staging_of_what_is_no_record_yet_is_never_swept(bench: Any, state: str) -> None:
    deposit = bench.receive(b"the only copy").deposit
    with bench.database.write() as session:
        row = session.get_one(DepositRow, deposit.id)
        row.state, row.updated_at = state, row.updated_at - LONG_AGO
    sweeper = Sweeper(bench.database, None, bench.store, bench.home, lambda: utc_now() + LONG_AGO)  # type: ignore[arg-type]
    assert sweeper.clear_staging() == 0
    assert b"".join(bench.store.read(deposit.staging_key, deposit.staging_version)) == b"the only copy"


def test_staging_of_a_record_that_is_made_again_is_not_swept_meanwhile(bench: Any) -> None:
    """Its bytes are whole in the record, and what was checkpointed is what the worker is at work
    on.
    """
    works = Works(bench)
    deposit = bench.receive(b"received").deposit
    works.drain(works.runner(list(ordinary().values())))
    sweeper = Sweeper(bench.database, None, bench.store, bench.home, lambda: utc_now() + LONG_AGO)  # type: ignore[arg-type]
    with bench.database.write() as session:
        session.get_one(DepositRow, deposit.id).state = "working"
    assert sweeper.clear_staging() == 0
    assert list(bench.store.list("staging/"))
    with bench.database.write() as session:
        session.get_one(DepositRow, deposit.id).state = "kept"
    assert sweeper.clear_staging() == 1
    assert list(bench.store.list("staging/")) == []


# --- what a stage is given ------------------------------------------------------------------------


def staged(store: LocalObjectStore, content: bytes) -> Output:
    made = store.put("staging/demo/x/bytes", content, sha256=hashlib.sha256(content).hexdigest())
    digests = hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest()
    return Output(*digests, len(content), made.key, made.version)


@pytest.mark.parametrize("left", [b"", b"some byte", b"some bytes and more"], ids=["empty", "shorter", "longer"])
def test_what_a_cut_fetch_left_is_fetched_again(tmp_path: Path, left: bytes) -> None:
    store = LocalObjectStore(tmp_path / "store", utc_now)
    output = staged(store, b"some bytes")
    with Workspace(tmp_path / "work", store, shared=True) as workspace:
        (tmp_path / "work" / "shared" / output.sha256).write_bytes(left)
        assert workspace.fetch(output).read_bytes() == b"some bytes"


def test_bytes_that_changed_in_staging_reach_no_stage(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path / "store", utc_now)
    output = staged(store, b"some bytes")
    alter(tmp_path / "store" / str(output.key), flipped)
    with (
        Workspace(tmp_path / "work", store, shared=True) as workspace,
        pytest.raises(Corrupt, check=lambda error: error.code == "altered"),
    ):
        workspace.fetch(output)
    assert list((tmp_path / "work" / "shared").iterdir()) == []


# --- duties ---------------------------------------------------------------------------------------


def test_a_duty_that_was_taken_over_is_not_let_go_by_who_lost_it(bench: Any) -> None:
    clock = Clock()
    mine = ExclusiveJob(bench.database, "relay", clock, lambda: ELSEWHERE)
    assert mine.hold()
    clock.now += timedelta(seconds=EXCLUSIVE_JOB_SECONDS + 1)
    assert ExclusiveJob(bench.database, "relay", clock).hold()
    mine.release()
    assert not ExclusiveJob(bench.database, "relay", clock, lambda: "third-1:1:1:1:1").hold()


def test_a_duty_let_go_is_that_one_alone(bench: Any) -> None:
    clock = Clock()
    relay, sweeper = ExclusiveJob(bench.database, "relay", clock), ExclusiveJob(bench.database, "sweeper", clock)
    assert relay.hold()
    assert sweeper.hold()
    relay.release()
    other = lambda: ELSEWHERE  # noqa: E731
    assert ExclusiveJob(bench.database, "relay", clock, other).hold()
    assert not ExclusiveJob(bench.database, "sweeper", clock, other).hold()


def test_a_duty_is_renewed_when_half_of_it_is_over(bench: Any) -> None:
    clock = Clock()
    mine = ExclusiveJob(bench.database, "relay", clock, lambda: ELSEWHERE)
    assert mine.hold()
    for _ in range(3):
        clock.now += timedelta(seconds=EXCLUSIVE_JOB_SECONDS / 2)
        assert mine.hold()
        assert not ExclusiveJob(bench.database, "relay", clock).hold()
    clock.now += timedelta(seconds=EXCLUSIVE_JOB_SECONDS)
    assert ExclusiveJob(bench.database, "relay", clock).hold(), "a lease ends with its last moment"


def test_what_needs_a_service_that_stands_still_is_refused_while_a_duty_runs(bench: Any) -> None:
    clock = Clock()

    def refused() -> bool:
        try:
            with bench.database.read() as session:
                require_no_exclusive_job(session, clock)
        except Refused as error:
            return error.code == "service_running"
        return False

    assert not refused()
    for holder in (ELSEWHERE, this_worker()):
        duty = ExclusiveJob(bench.database, "relay", clock, lambda holder=holder: holder)  # type: ignore[misc]
        assert duty.hold()
        assert refused(), holder
        duty.release()
        assert not refused()
    assert ExclusiveJob(bench.database, "relay", clock, lambda: ELSEWHERE).hold()
    clock.now += timedelta(seconds=EXCLUSIVE_JOB_SECONDS)
    assert not refused(), "the last holder was killed and its lease ran out"
