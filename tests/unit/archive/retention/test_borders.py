"""Every day of the calendar through every rule, and the days on both sides of each border."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.database.engine import Database
from archive.database.tables import ClockRow, TenantRow
from archive.model.days import FIRST_DAY, LAST_DAY, Today
from archive.model.description_fields import Description
from archive.model.final_actions import FinalAction
from archive.retention import schedule
from archive.retention.access import access_of, access_rules
from archive.retention.admission import admit_dates, days_ahead
from archive.retention.civil import civil_day, today_of
from archive.retention.dates import START_EVENTS, StartField, Unit, day_after, end_date, start_date
from archive.retention.decisions import retention_of
from archive.retention.packs import PACKS, pack_rules
from archive.retention.rules import Rule, retain_until
from signing.ground.errors import Refused
from tests.servers.postgres import Databases

RULES = sorted(
    {(rule.start_event, rule.duration, rule.unit) for pack in PACKS for rule, _ in pack_rules(pack)},
    key=str,
)
"""Each distinct start, duration and unit of the bundled packs."""
ANY = st.dates(date.min, date.max)
MAYBE = st.none() | ANY
TODAY = date(2026, 11, 29)
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
AHEAD = ("contract_end", "authorisation_end", "agreement_end", "last_decision_expiry", "leave_end")


@pytest.fixture
def database(databases: Databases, tmp_path: Path) -> Iterator[Database]:
    made = Database(databases.fresh(tmp_path).url)
    with made.write() as session:
        session.add(TenantRow(id="demo", name="Démo", created_at=NOON))
        session.flush()
        schedule.load_pack(session, "demo")
    yield made
    made.dispose()


# -- whatever is stored, no rule raises


@pytest.mark.parametrize(("event", "duration", "unit"), RULES, ids=str)
@given(dated=MAYBE, closed=MAYBE)
def test_no_stored_day_stops_a_rule(
    event: str, duration: int | None, unit: Unit, dated: date | None, closed: date | None
) -> None:
    rule = Rule("R", 1, "x", duration, unit, event, FinalAction.DESTROY)
    found = retention_of(rule, phrase="un acte", document_type="Acte", document_date=dated, closed_on=closed)
    start = start_date(event, document_date=dated, closed_on=closed)
    assert found.starts_on == start
    if start is not None and found.ends_on is not None:
        assert found.ends_on >= start
    retain_until(found, TODAY, 400)
    retain_until(found, TODAY, 0)


@given(start=ANY, duration=st.integers(-2000, 10**7), unit=st.sampled_from(list(Unit)))
def test_an_end_is_a_day_of_the_calendar_or_none(start: date, duration: int, unit: Unit) -> None:
    end = end_date(start, duration, unit)
    assert end is None or day_after(end) is None or date.min < day_after(end) <= date.max  # type: ignore[operator]


@given(code=st.sampled_from([*access_rules(), "AR999"]), dated=MAYBE, closed=MAYBE, death=MAYBE, birth=MAYBE)
def test_no_stored_day_stops_an_access_rule(
    code: str, dated: date | None, closed: date | None, death: date | None, birth: date | None
) -> None:
    access_of(code, document_date=dated, closed_on=closed, death=death, birth=birth)


def test_an_end_beyond_the_calendar_is_no_end_and_is_told(database: Database) -> None:
    far = Description("x", document_type="facture", document_date=date(9999, 12, 31))
    with database.read() as session:
        decision = schedule.decide(session, "demo", far, NOON)
    assert (decision.retention.starts_on, decision.retention.ends_on) == (date(9999, 12, 31), None)
    assert [remark.code for remark in decision.remarks] == ["end_beyond_calendar", "date_ahead"]
    assert "calendrier" in decision.remarks[0].detail
    closed = access_of("AR048", document_date=date(9999, 1, 1), closed_on=None)
    assert closed.communicable_on is None
    assert "calendrier" in closed.explanation
    assert access_of("AR048", document_date=date(9949, 12, 31), closed_on=None).communicable_on is None


# -- the last day is counted, the public reads from the next


@pytest.mark.parametrize(
    ("code", "known", "opens"),
    [
        ("AR042", {"document_date": date(2000, 5, 10)}, date(2025, 5, 11)),
        ("AR043", {"death": date(1998, 3, 1), "birth": date(1920, 7, 14)}, date(2023, 3, 2)),
        ("AR043", {"birth": date(1920, 7, 14)}, date(2040, 7, 15)),
        ("AR061", {"birth": date(1920, 7, 14)}, date(2040, 7, 15)),
        ("AR052", {"document_date": date(1960, 1, 1), "death": date(1990, 6, 30)}, date(2015, 7, 1)),
        ("AR052", {"document_date": date(1960, 1, 1), "death": date(2020, 6, 30)}, date(2035, 1, 2)),
        ("AR058", {"document_date": date(1960, 1, 1), "death": date(1990, 6, 30)}, date(2015, 7, 1)),
        ("AR048", {"document_date": date(1980, 11, 3)}, date(2030, 11, 4)),
        ("AR048", {"document_date": date(1980, 11, 3), "closed_on": date(1981, 2, 2)}, date(2031, 2, 3)),
        ("AR042", {"document_date": date(2000, 2, 29)}, date(2025, 3, 1)),
        ("AR052", {"death": date(1990, 6, 30)}, None),
        ("AR048", {"document_date": date(1980, 11, 3), "death": date(1981, 1, 1)}, date(2030, 11, 4)),
    ],
)
def test_what_is_closed_for_years_opens_on_the_day_after(code: str, known: dict[str, date], opens: date | None) -> None:
    access = access_of(code, **({"document_date": None, "closed_on": None} | known))
    assert access.communicable_on == opens


# -- dates at the door


def refused(description: Description, given_: set[str], event: str | None = None, **today: bool) -> str | None:
    try:
        admit_dates(description, given_, event, Today(TODAY, **today), kept="")
    except Refused as error:
        return f"{error.code} {error.pointer}"
    return None


@pytest.mark.parametrize("event", [None, *START_EVENTS])
def test_only_ends_fixed_in_advance_may_be_to_come(event: str | None) -> None:
    tomorrow = Description("x", closed_on=TODAY + timedelta(1))
    assert refused(tomorrow, {"closed_on"}, event) == (None if event in AHEAD else "bad_field /closed_on")
    assert refused(Description("x", closed_on=TODAY), {"closed_on"}, event) is None
    dated = Description("x", document_date=TODAY + timedelta(1))
    assert refused(dated, {"document_date"}, event) == "bad_field /document_date"
    assert refused(Description("x", document_date=TODAY), {"document_date"}, event) is None


def test_a_type_that_fixes_no_end_in_advance_asks_for_the_closing_again() -> None:
    planned = Description("x", document_type="courrier", closed_on=date(2029, 6, 30))
    assert refused(planned, {"document_type"}, "document_date") == "bad_field /closed_on"
    assert refused(planned, {"title"}, "document_date") is None, "what is stored is not judged again"


def test_a_closing_does_not_precede_its_document() -> None:
    backwards = Description("x", document_date=date(2026, 1, 1), closed_on=date(2025, 12, 31))
    assert refused(backwards, {"document_date", "closed_on"}) == "bad_field /closed_on"
    assert refused(backwards, {"closed_on"}) == "bad_field /closed_on"
    assert refused(backwards, {"document_date"}) == "bad_field /document_date"
    assert refused(backwards, {"title"}) is None
    assert refused(backwards, {"document_type"}) is None, "what is stored is not judged again"
    same = Description("x", document_date=date(2026, 1, 1), closed_on=date(2026, 1, 1))
    assert refused(same, {"document_date", "closed_on"}) is None


def test_under_a_doubtful_clock_no_day_is_too_late_but_it_is_told(database: Database) -> None:
    ahead = Description("x", document_type="arrete", document_date=date(2027, 3, 1))
    assert refused(ahead, {"document_date"}, trusted=False) is None
    with database.write() as session:
        with pytest.raises(Refused):
            schedule.admit(session, "demo", ahead, {"document_date"}, NOON, kept="")
        session.add(ClockRow(id=1, seen_at=NOON, certain_at=NOON, gaps=0, ran=0, distrusted_at=NOON))
        session.flush()
        schedule.admit(session, "demo", ahead, {"document_date"}, NOON, kept="")
        remarks = schedule.decide(session, "demo", ahead, NOON).remarks
    assert [remark.code for remark in remarks] == ["date_ahead"]


@given(st.dates(FIRST_DAY, LAST_DAY), st.dates(FIRST_DAY, LAST_DAY))
def test_admitted_days_are_in_order_and_past(dated: date, closed: date) -> None:
    both = Description("x", document_date=dated, closed_on=closed)
    admitted = refused(both, {"document_date", "closed_on"}) is None
    assert admitted is (dated <= closed <= TODAY)
    assert admitted <= (not days_ahead(both, None, TODAY))


def test_each_start_event_with_a_field_has_a_rule_of_admission() -> None:
    ahead = {name for name, start in START_EVENTS.items() if start.fixed_ahead}
    assert ahead == set(AHEAD)
    assert all(START_EVENTS[name].known_by is StartField.CLOSED_ON for name in ahead)


# -- a day is a day of the tenant's calendar


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("America/Guadeloupe", datetime(2031, 1, 1, 2, tzinfo=UTC), date(2030, 12, 31)),
        ("Indian/Reunion", datetime(2030, 12, 31, 21, tzinfo=UTC), date(2031, 1, 1)),
        ("Europe/Paris", datetime(2026, 6, 30, 21, 59, tzinfo=UTC), date(2026, 6, 30)),
        ("Europe/Paris", datetime(2026, 6, 30, 22, tzinfo=UTC), date(2026, 7, 1)),
    ],
)
def test_a_day_begins_at_the_tenants_midnight(database: Database, zone: str, moment: datetime, day: date) -> None:
    assert civil_day(moment, zone) == day
    with database.write() as session:
        session.get_one(TenantRow, "demo").time_zone = zone
        session.flush()
        assert today_of(session, "demo", moment) == Today(day)
        today = Description("x", document_date=day)
        schedule.admit(session, "demo", today, {"document_date"}, moment, kept="")
        with pytest.raises(Refused):
            schedule.admit(
                session, "demo", Description("x", document_date=day + timedelta(1)), {"document_date"}, moment, kept=""
            )
