"""The examples of the specification for dates, several rules and holds, each by its number."""

from __future__ import annotations

from datetime import date

import pytest

from archive.retention.access import access_of
from archive.retention.dates import Unit, from_seda, to_seda
from archive.retention.decisions import access_rule_along
from archive.retention.declarations import Convention, GivenStart, Path, newest_in_files
from archive.retention.facts import Facts
from archive.retention.resolution import Basis, Resolution, resolve
from archive.retention.rules import Rule
from archive.retention.states import DueList, DueState, Standing, due_list_of, held_on, may_go_on, state_of
from tests.unit.archive.retention.plan import DESTROY, KEEP, SORT, a_class, a_file, a_record, a_rule, a_type, declares

D = date
NOTHING = Facts()


def kept(rule: Rule | None, facts: Facts = NOTHING, *above: Path) -> Resolution:
    """Resolve under one rule that the document type gives."""
    kind = a_type(rule.code) if rule is not None else a_type()
    rules = {rule.code: rule} if rule is not None else {}
    return resolve([(*path, kind) for path in above or ((),)], facts, rules)


def dated(day: date) -> Facts:
    return Facts(document_date=day)


YEAR_END, FISCAL = "calendar_year_end", "fiscal_year_end"


@pytest.mark.parametrize(
    ("rule", "facts", "file", "starts", "ends", "due"),
    [
        pytest.param(
            *(a_rule(10, start=YEAR_END), Facts(), a_file("F", D(2020, 2, 29))),
            *(D(2020, 12, 31), D(2030, 12, 31), D(2031, 1, 1)),
            id="D1",
        ),
        pytest.param(
            *(a_rule(10, start=FISCAL), dated(D(2019, 7, 14)), None),
            *(D(2019, 12, 31), D(2029, 12, 31), D(2030, 1, 1)),
            id="D2",
        ),
        pytest.param(
            *(a_rule(10, start="file_closing"), Facts(), a_file("F", D(2020, 2, 29))),
            *(D(2020, 2, 29), D(2030, 2, 28), D(2030, 3, 1)),
            id="D3",
        ),
        pytest.param(
            *(a_rule(10, start="file_closing"), Facts(closed_on=D(2020, 2, 29)), None),
            *(D(2020, 2, 29), D(2030, 2, 28), D(2030, 3, 1)),
            id="D3-without-a-file",
        ),
        pytest.param(
            *(a_rule(4, start="file_closing"), Facts(), a_file("F", D(2020, 2, 29))),
            *(D(2020, 2, 29), D(2024, 2, 29), D(2024, 3, 1)),
            id="D4",
        ),
        pytest.param(
            *(a_rule(3, Unit.MONTH), dated(D(2023, 11, 30)), None),
            *(D(2023, 11, 30), D(2024, 2, 29), D(2024, 3, 1)),
            id="D5-three-months",
        ),
        pytest.param(
            *(a_rule(1, Unit.MONTH), dated(D(2024, 1, 31)), None),
            *(D(2024, 1, 31), D(2024, 2, 29), D(2024, 3, 1)),
            id="D5-one-month",
        ),
        pytest.param(
            *(a_rule(90, Unit.DAY), dated(D(2024, 12, 31)), None),
            *(D(2024, 12, 31), D(2025, 3, 31), D(2025, 4, 1)),
            id="D6-days",
        ),
        pytest.param(
            *(a_rule(0), dated(D(2025, 5, 10)), None),
            *(D(2025, 5, 10), D(2025, 5, 10), D(2025, 5, 11)),
            id="D6-zero",
        ),
        pytest.param(
            *(a_rule(5, start=YEAR_END), dated(D(2024, 12, 31)), None),
            *(D(2024, 12, 31), D(2029, 12, 31), D(2030, 1, 1)),
            id="D7-last-day",
        ),
        pytest.param(
            *(a_rule(5, start=YEAR_END), dated(D(2025, 1, 1)), None),
            *(D(2025, 12, 31), D(2030, 12, 31), D(2031, 1, 1)),
            id="D7-first-day",
        ),
        pytest.param(
            *(a_rule(80, start="birth_date", action=SORT), Facts(events={"birth_date": (D(1960, 2, 29),)}), None),
            *(D(1960, 2, 29), D(2040, 2, 29), D(2040, 3, 1)),
            id="D8",
        ),
        pytest.param(
            *(a_rule(10, start=FISCAL), Facts(document_date=D(2020, 1, 15), fiscal_year=2019), None),
            *(D(2019, 12, 31), D(2029, 12, 31), D(2030, 1, 1)),
            id="D13",
        ),
        pytest.param(
            *(a_rule(10, start="contract_end"), Facts(events={"contract_end": (D(2029, 6, 30),)}), None),
            *(D(2029, 6, 30), D(2039, 6, 30), D(2039, 7, 1)),
            id="D14",
        ),
        pytest.param(
            *(a_rule(10, start="contract_end"), Facts(closed_on=D(2029, 6, 30)), None),
            *(D(2029, 6, 30), D(2039, 6, 30), D(2039, 7, 1)),
            id="D14-by-the-closing",
        ),
        pytest.param(
            *(a_rule(1, start="school_year_end"), dated(D(2025, 9, 1)), None),
            *(D(2026, 8, 31), D(2027, 8, 31), D(2027, 9, 1)),
            id="school-year-first-day",
        ),
        pytest.param(
            *(a_rule(1, start="school_year_end"), dated(D(2026, 8, 31)), None),
            *(D(2026, 8, 31), D(2027, 8, 31), D(2027, 9, 1)),
            id="school-year-last-day",
        ),
    ],
)
def test_dates(
    rule: Rule, facts: Facts, file: object, starts: date | None, ends: date | None, due: date | None
) -> None:
    found = kept(rule, facts, (file,) if file is not None else ())  # type: ignore[arg-type]
    assert (found.starts_on, found.ends_on, found.due_on) == (starts, ends, due)
    assert found.basis is Basis.DATED


