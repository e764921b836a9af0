"""What follows the refusal of a line: kept for good, to be sorted, or not before a day; example V4.

With ``FAULT=long`` it has its 120 lines, else a few of each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from archive.database.tables import RecordRow
from archive.disposition.disposals.decisions import Answer, Answers
from archive.disposition.due_counts import analyse
from archive.disposition.due_states import Validated, standing_of
from archive.holdings.recompute import recompute, recompute_stale
from archive.model.disposals import LineDecision, VisaStep
from archive.retention.states import DueState, state_of
from tests.bordereaux import BRUNO, CLAIRE, Town, Watch
from tests.holdings import opened
from tests.servers.postgres import Databases

D = date.fromisoformat
KEPT, LATE, GO = (15, 5, 100) if os.environ.get("FAULT") == "long" else (3, 2, 2)


@pytest.fixture
def town(databases: Databases, tmp_path: Path, keys: Path) -> Iterator[Town]:
    watch = Watch()
    fresh = databases.fresh(tmp_path / "home")
    settings = fresh.settings if fresh.url.startswith("postgresql") else {}
    with opened(tmp_path / "home", keys, clock=watch, **settings) as system:
        made = Town(system, tmp_path, watch)
        made.rule("BON", 10)
        yield made


def state_on(town: Town, record: str, day: str) -> DueState:
    with town.system.database.read() as session:
        row = session.get_one(RecordRow, record)
        return state_of(standing_of(row, D(day), Validated.load(session, "demo")), D(day))


def ready_on(town: Town, day: str) -> int:
    with town.system.database.read() as session:
        return analyse(session, "demo", D(day)).states[DueState.READY].records


def test_v4_fifteen_are_kept_and_five_wait_until_their_day(town: Town) -> None:
    records = town.due(KEPT + LATE + GO)
    kept, late, gone = records[:KEPT], records[KEPT : KEPT + LATE], records[KEPT + LATE :]
    disposal = town.draft()
    town.submit(disposal)
    told = dict.fromkeys(kept, Answer(LineDecision.KEEP_DEFINITIVELY, comment="Intérêt historique"))
    told |= dict.fromkeys(late, Answer(LineDecision.NOT_BEFORE, D("2034-01-01")))
    town.visa(disposal, VisaStep.PRODUCER, BRUNO)
    town.visa(disposal, VisaStep.CONTROLLER, CLAIRE, Answers(Answer(LineDecision.APPROVE), lines=told))
    assert [town.lines(disposal)[one] for one in gone] == [("included", None)] * GO
    assert {state_on(town, one, "2026-06-01") for one in kept} == {DueState.STALE}, "nothing moves before it is told"
    done = recompute_stale(town.system.stores)
    assert (done.revised, done.failed) == (KEPT, {})
    for one in kept:
        row = town.record(one)
        assert (row.final_action, row.due_on, row.stale_since) == ("keep", D("2026-03-21"), None)
        assert "Le visa donné le 1er juin 2026 sur le bordereau 2026-01 le fait garder définitivement." in (
            row.retention_explanation.replace("\xa0", " ")
        )
        assert "éliminé" not in row.retention_explanation
    assert town.record(late[0]).final_action == "destroy"
    assert {state_on(town, one, "2033-12-31") for one in late} == {DueState.NOT_BEFORE}
    assert {state_on(town, one, "2034-01-01") for one in late} == {DueState.READY}
    assert (ready_on(town, "2033-12-31"), ready_on(town, "2034-01-01")) == (KEPT, KEPT + LATE), (
        "those that are kept, to transfer"
    )
    assert recompute(town.system.stores) == (0, {}), "the decision stays when all are judged again"


def test_a_record_to_be_sorted_by_a_visa_waits_for_a_person(town: Town) -> None:
    (sort, other) = town.due(2)
    disposal = town.draft()
    town.submit(disposal)
    town.visa(disposal, VisaStep.PRODUCER, BRUNO, Answers(Answer(LineDecision.APPROVE)))
    answers = Answers(Answer(LineDecision.REFUSE), lines={sort: Answer(LineDecision.SORT_NEEDED)})
    town.visa(disposal, VisaStep.CONTROLLER, CLAIRE, answers)
    assert recompute_stale(town.system.stores).revised == 1
    assert (town.record(sort).final_action, town.record(other).final_action) == ("sort", "destroy")
    assert state_on(town, sort, "2026-06-02") is DueState.TO_SORT
    assert "demande de le trier" in town.record(sort).retention_explanation
    assert state_on(town, other, "2026-06-02") is DueState.READY
