"""A clock that is wrong by days or years: deposits go on, and nothing that stays done is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.views.hold import UNTIL_IN_DOUBT, view
from archive.database.tables import HoldRow, JournalEntryRow, RecordRow, RepresentationRow
from archive.holdings.verify import verify
from archive.journal.corrections import confirm
from archive.model.time_sense import Doubt
from archive.objects.layout import record_folder
from ingestion.assembly import System, assemble
from ingestion.operations.custody import Custody
from ingestion.settings import load_settings
from signing.ground.errors import Refused, Unavailable
from tests.holdings import SAME, keep, lose_database, receive, rows

START = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Moved:
    """A clock that a test moves, with a count of seconds that never jumps."""

    def __init__(self) -> None:
        self.now = START
        self.ran = 0.0

    def __call__(self) -> datetime:
        return self.now

    def run(self, span: timedelta) -> None:
        """Time passes while the service runs."""
        self.now += span
        self.ran += span.total_seconds()

    def jump(self, span: timedelta) -> None:
        """The clock is moved, or nothing ran meanwhile."""
        self.now += span


@pytest.fixture
def clock() -> Moved:
    return Moved()


@pytest.fixture
def moved(tmp_path: Path, clock: Moved) -> Iterator[System]:
    system = started(tmp_path, clock)
    system.create_tenant("demo", "Commune de Démonstration")
    yield system
    system.close()


def started(home: Path, clock: Moved) -> System:
    """The service as it starts."""
    system = assemble(load_settings({"CHARTRIER_HOME": str(home)}), clock=clock)
    system.initialise()
    system.time_sense._monotonic = lambda: clock.ran
    system.time_sense.look()
    return system


def confirmed(system: System) -> Any:
    return confirm(system.database, system.ledger, system.clock, system.time_sense, agent="user:1")


def held(system: System, folder: Path, until: date) -> tuple[str, str]:
    record = keep(system, folder, 1)
    hold = system.holds.place("demo", [record], reason="Contentieux", until=until, agent="user:1")
    system.holds.run()
    return record, hold


def in_force(system: System, hold: str) -> bool:
    with system.database.read() as session:
        return session.get_one(HoldRow, hold).released_at is None


def stored_holds(system: System, record: str) -> set[bool]:
    root = record_folder("demo", record).root
    return {system.store.stat(item.key, item.version).legal_hold for item in system.store.list(f"{root}/")}


def entries(system: System, kind: str) -> list[dict[str, Any]]:
    with system.database.read() as session:
        query = select(JournalEntryRow.body).where(JournalEntryRow.type == kind)
        return [json.loads(body) for body in session.scalars(query.order_by(JournalEntryRow.n))]


@pytest.mark.parametrize("years", [1, 10, -1, -10])
def test_a_clock_years_off_ends_no_hold_frees_no_lock_and_stamps_nothing(
    moved: System, clock: Moved, tmp_path: Path, years: int
) -> None:
    record, hold = held(moved, tmp_path, date(2027, 6, 30))
    with moved.database.read() as session:
        form = session.get_one(RepresentationRow, (record, "original"))
        locks = {row.key: row.locked_until for row in session.scalars(select(RepresentationRow))}
    moved.publisher.publish(force_token=True)
    clock.jump(years * 365 * DAY)
    received = receive(moved, b"%PDF sous une horloge fausse", "k1")
    assert received.state == "received", "deposits go on"
    known = moved.time_sense.look()
    assert known.reason is (Doubt.AHEAD if years > 0 else Doubt.BACK)
    moved.holds.run()
    moved.locks.extend()
    assert in_force(moved, hold)
    assert stored_holds(moved, record) == {True}
    with moved.database.read() as session:
        assert {row.key: row.locked_until for row in session.scalars(select(RepresentationRow))} == locks
    moved.holds.release("demo", hold, reason="pour l’essai", agent="user:1")
    moved.holds.run()
    with pytest.raises(Refused) as locked:
        moved.store.delete(form.key, form.version)
    assert locked.value.code == "object_locked"
    with pytest.raises(Unavailable) as waits:
        moved.timestamper.token(b"\0" * 32)
    assert waits.value.code == "clock_distrusted"
    published = moved.publisher.publish()
    assert published is not None
    assert moved.publisher.latest().size == published.size  # type: ignore[union-attr]
    assert moved.publisher.latest(with_token=True).size < published.size  # type: ignore[union-attr]


def test_after_a_confirmation_all_goes_on_and_the_journal_names_the_entries(
    moved: System, clock: Moved, tmp_path: Path
) -> None:
    record, hold = held(moved, tmp_path, date(2027, 6, 30))
    with moved.database.read() as session:
        before = len(session.scalars(select(JournalEntryRow.n)).all())
    clock.jump(365 * DAY)
    receive(moved, b"%PDF un", "k1")
    receive(moved, b"%PDF deux", "k2")
    clock.jump(-365 * DAY)
    moved.time_sense.look()
    moved.holds.run()
    assert in_force(moved, hold)
    entry = confirmed(moved)
    facts = entries(moved, "ClockCorrected")[0]["facts"]
    assert (facts["reason"], facts["first"], facts["last"]) == ("ahead", before, before + 1)
    assert entry.n == before + 2
    assert moved.time_sense.look().trusted
    assert moved.timestamper.token(b"\0" * 32)
    clock.run(214 * DAY)
    moved.time_sense.look()
    moved.holds.run()
    assert not in_force(moved, hold), "its last day has truly passed"
    assert verify(moved.stores, "demo", record).verdict.value in {"intact", "unverifiable"}
    with pytest.raises(Refused) as again:
        confirmed(moved)
    assert again.value.code == "clock_trusted"


def test_a_start_under_a_wrong_clock_is_seen_before_anything_is_done(
    moved: System, clock: Moved, tmp_path: Path
) -> None:
    """The service is stopped, the clock moved, the service started: two minutes, then mended."""
    _, hold = held(moved, tmp_path, date(2027, 6, 30))
    moved.close()
    clock.jump(365 * DAY)
    wrong = started(tmp_path, clock)
    wrong.holds.run()
    wrong.close()
    clock.jump(-365 * DAY + timedelta(minutes=2))
    mended = started(tmp_path, clock)
    mended.holds.run()
    assert in_force(mended, hold)
    assert not mended.time_sense.sense().trusted, "until an administrator confirms"
    mended.close()


def test_a_holiday_delays_a_holds_end_by_a_day_of_running(moved: System, clock: Moved, tmp_path: Path) -> None:
    _, hold = held(moved, tmp_path, date(2026, 12, 5))
    clock.jump(14 * DAY)
    for hour in range(25):
        moved.time_sense.look()
        moved.holds.run()
        assert in_force(moved, hold) is (hour < 24), hour
        clock.run(timedelta(hours=1))


def test_a_deposit_after_a_small_jump_does_not_end_a_hold(moved: System, clock: Moved, tmp_path: Path) -> None:
    """Its entry has the jumped time, and comes before the next look."""
    _, hold = held(moved, tmp_path, date(2026, 12, 20))
    clock.jump(30 * DAY)
    receive(moved, b"%PDF apres le saut", "k1")
    moved.holds.run()
    assert in_force(moved, hold), "before the next look"
    clock.run(timedelta(minutes=1))
    moved.time_sense.look()
    moved.holds.run()
    assert in_force(moved, hold), "after it"


class Authority:
    """An outside clock."""

    def __init__(self, clock: Moved) -> None:
        self.clock = clock
        self.ahead = timedelta(0)
        self.away = False

    def outside_time(self) -> datetime | None:
        return None if self.away else self.clock.now - self.ahead


def test_a_witness_decides_where_there_is_one(moved: System, clock: Moved, tmp_path: Path) -> None:
    authority = Authority(clock)
    moved.time_sense._outside = (lambda: authority,)
    clock.jump(60 * DAY)
    assert moved.time_sense.look().trusted, "a long closure that an outside clock confirms"
    assert moved.time_sense.certain_now() == clock.now
    clock.jump(2 * DAY)
    authority.ahead = 2 * DAY
    known = moved.time_sense.look()
    assert (known.reason, known.difference) == (Doubt.APART, 2 * 86400)
    with pytest.raises(Refused) as refused:
        confirmed(moved)
    assert refused.value.code == "clock_still_differs"
    clock.jump(-2 * DAY)
    authority.ahead = timedelta(0)
    confirmed(moved)
    assert moved.time_sense.look().trusted
    authority.away = True
    clock.jump(60 * DAY)
    assert moved.time_sense.look().reason is Doubt.AHEAD, "a witness that is silent is none"


def test_a_hold_that_a_wrong_clock_ended_is_reinstated_as_such(moved: System, clock: Moved, tmp_path: Path) -> None:
    """An earlier version ended it; or a clock was wrong by less than is noticed."""
    from archive.disposition.holds.reinstatement import reinstate

    record, hold = held(moved, tmp_path, date(2027, 6, 30))
    moved.holds._certain = lambda: START + 365 * DAY
    moved.holds.run()
    assert not in_force(moved, hold)
    moved.holds._certain = clock
    made = reinstate(moved.database, moved.ledger, clock, "demo", hold, agent="user:1")
    moved.holds.run()
    assert in_force(moved, made)
    assert stored_holds(moved, record) == {True}
    told = entries(moved, "HoldReinstated")[0]
    assert (told["subject"], told["facts"]["reinstates"]) == (f"record:{record}", hold)
    with moved.database.read() as session:
        old, new = session.get_one(HoldRow, hold), session.get_one(HoldRow, made)
        assert (new.reason, new.until) == (old.reason, old.until)
    with pytest.raises(Refused) as twice:
        reinstate(moved.database, moved.ledger, clock, "demo", hold, agent="user:1")
    assert twice.value.code == "hold_not_reinstatable"
    moved.publisher.publish(force_token=True)
    before = rows(moved, *SAME, "held_records")
    lose_database(moved)
    after = assemble(load_settings({"CHARTRIER_HOME": str(tmp_path)}), clock=clock)
    after.prepare_rebuild()
    Custody(after).rebuild()
    assert rows(after, *SAME, "held_records") == before
    assert in_force(after, made)
    after.close()


@pytest.mark.parametrize("looked_at", [True, False])
def test_a_last_day_past_by_a_distrusted_clock_is_a_remark_and_holds(
    moved: System, clock: Moved, tmp_path: Path, looked_at: bool
) -> None:
    record = keep(moved, tmp_path, 1)
    until = date(2027, 6, 30)
    clock.jump(365 * DAY)
    if looked_at:
        assert not moved.time_sense.look().trusted
    hold = moved.holds.place("demo", [record], reason="Contentieux", until=until, agent="user:1")
    moved.holds.run()
    assert in_force(moved, hold)
    assert stored_holds(moved, record) == {True}
    with moved.database.read() as session:
        told = view(session, session.get_one(HoldRow, hold), moved.clock())
    assert (told["state"], told["remark"]) == ("active", UNTIL_IN_DOUBT)
    clock.jump(-365 * DAY)
    confirmed(moved)
    with moved.database.read() as session:
        assert view(session, session.get_one(HoldRow, hold), moved.clock())["remark"] is None
    with pytest.raises(Refused, match="déjà passé"):
        moved.holds.place("demo", [record], reason="Contentieux", until=START.date() - DAY, agent="user:1")
    moved.holds.place("demo", [record], reason="Contentieux", until=START.date(), agent="user:1")


def test_a_last_day_to_come_is_taken_when_the_clock_went_back(moved: System, clock: Moved, tmp_path: Path) -> None:
    record = keep(moved, tmp_path, 1)
    clock.jump(-365 * DAY)
    assert not moved.time_sense.look().trusted
    for until in (START.date() - 400 * DAY, START.date() - 100 * DAY, START.date()):
        assert in_force(moved, moved.holds.place("demo", [record], reason="x", until=until, agent="user:1"))


@pytest.mark.parametrize("case", ["in force", "released", "over"])
def test_other_holds_are_not_reinstated(moved: System, clock: Moved, tmp_path: Path, case: str) -> None:
    from archive.disposition.holds.reinstatement import reinstate

    _, hold = held(moved, tmp_path, date(2026, 12, 10))
    if case == "released":
        moved.holds.release("demo", hold, reason="Jugé", agent="user:1")
    if case == "over":
        clock.run(20 * DAY)
        moved.time_sense.look()
        moved.holds.run()
        assert not in_force(moved, hold)
    with pytest.raises(Refused) as refused:
        reinstate(moved.database, moved.ledger, clock, "demo", hold, agent="user:1")
    assert refused.value.code == "hold_not_reinstatable"


def test_records_kept_under_a_wrong_clock_are_not_locked_for_ten_years_too_long(
    moved: System, clock: Moved, tmp_path: Path
) -> None:
    clock.jump(3650 * DAY)
    moved.time_sense.look()
    record = keep(moved, tmp_path, 1)
    with moved.database.read() as session:
        locked = session.get_one(RepresentationRow, (record, "original")).locked_until
        assert session.get_one(RecordRow, record).kept_at > START + 3000 * DAY
    assert locked is not None
    assert locked <= (START + 401 * DAY).date()