def test_what_is_sorted_at_its_end_is_in_the_list_to_sort() -> None:
    """D8."""
    found = kept(a_rule(80, start="birth_date", action=SORT), Facts(events={"birth_date": (D(1960, 2, 29),)}))
    assert due_list_of(found.final_action) is DueList.TO_SORT
    assert [due_list_of(action) for action in (DESTROY, KEEP)] == [DueList.TO_ELIMINATE, DueList.TO_TRANSFER]


@pytest.mark.parametrize(
    ("found", "state", "remark"),
    [
        pytest.param(kept(a_rule(5, start="file_closing")), DueState.START_MISSING, "start_missing", id="D9-start"),
        pytest.param(kept(a_rule(None), dated(D(2020, 1, 1))), DueState.NO_END, None, id="D9-unlimited"),
        pytest.param(resolve([], Facts(), {}), DueState.RULE_MISSING, "type_missing", id="D9-no-type"),
        pytest.param(
            resolve([(a_type(phrase=None),)], Facts(), {}), DueState.RULE_MISSING, "type_unknown", id="D9-type-unknown"
        ),
        pytest.param(kept(None), DueState.RULE_MISSING, "rule_missing", id="D9-no-rule"),
        pytest.param(
            resolve([(a_type("GONE"),)], Facts(), {}), DueState.RULE_MISSING, "rule_unknown", id="D9-rule-unknown"
        ),
        pytest.param(
            kept(a_rule(999), dated(D(9001, 1, 1))), DueState.NO_END, "end_beyond_calendar", id="beyond-the-calendar"
        ),
        pytest.param(
            kept(a_rule(0, Unit.DAY), dated(date.max)), DueState.NO_END, "end_beyond_calendar", id="last-day-of-all"
        ),
        pytest.param(
            kept(a_rule(5, sure=False), dated(D(2020, 1, 1))), DueState.NO_END, "rule_unsure", id="source-not-read"
        ),
    ],
)
def test_what_has_no_end_is_in_the_analysis_and_in_no_list(
    found: Resolution, state: DueState, remark: str | None
) -> None:
    assert (found.ends_on, found.due_on) == (None, None)
    assert [one.code for one in found.remarks] == ([remark] if remark else [])
    for day in (D(2026, 1, 1), date.max):
        assert state_of(standing(found), day) is state


