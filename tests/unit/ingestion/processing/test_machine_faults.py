"""A fault of the machine is no fact about a document: nothing counts, nothing is journalled."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import structlog
from celery import Celery

from ingestion.deposits.queries import set_aside
from ingestion.deposits.states import LEASE_SECONDS, MAX_CLAIMS
from ingestion.processing.claims import claim_deposit
from ingestion.processing.rest import FIRST, LONGEST, Rest
from ingestion.processing.retry import retry, retry_set_aside
from ingestion.processing.workers import lives, this_worker
from ingestion.processing.workspace import Workspace
from ingestion.stages.port import StageInput, StageResult
from ingestion.tables import DepositRow
from ingestion.tasks import Slots, Tasks
from signing.ground.errors import Refused
from signing.ground.machine import Fault, MachineFault, fault_of, is_full, machine_fault, require_room
from tests.unit.ingestion.processing.making import Clock, Works, dead_worker, made, ordinary

FAULTS = {
    "no room": (OSError(errno.ENOSPC, "full"), Fault.NO_ROOM),
    "quota": (OSError(errno.EDQUOT, "quota"), Fault.NO_ROOM),
    "limit on files": (OSError(errno.EFBIG, "ulimit -f"), Fault.NO_ROOM),
    "read-only": (OSError(errno.EROFS, "ro"), Fault.READ_ONLY),
    "bad disk": (OSError(errno.EIO, "bad"), Fault.FAILING),
    "descriptors": (OSError(errno.EMFILE, "many"), Fault.DESCRIPTORS),
    "descriptors of all": (OSError(errno.ENFILE, "many"), Fault.DESCRIPTORS),
    "no right": (OSError(errno.EACCES, "forbidden"), Fault.FORBIDDEN),
    "no process": (OSError(errno.EAGAIN, "fork"), Fault.MEMORY),
    "memory": (MemoryError(), Fault.MEMORY),
    "memory of the kernel": (OSError(errno.ENOMEM, "mem"), Fault.MEMORY),
}


@pytest.fixture
def works(bench: Any) -> Works:
    return Works(bench, Clock())


def row(works: Works, deposit_id: str) -> DepositRow:
    return works.bench.deposit(deposit_id)


@pytest.mark.parametrize("name", FAULTS)
def test_a_stage_that_meets_one_fails_nothing_and_goes_on_afterwards(works: Works, name: str) -> None:
    error, fault = FAULTS[name]
    broken = [error] * 2 * MAX_CLAIMS

    def writes(given: StageInput) -> StageResult:
        if broken:
            raise broken.pop()
        return StageResult("done")

    runner = works.runner(list((ordinary() | {"validate": made("validate", writes)}).values()))
    deposit_id = works.bench.receive(b"received").deposit.id
    while broken:
        with pytest.raises(MachineFault) as caught:
            runner.advance(deposit_id)
        assert caught.value.fault is fault
        assert row(works, deposit_id).attempts <= 1
        runner._rest.end()
        works.clock.sleep(LONGEST + 1)
    assert set(works.journal()) <= {"DepositReceived", "StageCompleted"}
    assert runner.advance(deposit_id)
    assert row(works, deposit_id).state == "kept"
    assert "StageFailed" not in works.journal()


def test_a_store_without_room_is_one_too(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    deposit_id = works.bench.receive(b"received").deposit.id
    runner = works.runner(list(ordinary().values()))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(MachineFault) as caught:
            runner.advance(deposit_id)
    assert (caught.value.code, caught.value.fault) == ("store_away", Fault.NO_ROOM)
    assert row(works, deposit_id).problem is None


def test_a_worker_rests_longer_each_time_and_claims_nothing_meanwhile(works: Works, tmp_path: Path) -> None:
    now = [0.0]
    rest = Rest(tmp_path, lambda: now[0])
    fault = MachineFault(Fault.NO_ROOM)
    pauses = [rest.begin(fault) for _ in range(7)]
    assert pauses == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, 16 * FIRST, LONGEST, LONGEST]
    with pytest.raises(MachineFault):
        rest.require_over()
    now[0] += LONGEST
    rest.require_over()
    rest.end()
    assert rest.begin(fault) == FIRST
    deposit_id = works.bench.receive(b"received").deposit.id
    runner = works.runner(list(ordinary().values()))
    runner._rest.begin(fault)
    with pytest.raises(MachineFault):
        runner.advance(deposit_id)
    assert row(works, deposit_id).fence == 0, "it was not even claimed"


def test_want_of_memory_pauses_only_the_document_that_met_it(tmp_path: Path) -> None:
    rest = Rest(tmp_path)
    assert rest.begin(MachineFault(Fault.MEMORY)) == FIRST
    rest.require_over()


def test_nothing_is_begun_on_a_full_disk(works: Works, tmp_path: Path) -> None:
    assert not is_full(tmp_path)
    assert is_full(tmp_path, room=1 << 62)
    deposit_id = works.bench.receive(b"received").deposit.id
    runner = works.runner(list(ordinary().values()))

    def full(folder: Path) -> None:
        assert folder.is_dir(), "the nearest folder that is there"
        raise MachineFault(Fault.NO_ROOM)

    runner._rest = Rest(tmp_path / "not" / "yet", require=full)
    with pytest.raises(MachineFault):
        runner.advance(deposit_id)
    assert row(works, deposit_id).state == "received"
    require_room(tmp_path)


def test_a_lease_that_a_living_worker_could_not_renew_does_not_count(bench: Any) -> None:
    """Its heartbeat could not write: the database had no room, or was away."""
    clock = Clock()
    deposit_id = bench.receive().deposit.id
    assert lives(this_worker())
    assert not lives(dead_worker(alone=True))
    for _ in range(3 * MAX_CLAIMS):
        assert claim_deposit(bench.database, bench.ledger, deposit_id, this_worker(), clock) is not None
        clock.sleep(LEASE_SECONDS + 1)
    assert bench.deposit(deposit_id).state == "working"
    assert bench.deposit(deposit_id).attempts == 1


def test_errors_of_our_own_are_not_called_killed_workers(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    deposit_id = works.bench.receive(b"received").deposit.id
    runner = works.runner(list(ordinary().values()))

    def breaks(self: Workspace, *_given: Any) -> None:
        raise TypeError("a bug of ours")

    claim_deposit(works.bench.database, works.bench.ledger, deposit_id, dead_worker(alone=True), works.clock)
    monkeypatch.setattr(Workspace, "__enter__", breaks)
    for _ in range(2 * MAX_CLAIMS):
        runner.advance(deposit_id)
        works.clock.sleep(60)
    found = row(works, deposit_id)
    assert found.state == "quarantined"
    assert (found.problem or {})["code"] == "processing_failed"
    assert (found.problem or {})["values"] == {"times": MAX_CLAIMS}, "the killed worker is not among them"
    assert works.journal()[-1] == "DepositQuarantined"
    assert "workers_killed" not in json.dumps(found.problem)


def test_what_was_set_aside_for_one_reason_is_run_again_at_once(works: Works) -> None:
    bench = works.bench
    ids = [bench.receive(f"b{n}".encode(), key=f"k{n}", tenant=("demo", "autre")[n == 3]).deposit.id for n in range(4)]
    with bench.database.write() as session:
        for number, deposit_id in enumerate(ids):
            reason = "malware" if number == 2 else "workers_killed"
            found = session.get_one(DepositRow, deposit_id)
            found.state, found.problem = "quarantined", {"code": reason, "detail": "", "action": "", "values": {}}

    def again(deposit_id: str) -> None:
        retry(bench.database, bench.ledger, works.clock, lambda: None, "demo", deposit_id, "user:1")

    with pytest.raises(Refused) as refused:
        retry_set_aside(bench.database, "demo", "workers-killed", again)
    assert (refused.value.code, refused.value.values["known"]) == ("nothing_to_retry", "malware, workers_killed")
    assert retry_set_aside(bench.database, "demo", "workers_killed", again) == ids[:2]
    assert [bench.deposit(one).state for one in ids] == ["working", "working", "quarantined", "quarantined"]
    with bench.database.read() as session:
        assert set_aside(session, "demo") == {"malware": [ids[2]]}


def test_a_wake_up_that_meets_a_fault_of_the_machine_is_void_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rests:
        class runner:  # noqa: N801
            @staticmethod
            def advance(_deposit: str) -> None:
                raise told.pop()

    told: list[BaseException] = [
        OSError(errno.ENOSPC, "x"),
        MachineFault(Fault.NO_ROOM, "store_away", "x"),
        MachineFault(Fault.NO_ROOM),
    ]
    app = Celery("chartrier")
    Tasks(app, lambda: Rests, Slots(tmp_path, 1))  # type: ignore[arg-type,return-value]
    with structlog.testing.capture_logs() as lines:
        states = [app.tasks["chartrier.advance"].apply(args=["d1"]).state for _ in range(3)]
    assert states == ["SUCCESS"] * 3
    assert [line["event"] for line in lines] == ["wake_up_void"]


def test_what_follows_from_a_fault_shows_it() -> None:
    try:
        try:
            raise OSError(errno.ENOSPC, "x")
        except OSError as error:
            raise ValueError("could not write") from error
    except ValueError as error:
        found = machine_fault(error)
    assert found is not None
    assert found.fault is Fault.NO_ROOM
    assert machine_fault(ValueError("a bug")) is None
    assert fault_of(FileNotFoundError(errno.ENOENT, "gone")) is None


@pytest.mark.parametrize("name", FAULTS)
def test_a_bug_of_ours_beside_a_fault_is_told_as_a_bug(name: str) -> None:
    error, _ = FAULTS[name]
    with pytest.raises(KeyError) as beside:
        try:
            raise error
        except (OSError, MemoryError):
            {}["no such name"]
    assert beside.value.__context__ is error
    assert machine_fault(beside.value) is None
    with pytest.raises(ValueError, match="apart") as apart:
        try:
            raise error
        except (OSError, MemoryError):
            raise ValueError("apart") from None
    assert machine_fault(apart.value) is None


def test_a_fault_is_found_under_errors_that_each_name_their_cause() -> None:
    error, fault = FAULTS["descriptors"]
    outer, inner = RuntimeError("outer"), ValueError("inner")
    inner.__cause__, outer.__cause__ = error, inner
    found = machine_fault(outer)
    assert found is not None
    assert found.fault is fault


def test_a_stage_with_a_bug_beside_a_fault_fails_and_does_not_wait(works: Works) -> None:
    def writes(given: StageInput) -> StageResult:
        try:
            raise OSError(errno.EAGAIN, "no process")
        except OSError:
            return StageResult({}["no such name"])

    runner = works.runner(list((ordinary() | {"validate": made("validate", writes)}).values()))
    deposit_id = works.bench.receive(b"received").deposit.id
    assert runner.advance(deposit_id)
    assert row(works, deposit_id).state == "kept"
    assert "StageFailed" in works.journal()
