"""One look at the clock after the other: what is believed, what waits, what is confirmed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.model.time_sense import Doubt, Sense, believed, certain, looked, witnessed

T = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
KNOWN = Sense(seen_at=T, certain_at=T, witnessed_at=T)


def look(sense: Sense, after: timedelta, *, entry: datetime | None = T, ran: float = 0) -> Sense:
    return looked(sense, T + after, entry, 7, ran)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (-61 * MINUTE, Doubt.BACK),
        (timedelta(seconds=-61), Doubt.BACK),
        (timedelta(seconds=-59), None),
        (timedelta(0), None),
        (DAY, None),
        (35 * DAY, None),
        (35 * DAY + timedelta(seconds=1), Doubt.AHEAD),
        (365 * DAY, Doubt.AHEAD),
        (3650 * DAY, Doubt.AHEAD),
        (-3650 * DAY, Doubt.BACK),
    ],
)
def test_without_a_witness_the_last_entry_is_the_measure(after: timedelta, reason: Doubt | None) -> None:
    found = look(KNOWN, after)
    assert found.reason is reason
    if reason is not None:
        assert (found.distrusted_at, found.first_entry) == (T + after, 7)
        assert found.difference == int(after.total_seconds())
        assert certain(found, T + after) == T, "what can't be undone is judged by the last certain moment"


@pytest.mark.parametrize(
    ("apart", "trusted"), [(-DAY, True), (DAY, True), (DAY + MINUTE, False), (-DAY - MINUTE, False), (365 * DAY, False)]
)
def test_a_witness_is_the_measure_where_there_is_one(apart: timedelta, trusted: bool) -> None:
    for jump in (MINUTE, 20 * DAY, 400 * DAY):
        now = T + jump
        found = witnessed(look(KNOWN, jump), now, now - apart, 7)
        assert found.trusted is trusted, jump
        if trusted:
            assert certain(found, now) == now, "a witness makes up for time that passed unseen"
        else:
            assert found.reason in {Doubt.APART, Doubt.AHEAD}
            assert certain(found, now) <= T + MINUTE


def test_a_witness_clears_a_jump_but_not_entries_made_far_off() -> None:
    back = look(KNOWN, -20 * DAY)
    assert witnessed(back, T - 20 * DAY, T - 20 * DAY, 7).reason is Doubt.BACK
    little = look(KNOWN, -5 * MINUTE)
    assert witnessed(little, T - 5 * MINUTE, T - 5 * MINUTE, 7).trusted
    apart = witnessed(KNOWN, T, T - 3 * DAY, 7)
    assert witnessed(apart, T, T, 7).reason is Doubt.APART, "once contradicted, it is for a person to confirm"


def test_a_holiday_only_delays_by_a_day_of_running() -> None:
    found = look(KNOWN, 20 * DAY)
    assert (found.trusted, found.delayed) == (True, True)
    moment = T + 20 * DAY
    for _ in range(23):
        moment += HOUR
        found = looked(found, moment, T, 7, 3600)
        assert certain(found, moment) == T
    moment += HOUR
    found = looked(found, moment, T, 7, 3600)
    assert certain(found, moment) == moment


def test_a_town_hall_switched_off_every_night_is_never_distrusted_and_not_delayed_for_ever() -> None:
    found, moment, certain_days = KNOWN, T, 0
    for _ in range(14):
        moment += 16 * HOUR
        found = looked(found, moment, moment - 16 * HOUR, 7)
        for _ in range(8):
            moment += HOUR
            found = looked(found, moment, moment - HOUR, 7, 3600)
        assert found.trusted
        certain_days += certain(found, moment) == moment
    assert certain_days >= 4


def test_an_idle_service_that_runs_is_not_taken_for_a_jump() -> None:
    found = KNOWN
    for day in range(1, 200):
        found = looked(found, T + day * DAY, T, 7, DAY.total_seconds())
    assert (found.trusted, found.delayed) == (True, False)


def test_many_jumps_are_not_smaller_than_one() -> None:
    found = KNOWN
    for n in range(1, 12):
        found = looked(found, T + n * 34 * DAY, T + (n - 1) * 34 * DAY, 7, 60)
        assert certain(found, T + n * 34 * DAY) == T


def test_an_entry_made_after_a_jump_does_not_vouch_for_it() -> None:
    """A deposit arrives between the jump and the next look: its entry has the jumped time."""
    for days in (2, 14, 35):
        moment = T + days * DAY + MINUTE / 2
        found = looked(KNOWN, moment, T + days * DAY, 8, 30)
        assert (found.trusted, found.delayed) == (True, True), days
        assert certain(found, moment) == T
    found = KNOWN
    for n in range(1, 12):
        found = looked(found, T + n * 34 * DAY, T + n * 34 * DAY, 7 + n, 60)
        assert certain(found, T + n * 34 * DAY) == T


def test_what_is_distrusted_stays_so_until_it_is_confirmed() -> None:
    wrong = look(KNOWN, 365 * DAY)
    mended = looked(wrong, T + HOUR, T + 365 * DAY, 9)
    assert mended == wrong
    right = believed(mended, T + HOUR)
    assert right.trusted
    assert certain(right, T + HOUR) == T + HOUR


@given(st.lists(st.tuples(st.integers(-4000, 4000), st.integers(0, 90000)), max_size=12))
def test_nothing_certain_is_later_than_what_was_run_or_confirmed(steps: list[tuple[int, int]]) -> None:
    """However the clock moves, a jump is not acted upon before a day of running."""
    found, now, last = KNOWN, T, T
    for hours, ran in steps:
        now = now + hours * HOUR
        before = certain(found, last)
        found = looked(found, now, last if last <= now else None, 7, ran)
        unseen = now - last - timedelta(seconds=ran)
        if unseen > DAY and ran < DAY.total_seconds():
            assert certain(found, now) <= max(before, last)
        last = now