def test_a_rule_not_sure_gives_an_end_once_it_is_validated() -> None:
    unsure = a_rule(5, sure=False, validated=True)
    assert kept(unsure, dated(D(2020, 1, 1))).ends_on == D(2025, 1, 1)


def standing(found: Resolution, **more: object) -> Standing:
    given = {"validated": True} | more
    return Standing(
        basis=found.basis,
        due_on=found.due_on,
        final_action=found.final_action,
        **given,  # type: ignore[arg-type]
    )


# -- SEDA


@pytest.mark.parametrize(
    ("duration", "start", "ends", "due"),
    [
        pytest.param(5, D(2002, 1, 1), D(2006, 12, 31), D(2007, 1, 1), id="D11-five"),
        pytest.param(80, D(2001, 1, 1), D(2080, 12, 31), D(2081, 1, 1), id="D11-eighty"),
    ],
)
def test_a_start_of_seda_is_the_first_day_counted(duration: int, start: date, ends: date, due: date) -> None:
    assert from_seda(start, duration, Unit.YEAR) == (ends, due)
    given = declares("R", starts={"R": GivenStart(start, Convention.SEDA)})
    found = resolve([(a_class("2", given),)], Facts(), {"R": a_rule(duration)})
    assert (found.starts_on, found.ends_on, found.due_on) == (start, ends, due)
    assert "premier jour" in found.explanation


def test_the_convention_of_a_given_start_stays_with_it() -> None:
    """Section 1, item 4: later computations, with another duration, count in the same way."""
    given = declares("R", starts={"R": GivenStart(D(2024, 2, 29), Convention.SEDA)})
    ours = declares("R", starts={"R": GivenStart(D(2024, 2, 29))})
    path, same_day = (a_class("2", given),), (a_class("2", ours),)
    for years, ends, ends_ours in ((1, D(2025, 2, 27), D(2025, 2, 28)), (4, D(2028, 2, 28), D(2028, 2, 29))):
        assert resolve([path], Facts(), {"R": a_rule(years)}).ends_on == ends
        assert resolve([same_day], Facts(), {"R": a_rule(years)}).ends_on == ends_ours


@pytest.mark.parametrize(
    ("due", "years", "start"),
    [
        pytest.param(D(2031, 1, 1), 10, D(2021, 1, 1), id="D12-D1"),
        pytest.param(D(2030, 3, 1), 10, D(2020, 3, 1), id="D12-D3"),
        pytest.param(D(2025, 3, 1), 1, D(2024, 3, 1), id="D12-leap-day"),
    ],
)
def test_the_start_that_tells_seda_our_due_day(due: date, years: int, start: date) -> None:
    assert to_seda(due, years, Unit.YEAR) == start


def test_a_start_that_was_received_is_given_back() -> None:
    received = D(2024, 1, 31)
    term = from_seda(received, 1, Unit.MONTH)
    assert term is not None
    assert to_seda(term.due_on, 1, Unit.MONTH, given=received) == received
    assert to_seda(term.due_on, 1, Unit.MONTH) == D(2024, 1, 29)
    assert to_seda(D(2031, 1, 1), 10, Unit.YEAR, given=received) == D(2021, 1, 1)


# -- several rules

CLASS_2 = a_class("2", declares("TEN"))
RULES = {
    "TEN": a_rule(10, code="TEN"),
    "THIRTY": a_rule(30, code="THIRTY", action=KEEP),
    "FIVE": a_rule(5, start="file_closing", code="FIVE"),
    "TEN_KEEP": a_rule(10, start="file_closing", action=KEEP, code="TEN_KEEP"),
}


