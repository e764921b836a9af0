"""Locks after the end of retention, while a decision is awaited: short, renewed, no obstacle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from archive.catalogue import rows as catalogue
from archive.database import retention_counters
from archive.database.tables import RecordRow
from archive.disposition import locks
from archive.disposition.disposals.decisions import Answer, Answers
from archive.disposition.due_counts import analyse
from archive.disposition.due_states import Validated, standing_of
from archive.holdings import dispose
from archive.holdings.describe import describe
from archive.model.disposals import LineDecision, VisaStep
from archive.retention.states import DueState, state_of
from ingestion.operations.custody import Custody
from tests.bordereaux import ANNE, BRUNO, CLAIRE, Town, Watch
from tests.holdings import opened

HORIZON = 400
STEP = timedelta(days=15)


@pytest.fixture
def town(tmp_path: Path, keys: Path) -> Iterator[Town]:
    watch = Watch()
    copy = {"CHARTRIER_COPY_PATH": str(tmp_path / "copy")}
    with opened(tmp_path / "home", keys, clock=watch, **copy) as system:
        made = Town(system, tmp_path, watch)
        made.rule("BON", 10)
        yield made


def days(town: Town, record: str) -> set[date | None]:
    """The locks of a record, as the catalogue says and as the store says: they must agree."""
    system = town.system
    with system.database.read() as session:
        rows = catalogue.rows(session, record)
    said = {row.locked_until for row in rows}
    assert said == {system.store.stat(row.key, row.version).locked_until for row in rows}
    return said


def until(town: Town, record: str) -> date:
    """The last day of its lock, the same for all that it has."""
    (day,) = days(town, record)
    assert day is not None
    return day


def a_day_passes(town: Town, day: str) -> None:
    """The daily run of a day."""
    town.runs_until(day)
    daily(town)


def daily(town: Town) -> None:
    assert town.system.locks.extend().failed == {}


def overdue(town: Town) -> int:
    with town.system.database.read() as session:
        return locks.overdue(session, town.watch().date(), HORIZON)


def state(town: Town, record: str) -> DueState:
    """The state of a record today, the same by its row, in the analysis and in the kept counts."""
    day = town.watch().date()
    with town.system.database.read() as session:
        row = session.get_one(RecordRow, record)
        alone = state_of(standing_of(row, day, Validated.load(session, "demo")), day)
        assert analyse(session, "demo", day).states[alone].records >= 1
        assert retention_counters.miscounted(session.connection()) == 0
    return alone


def test_r7_what_nobody_has_decided_about_stays_locked_at_most_fifteen_days_ahead(town: Town) -> None:
    one = town.keep()  # due on 21 March 2026
    assert until(town, one) == date(2026, 3, 20)
    a_day_passes(town, "2026-03-20")
    today, seen = date(2026, 3, 20), set()
    for _ in range(100):
        lock = until(town, one)
        assert today <= lock <= today + STEP, "never without a lock, never locked for long"
        seen.add(lock)
        assert overdue(town) == 0
        today += timedelta(days=1)
        a_day_passes(town, today.isoformat())
    assert 10 <= len(seen) <= 16, "in steps, and not every day"
    assert state(town, one) is DueState.READY
    row = town.record(one)
    assert row.locked_until == row.awaiting_until == until(town, one)


def test_a_record_with_an_awaiting_lock_goes_into_a_bordereau_and_out_of_the_house(town: Town) -> None:
    one = town.keep()
    a_day_passes(town, "2026-06-01")
    assert until(town, one) == date(2026, 6, 16)
    assert state(town, one) is DueState.READY
    disposal = town.draft()
    assert town.lines(disposal) == {one: ("included", None)}
    town.submit(disposal)
    a_day_passes(town, "2026-06-10")
    assert until(town, one) == date(2026, 6, 25), "until its last visa"
    town.visa(disposal, VisaStep.PRODUCER, BRUNO)
    a_day_passes(town, "2026-06-20")
    town.visa(disposal, VisaStep.CONTROLLER, CLAIRE)
    last = until(town, one)
    assert last == date(2026, 7, 5)
    for day in ("2026-06-28", "2026-07-04", "2026-07-05"):
        a_day_passes(town, day)
        assert until(town, one) == last, "no lock grows once all have given their visa"
    with town.acting(ANNE) as act:
        dispose.confirm(act, disposal, None)
    assert gone_on(town, "2026-07-06") == [one]


def gone_on(town: Town, day: str) -> list[str]:
    """What is destroyed on a day, after the run that says that it begins."""
    town.runs_until(day, 13)  # a lock ends where its day ends last
    for _ in range(2):
        town.system.disposer.run()
        town.system.statements.settle()
        town.system.publisher.publish(force_token=True)
    with town.system.database.read() as session:
        return list(session.scalars(select(RecordRow.id).where(RecordRow.state == "disposed")))


def test_r4_a_lock_of_an_earlier_rule_withholds_its_line_until_it_is_over(town: Town) -> None:
    one = town.keep("2019-12-31")
    first = until(town, one)
    assert first == town.watch().date() + timedelta(days=HORIZON)  # 16 April 2027
    town.amend("BON", 5)
    assert town.record(one).ends_on == date(2024, 12, 31)
    a_day_passes(town, "2026-06-01")
    assert until(town, one) == first, "a lock only grows"
    assert state(town, one) is DueState.LOCKED_UNTIL
    disposal = town.approved([one])
    with town.acting(ANNE) as act:
        dispose.confirm(act, disposal, None)
    a_day_passes(town, "2027-04-15")
    assert gone_on(town, first.isoformat()) == []
    with town.system.database.read() as session:
        (line,) = session.scalars(select(dispose.DisposalLineRow))
        assert (line.state, line.waiting_until) == ("waiting", first)
    daily(town)
    assert until(town, one) == first
    assert gone_on(town, (first + timedelta(days=1)).isoformat()) == [one], "nor does waiting age its visas"


def test_r5_a_rule_that_keeps_longer_blocks_the_line_and_the_lock_grows_at_the_next_run(town: Town) -> None:
    one = town.keep("2019-12-31")
    town.amend("BON", 5)
    town.runs_until("2027-06-01")
    disposal = town.approved([one])
    with town.acting(ANNE) as act:
        dispose.confirm(act, disposal, None)
    town.amend("BON", 15, version=2)
    assert gone_on(town, "2027-06-17") == []
    assert town.lines(disposal) == {one: ("blocked", "changed")}
    a_day_passes(town, "2027-06-18")
    assert until(town, one) >= date(2027, 6, 1) + timedelta(days=HORIZON)


def test_what_nobody_may_destroy_for_now_is_locked_as_what_has_no_end(town: Town) -> None:
    town.rule("TRI", 10, action="sort")
    unsorted = town.keep(document_type="tri")
    decided = town.keep(document_type="tri")
    held, briefly, due = (town.keep() for _ in range(3))
    refused = town.keep()
    town.runs_until("2026-06-01")
    with town.system.database.write() as session:
        session.execute(update(RecordRow).where(RecordRow.id == decided).values(sorted="destroy"))
        session.execute(update(RecordRow).where(RecordRow.id == refused).values(not_before=date(2027, 1, 1)))
    place = town.system.holds.place
    place("demo", [held], reason="Contentieux", until=None, agent="user:1")
    place("demo", [briefly], reason="Audit", until=date(2026, 8, 31), agent="user:1")
    a_day_passes(town, "2026-06-01")
    today = date(2026, 6, 1)
    assert {until(town, one) for one in (unsorted, held)} == {today + timedelta(days=HORIZON)}
    assert until(town, briefly) == date(2026, 8, 31), "no further than the day that is known"
    assert until(town, refused) == date(2027, 1, 1)
    assert {until(town, one) for one in (due, decided)} == {today + STEP}
    assert state(town, unsorted) is DueState.TO_SORT
    a_day_passes(town, "2026-09-01")
    town.system.holds.run()
    assert state(town, briefly) is DueState.READY, "H1: due on the day after"


def test_a_changed_line_is_locked_as_what_has_no_end(town: Town) -> None:
    one = town.keep()
    a_day_passes(town, "2026-06-01")
    disposal = town.approved([one])
    with town.acting(ANNE) as act:
        dispose.confirm(act, disposal, None)
    describe(town.system.stores, "demo", one, {"title": "Autre titre"}, agent="user:1", expected_revision=1)
    assert gone_on(town, "2026-06-17") == []
    assert town.lines(disposal) == {one: ("blocked", "changed")}
    a_day_passes(town, "2026-06-18")
    assert until(town, one) == date(2026, 6, 18) + timedelta(days=HORIZON)


def test_a_hold_after_the_last_visa_lets_its_line_go_soon_after_its_release(town: Town) -> None:
    one = town.keep()
    a_day_passes(town, "2026-06-01")
    disposal = town.approved([one])
    with town.acting(ANNE) as act:
        dispose.confirm(act, disposal, None)
    hold = town.system.holds.place("demo", [one], reason="Contentieux", until=None, agent="user:1")
    assert gone_on(town, "2026-06-17") == []
    a_day_passes(town, "2026-09-01")
    assert until(town, one) == date(2026, 9, 16), "the hold guards by itself"
    town.system.holds.release("demo", hold, reason="Jugé", agent="user:1")
    town.system.holds.run()
    assert gone_on(town, "2026-09-16") == []
    assert town.lines(disposal)[one][0] == "waiting"
    daily(town)
    assert gone_on(town, "2026-09-17") == [one]


def test_the_second_copy_follows_and_is_told_when_its_lock_is_the_latest(town: Town) -> None:
    one = town.keep()
    Custody(town.system).copy_everything()
    a_day_passes(town, "2026-06-01")
    Custody(town.system).copy_everything()
    copy = town.system.copy_store
    assert copy is not None
    with town.system.database.read() as session:
        pinned = catalogue.rows(session, one)[0]
    assert copy.stat(pinned.key).locked_until == date(2026, 6, 16)
    assert state(town, one) is DueState.READY
    later = date(2026, 12, 24)
    copy.extend_lock(pinned.key, copy.stat(pinned.key).version, later)
    with town.system.database.write() as session:
        session.execute(update(locks_of_copies()).values(locked_until=later))
    assert town.record(one).locked_until == later
    assert state(town, one) is DueState.LOCKED_UNTIL


def locks_of_copies() -> type:
    from archive.database.tables import CopyRow

    return CopyRow


def test_a_refusal_with_a_day_does_not_leave_a_record_without_a_lock(town: Town) -> None:
    one = town.keep()
    a_day_passes(town, "2026-06-01")
    disposal = town.draft([one])
    town.submit(disposal)
    town.visa(disposal, VisaStep.PRODUCER, BRUNO)
    late = Answers(Answer(LineDecision.NOT_BEFORE, date(2034, 1, 1)))
    town.visa(disposal, VisaStep.CONTROLLER, CLAIRE, late)
    a_day_passes(town, "2026-06-12")
    assert until(town, one) == date(2026, 6, 12) + timedelta(days=HORIZON)


def test_locks_that_nobody_renewed_are_told(town: Town) -> None:
    town.keep()
    a_day_passes(town, "2026-03-21")
    assert overdue(town) == 0
    town.runs_until("2026-04-06")
    assert overdue(town) == 0
    town.runs_until("2026-04-07")
    assert overdue(town) == 1
