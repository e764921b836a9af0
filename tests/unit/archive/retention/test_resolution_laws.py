"""Laws of the computation: for every date, start, unit, set of rules and order of paths."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.model.final_actions import FinalAction
from archive.retention.dates import START_EVENTS, Unit, day_after, end_date, find_start, from_seda, to_seda
from archive.retention.declarations import Convention, Declaration, GivenStart, Level, Node, Path
from archive.retention.facts import Facts, FileFacts
from archive.retention.reasons import in_french
from archive.retention.resolution import Basis, resolve
from archive.retention.rules import Rule
from tests.unit.archive.retention.plan import a_class, a_file, a_record, a_rule, a_type, declares

ANY = st.dates(date.min, date.max)
EDGES = st.sampled_from(
    [
        date.min,
        date.max,
        *(date(year, 2, 29) for year in (4, 1960, 2000, 2024, 9996)),
        *(date(year, month, day) for year in (1, 2023, 9998) for month, day in ((1, 1), (8, 31), (9, 1), (12, 31))),
        date(9999, 1, 1),
        date(9999, 9, 1),
        date(9000, 12, 31),
    ]
)
DAY = ANY | EDGES
MAYBE = st.none() | DAY
PATIENT = settings(deadline=None)
"""A busy machine is no fault."""
CODES = ("A", "B", "C", "D")
FACTS = st.builds(
    Facts,
    document_date=MAYBE,
    closed_on=MAYBE,
    fiscal_year=st.none() | st.integers(-1, 10_001),
    events=st.dictionaries(st.sampled_from(list(START_EVENTS)), st.lists(DAY, max_size=3).map(tuple), max_size=4),
)
UNITS = st.sampled_from(list(Unit))


def rules_of(code: str) -> st.SearchStrategy[Rule]:
    return st.builds(
        Rule,
        st.just(code),
        st.integers(1, 3),
        st.just("Règle"),
        st.none() | st.integers(0, 999),
        UNITS,
        st.sampled_from([*START_EVENTS, "no_such_event"]),
        st.sampled_from(list(FinalAction)),
        validated=st.booleans(),
        legal_text=st.sampled_from(["", "code général, art. 12"]),
        sure=st.booleans(),
    )


RULES = st.fixed_dictionaries({}, optional={code: rules_of(code) for code in CODES})
DECLARATIONS = st.none() | st.builds(
    Declaration,
    st.lists(st.sampled_from(CODES), max_size=2, unique=True).map(tuple),
    st.booleans(),
    st.booleans(),
    st.frozensets(st.sampled_from(CODES), max_size=2),
    st.dictionaries(st.sampled_from(CODES), st.builds(GivenStart, DAY, st.sampled_from(list(Convention))), max_size=2),
)


KINDS = st.builds(
    lambda declared, phrase: Node(Level.DOCUMENT_TYPE, "t", "Type", declared, phrase=phrase),
    DECLARATIONS,
    st.sampled_from([None, "un acte"]),
)


@st.composite
def many_paths(draw: st.DrawFn) -> list[Path]:
    """Up to three paths of one record; what bears one code is one node."""
    record = Node(Level.RECORD, "r", "Pièce", draw(DECLARATIONS))
    kind = draw(st.none() | KINDS)
    root = Node(Level.CLASS, "1", "Classe", draw(DECLARATIONS))
    paths = []
    for n in range(draw(st.integers(0, 3))):
        code = f"F{n}"
        facts = FileFacts(code, "Dossier", draw(MAYBE), draw(MAYBE))
        file = Node(Level.FILE, code, "Dossier", draw(DECLARATIONS), file=facts)
        paths.append((record, *([file] if draw(st.booleans()) else []), root, *([kind] if kind else [])))
    return paths


# -- one count


@pytest.mark.parametrize("event", list(START_EVENTS))
@given(facts=FACTS, unit=UNITS, in_file=st.booleans(), day=DAY)
@settings(max_examples=60, deadline=None)
def test_every_day_goes_through_every_start_and_unit(
    event: str, facts: Facts, unit: Unit, in_file: bool, day: date
) -> None:
    known = replace(facts, document_date=day, closed_on=day, fiscal_year=None, events={event: (day,)})
    file = FileFacts("F", "x", closed_on=day) if in_file else None
    start = find_start(event, known, file).on
    assert start is None or (start >= day and start.year - day.year <= 1)
    assert start is not None or (event == "school_year_end" and day >= date(9999, 9, 1))
    path = (Node(Level.FILE, "F", "x", declares("R"), file=file),) if file else (a_class("1", declares("R")),)
    for duration in (0, 1, 999):
        found = resolve([path], known, {"R": a_rule(duration, unit, event)})
        assert found.starts_on == start
        if found.ends_on is not None:
            assert found.basis is Basis.DATED
            assert found.ends_on >= (start or date.max)
            assert found.due_on == found.ends_on + timedelta(1)
        else:
            assert found.due_on is None
            assert found.basis is (Basis.START_MISSING if start is None else Basis.NO_END)


@PATIENT
@given(
    st.sampled_from([*(name for name, one in START_EVENTS.items() if one.period)]),
    st.integers(-5, 10_005),
    DAY,
    st.booleans(),
)
def test_a_budget_year_goes_before_any_date(event: str, year: int, day: date, in_file: bool) -> None:
    """D13."""
    file = FileFacts("F", "x", closed_on=day) if in_file else None
    facts = Facts(document_date=day, fiscal_year=year)
    without = find_start(event, replace(facts, fiscal_year=None), file).on
    expected = date(year, 12, 31) if 1 <= year <= 9999 and event != "school_year_end" else without
    assert find_start(event, facts, file).on == expected


@pytest.mark.parametrize("event", list(START_EVENTS))
def test_where_a_start_is_known_from(event: str) -> None:
    """D3, D14: own dates outside a file, the closing or the event inside one."""
    start = START_EVENTS[event]
    own, closing, stated = date(2020, 1, 1), date(2021, 1, 1), (date(2023, 1, 1), date(2022, 1, 1))
    file = FileFacts("F", "x", closed_on=closing)
    facts = Facts(own, own)
    told = replace(facts, events={event: stated})

    def year(given: Facts, where: FileFacts | None = None) -> int | None:
        found = find_start(event, given, where).on
        return found.year if found is not None else None

    assert year(facts) == (2020 if start.known_by else None)
    assert year(facts, file) == (None if start.named else 2021)
    assert year(told) == year(told, file) if start.named else year(told) == 2020
    if start.named:
        assert find_start(event, told).on == (max(stated) if event.startswith("last_") else stated[-1])
        assert year(replace(facts, events={event: ()})) == year(facts), "a withdrawn event is none"


def test_every_start_but_those_of_the_dates_themselves_is_an_event() -> None:
    own = {"document_date", "calendar_year_end", "fiscal_year_end", "school_year_end", "file_closing"}
    assert {name for name, start in START_EVENTS.items() if not start.named} == own
    assert {name for name, start in START_EVENTS.items() if start.latest} == {
        "last_decision",
        "last_decision_expiry",
        "last_measure_end",
    }


# -- SEDA


@PATIENT
@given(DAY, st.integers(0, 999), UNITS)
def test_the_start_for_seda_is_the_earliest_that_does_not_come_too_soon(due: date, duration: int, unit: Unit) -> None:
    """D12."""
    start = to_seda(due, duration, unit)
    reached = end_date(start, duration, unit)
    assert reached is None or reached >= due
    if start > date.min:
        sooner = end_date(start - timedelta(1), duration, unit)
        assert sooner is not None
        assert sooner < due
    if reached is not None and (back := from_seda(start, duration, unit)) is not None:
        assert back.due_on >= due


@PATIENT
@given(DAY, st.integers(0, 999), UNITS)
def test_what_seda_gives_is_given_back(start: date, duration: int, unit: Unit) -> None:
    """D11."""
    term = from_seda(start, duration, unit)
    if term is not None:
        assert term.due_on == day_after(term.ends_on)
        assert to_seda(term.due_on, duration, unit, given=start) == start
        assert to_seda(term.due_on, duration, unit) <= start


# -- many paths


@PATIENT
@given(many_paths(), FACTS, RULES)
def test_resolving_never_raises_and_always_tells_why(paths: list[Path], facts: Facts, rules: dict[str, Rule]) -> None:
    found = resolve(paths, facts, rules)
    assert found.reasons
    assert found.explanation.endswith(".")
    assert all("{" not in in_french(reason) for reason in found.reasons)
    assert found.due_on == (day_after(found.ends_on) if found.ends_on is not None else None)
    assert (found.ends_on is None) == any(part.ends_on is None for part in found.parts)
    dated = found.basis in {Basis.DATED, Basis.FINAL_ACTION_CONFLICT}
    assert dated == (found.ends_on is not None)
    assert found.final_action.strength == max(part.final_action.strength for part in found.parts)
    assert ("final_action_conflict" in {one.code for one in found.remarks}) == found.in_conflict
    if found.ends_on is not None:
        assert found.ends_on == max(part.ends_on or date.max for part in found.parts)
        assert (found.rule, found.ends_on) in {(part.rule and part.rule.code, part.ends_on) for part in found.parts}


@PATIENT
@given(many_paths(), FACTS, RULES)
def test_the_order_of_paths_does_not_matter(paths: list[Path], facts: Facts, rules: dict[str, Rule]) -> None:
    """R3."""
    expected = resolve(paths, facts, rules)
    for other in itertools.permutations(paths):
        found = resolve(other, facts, rules)
        assert found == expected
        assert found.explanation == expected.explanation


@PATIENT
@given(many_paths().filter(bool), FACTS, RULES)
def test_one_more_path_never_brings_the_end_forward(paths: list[Path], facts: Facts, rules: dict[str, Rule]) -> None:
    *fewer, _ = paths
    if not fewer:
        return
    before, after = resolve(fewer, facts, rules), resolve(paths, facts, rules)
    assert (after.ends_on or date.max) >= (before.ends_on or date.max) or after.ends_on is None
    assert after.final_action.strength >= before.final_action.strength
    assert list(Basis).index(after.basis) <= list(Basis).index(before.basis)


@PATIENT
@given(many_paths(), FACTS, RULES)
def test_a_path_twice_is_a_path_once(paths: list[Path], facts: Facts, rules: dict[str, Rule]) -> None:
    assert resolve([*paths, *paths], facts, rules) == resolve(paths, facts, rules)


def test_a_hundred_thousand_records_are_resolved_in_seconds() -> None:
    rules = {"R": a_rule(10, start="calendar_year_end"), "S": a_rule(5, code="S")}
    path = (a_record(), a_file("F", date(2020, 1, 1)), a_class("2.1"), a_class("2", declares("R")), a_type("S"))
    started = time.process_time()
    for n in range(10_000):
        resolve([path], Facts(date(2000 + n % 20, 1, 1)), rules)
    assert time.process_time() - started < 2, "reasons are told when they are asked for, not before"