def test_the_nearest_declaration_wins() -> None:
    """R1."""
    day = dated(D(2020, 1, 1))
    below = resolve([(a_class("2.1"), CLASS_2)], day, RULES)
    assert (below.rule, below.ends_on, below.final_action) == ("TEN", D(2030, 1, 1), DESTROY)
    assert "la classe 2 «" in below.explanation
    assert "version\u00a01" in below.explanation
    other = resolve([(a_class("2.3", declares("THIRTY")), CLASS_2)], day, RULES)
    assert (other.rule, other.ends_on, other.final_action) == ("THIRTY", D(2050, 1, 1), KEEP)
    assert [part.rule for part in other.parts] == [RULES["THIRTY"]]


def test_what_is_blocked_without_a_rule_of_its_own_is_kept_without_an_end() -> None:
    """R2."""
    found = resolve([(a_class("2.4", declares(block_all=True)), CLASS_2, a_type("TEN"))], dated(D(2020, 1, 1)), RULES)
    assert (found.ends_on, found.final_action, found.basis) == (None, KEEP, Basis.NO_END)
    assert "la classe 2.4 «" in found.explanation
    assert found.remarks == ()


TWO_FILES = [
    (a_file("A", D(2020, 12, 31), declares("FIVE")),),
    (a_file("B", D(2018, 12, 31), declares("TEN_KEEP")),),
]


def test_one_record_in_two_files() -> None:
    """R3."""
    found = resolve(TWO_FILES, Facts(), RULES)
    assert [part.ends_on for part in found.parts] == [D(2025, 12, 31), D(2028, 12, 31)]
    assert (found.ends_on, found.final_action) == (D(2028, 12, 31), KEEP)
    assert found.basis is Basis.FINAL_ACTION_CONFLICT
    assert [remark.code for remark in found.remarks] == ["final_action_conflict"]
    assert state_of(standing(found), D(2100, 1, 1)) is DueState.FINAL_ACTION_CONFLICT


def test_the_strongest_action_counts_even_where_the_end_is_another_rules() -> None:
    """R3, the other way round."""
    rules = {"LONG": a_rule(30, code="LONG"), "SHORT": a_rule(1, action=SORT, code="SHORT")}
    found = resolve([(a_class("1", declares("LONG", "SHORT")),)], dated(D(2020, 1, 1)), rules)
    assert (found.rule, found.ends_on, found.final_action) == ("LONG", D(2050, 1, 1), SORT)


def test_a_class_without_a_rule_keeps_a_record_but_is_no_conflict() -> None:
    found = resolve([(a_class("1", declares("TEN")),), (a_class("2"), a_type())], dated(D(2020, 1, 1)), RULES)
    assert (found.basis, found.ends_on, found.final_action) == (Basis.RULE_MISSING, None, KEEP)
    assert [remark.code for remark in found.remarks] == ["rule_missing"]
    blocked = resolve(
        [(a_class("1", declares("TEN")),), (a_class("2", declares(block_all=True)),)], dated(D(2020, 1, 1)), RULES
    )
    assert (blocked.basis, blocked.in_conflict) == (Basis.NO_END, True)


def test_what_never_ends_decides_before_what_has_no_start_yet() -> None:
    rules = {"A": a_rule(1, start="file_closing", code="A"), "B": a_rule(None, code="B")}
    found = resolve([(a_class("1", declares("A", "B")),)], dated(D(2020, 1, 1)), rules)
    assert (found.rule, found.basis) == ("B", Basis.NO_END)


def test_a_person_settles_a_conflict_by_declaring_on_the_record() -> None:
    """R3, resolved."""
    settled = [(a_record(declares("TEN_KEEP")), *path) for path in TWO_FILES]
    found = resolve(settled, Facts(), RULES)
    assert (found.basis, found.ends_on, found.final_action) == (Basis.DATED, D(2030, 12, 31), KEEP)


