"""A record that is lawfully gone: every verb refuses it, the index forgets it, its locks are left
to end.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from archive.custody.findings import Findings, Kind
from archive.database.tables import RecordRow, RepresentationRow
from archive.disposition import locks
from archive.holdings import describe as describing
from archive.holdings import verify as verifying
from archive.model.states import RecordState
from ingestion.assembly import System
from search.reconcile import IndexReconciliation
from signing.ground.errors import Refused
from tests.holdings import keep

EVERY = pytest.mark.parametrize("state", list(RecordState))


def in_state(system: System, folder: Path, state: RecordState) -> str:
    record_id = keep(system, folder, 1)
    system.follower.catch_up()
    with system.database.write() as session:
        session.get_one(RecordRow, record_id).state = state.value
    return record_id


@EVERY
def test_what_is_gone_is_not_described_nor_verified_once_destroyed(
    system: System, tmp_path: Path, state: RecordState
) -> None:
    record_id = in_state(system, tmp_path, state)

    def describe() -> None:
        describing.describe(system.stores, "demo", record_id, {"title": "Après"}, agent="user:1", expected_revision=1)

    def verify() -> None:
        verifying.verify(system.stores, "demo", record_id)

    def hold() -> None:
        system.holds.place("demo", [record_id], reason="Enquête", until=None, agent="user:1")

    for verb in (describe, verify, hold):
        if state.destroyed or (state.gone and verb is not verify):
            with pytest.raises(Refused) as refused:
                verb()
            assert refused.value.code == "record_not_kept", verb
        else:
            verb()


@EVERY
def test_what_is_destroyed_is_not_found(system: System, tmp_path: Path, state: RecordState) -> None:
    record_id = in_state(system, tmp_path, state)
    with system.database.read() as session:
        assert (system.record_reader.entry(session, "demo", record_id) is None) is state.destroyed
    findings = Findings()
    IndexReconciliation(system.database, system.index, system.follower, system.record_reader.entry).check(
        "demo", findings, repair=True
    )
    assert [(one.kind, one.place) for one in findings.listed] == (
        [(Kind.UNTRACKED, "index")] if state.destroyed else []
    )
    assert (record_id in {one for one, _ in system.index.record_ids("demo")}) is not state.destroyed


@EVERY
def test_locks_of_what_is_gone_are_not_overdue(system: System, tmp_path: Path, state: RecordState) -> None:
    record_id = in_state(system, tmp_path, state)
    with system.database.write() as session:
        form = session.get_one(RepresentationRow, (record_id, "original"))
        form.locked_until = system.clock().date() + timedelta(days=1)
        session.flush()
        late = locks.overdue(session, system.clock().date(), 400)
    assert (late == 0) is state.gone