@pytest.mark.parametrize(
    ("one", "other", "expected"), [(True, True, True), (True, False, False), (False, False, False), (True, None, False)]
)
def test_only_where_each_rule_is_validated_is_the_record(one: bool, other: bool | None, expected: bool) -> None:
    rules = {"A": a_rule(1, code="A", validated=one)}
    if other is not None:
        rules["B"] = a_rule(1, code="B", validated=other)
    assert resolve([(a_class("1", declares("A", "B")),)], dated(D(2020, 1, 1)), rules).validated is expected
    assert not kept(None).validated


def test_a_file_that_is_reopened_has_no_date_until_it_is_closed_again() -> None:
    """R6."""
    rule = a_rule(10, start=YEAR_END)
    due = [
        kept(rule, dated(D(2019, 1, 1)), (a_file("F", closed),)).due_on
        for closed in (D(2019, 6, 30), None, D(2029, 11, 20))
    ]
    assert due == [D(2030, 1, 1), None, D(2040, 1, 1)]
    open_file = kept(rule, dated(D(2019, 1, 1)), (a_file("F"),))
    assert open_file.basis is Basis.START_MISSING
    assert "n’est pas clos" in open_file.explanation


def test_a_later_version_of_a_rule_brings_the_end_forward_and_the_lock_holds_the_line() -> None:
    """R4, its pure part."""
    before, after = (kept(a_rule(years, start=YEAR_END, validated=True), dated(D(2019, 12, 31))) for years in (10, 5))
    assert (before.ends_on, after.ends_on) == (D(2029, 12, 31), D(2024, 12, 31))
    waiting = standing(after, locked_until=D(2027, 3, 8))
    assert state_of(waiting, D(2027, 3, 8)) is DueState.LOCKED_UNTIL
    assert state_of(waiting, D(2027, 3, 9)) is DueState.READY
    assert may_go_on(waiting) == D(2027, 3, 9)


def test_events_start_end_and_are_withdrawn() -> None:
    """E1 and E3, their pure parts: corrections are applied to the events before."""
    rule = a_rule(10, start="contract_end")
    stated = [Facts(events={"contract_end": days}) for days in ((D(2024, 6, 30),), (D(2024, 7, 31),), ())]
    assert [kept(rule, facts).due_on for facts in stated] == [D(2034, 7, 1), D(2034, 8, 1), None]


# -- holds


def test_a_hold_stands_in_the_way_to_the_end_of_its_last_day() -> None:
    """H1, its pure part."""
    found = kept(a_rule(10, start=YEAR_END), dated(D(2020, 5, 1)))
    assert found.due_on == D(2031, 1, 1)
    holds = [D(2032, 3, 31)]
    states = [
        state_of(standing(found, held=held_on(day, holds)), day)
        for day in (D(2030, 12, 31), D(2032, 3, 31), D(2032, 4, 1))
    ]
    assert states == [DueState.HELD, DueState.HELD, DueState.READY]
    assert may_go_on(standing(found), holds) == D(2032, 4, 1)


def test_a_record_is_held_until_its_last_hold_ends() -> None:
    """H2, its pure part."""
    assert held_on(D(2026, 1, 2), [D(2026, 1, 1), None])
    assert held_on(D(2026, 1, 2), [D(2026, 1, 1), D(2026, 1, 2)])
    assert not held_on(D(2026, 1, 3), [D(2026, 1, 1), D(2026, 1, 2)])
    assert not held_on(D(2026, 1, 3), [])


# -- access


def test_access_counts_from_the_most_recent_document_of_the_file() -> None:
    """A4."""
    opens = []
    for newest in (D(1980, 11, 3), D(1981, 2, 2)):
        paths = [(a_file("F", D(1981, 1, 1), newest=newest), a_class("2", access=declares("AR048")))]
        access = access_of(
            access_rule_along(paths),
            document_date=D(1979, 1, 1),
            closed_on=None,
            newest_in_file=newest_in_files(paths),
        )
        opens.append(access.communicable_on)
    assert opens == [D(2030, 11, 4), D(2031, 2, 3)]
