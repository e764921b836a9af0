"""The state of a record on a day: exactly one, the first that applies."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.model.final_actions import FinalAction, outcome
from archive.retention.reasons import in_french
from archive.retention.resolution import Basis
from archive.retention.states import DueList, DueState, Standing, blockers, due_list_of, held_on, may_go_on, state_of

TODAY = date(2032, 1, 1)
READY = Standing(basis=Basis.DATED, due_on=date(2031, 1, 1), final_action=FinalAction.DESTROY, validated=True)
OBSTACLES: dict[DueState, dict[str, object]] = {
    DueState.NO_END: {"basis": Basis.NO_END},
    DueState.START_MISSING: {"basis": Basis.START_MISSING},
    DueState.RULE_MISSING: {"basis": Basis.RULE_MISSING},
    DueState.FINAL_ACTION_CONFLICT: {"basis": Basis.FINAL_ACTION_CONFLICT},
    DueState.HELD: {"held": True},
    DueState.IN_DISPOSAL: {"in_disposal": True},
    DueState.RULE_NOT_VALIDATED: {"validated": False},
    DueState.STALE: {"stale": True},
    DueState.NOT_YET: {"due_on": TODAY + timedelta(1)},
    DueState.TO_SORT: {"final_action": FinalAction.SORT},
    DueState.NOT_BEFORE: {"not_before": TODAY + timedelta(1)},
    DueState.LOCKED_UNTIL: {"locked_until": TODAY},
}
"""What makes each state apply on ``TODAY``, in the order of the specification."""


def test_the_order_of_the_states_is_that_of_the_specification() -> None:
    first = "no_end start_missing rule_missing final_action_conflict held in_disposal rule_not_validated stale"
    assert " ".join(DueState) == f"{first} not_yet to_sort not_before locked_until ready"
    assert [*OBSTACLES, DueState.READY] == list(DueState)


@pytest.mark.parametrize("state", list(OBSTACLES))
def test_the_first_that_applies_hides_all_after_it(state: DueState) -> None:
    alone = replace(READY, **OBSTACLES[state])  # type: ignore[arg-type]
    assert state_of(alone, TODAY) is state
    later = list(OBSTACLES)[list(OBSTACLES).index(state) + 1 :]
    crowded = alone
    for other in later:
        given_ = {name: value for name, value in OBSTACLES[other].items() if name not in OBSTACLES[state]}
        crowded = replace(crowded, **given_)  # type: ignore[arg-type]
        assert state_of(crowded, TODAY) is state


def test_nothing_in_the_way_is_ready() -> None:
    assert state_of(READY, TODAY) is DueState.READY
    assert state_of(replace(READY, due_on=None), TODAY) is DueState.NO_END


@pytest.mark.parametrize(
    ("more", "day", "state"),
    [
        ({}, date(2030, 12, 31), DueState.NOT_YET),
        ({}, date(2031, 1, 1), DueState.READY),
        ({"not_before": date(2034, 1, 1)}, date(2033, 12, 31), DueState.NOT_BEFORE),
        ({"not_before": date(2034, 1, 1)}, date(2034, 1, 1), DueState.READY),
        ({"locked_until": date(2031, 6, 1)}, date(2031, 6, 1), DueState.LOCKED_UNTIL),
        ({"locked_until": date(2031, 6, 1)}, date(2031, 6, 2), DueState.READY),
        ({"final_action": FinalAction.SORT}, date(2030, 12, 31), DueState.NOT_YET),
        ({"final_action": FinalAction.SORT}, date(2031, 1, 1), DueState.TO_SORT),
        ({"final_action": outcome(FinalAction.SORT, "destroy")}, date(2031, 1, 1), DueState.READY),
        ({"final_action": outcome(FinalAction.SORT, "keep")}, date(2031, 1, 1), DueState.READY),
        ({"final_action": outcome(FinalAction.SORT, None)}, date(2031, 1, 1), DueState.TO_SORT),
        ({"final_action": FinalAction.KEEP}, date(2031, 1, 1), DueState.READY),
    ],
)
def test_each_border_day(more: dict[str, object], day: date, state: DueState) -> None:
    assert state_of(replace(READY, **more), day) is state  # type: ignore[arg-type]


PATIENT = settings(deadline=None)
DAYS = st.dates(date(2030, 1, 1), date(2033, 1, 1))
STANDINGS = st.builds(
    Standing,
    basis=st.sampled_from(list(Basis)),
    due_on=st.none() | DAYS,
    final_action=st.sampled_from(list(FinalAction)),
    validated=st.booleans(),
    held=st.booleans(),
    in_disposal=st.booleans(),
    stale=st.booleans(),
    not_before=st.none() | DAYS,
    locked_until=st.none() | DAYS | st.just(date.max),
)
HOLDS = st.lists(st.none() | DAYS | st.just(date.max), max_size=3)


@PATIENT
@given(st.lists(STANDINGS, max_size=30), DAYS)
def test_the_counts_of_the_states_add_up(many: list[Standing], day: date) -> None:
    counts = Counter(state_of(one, day) for one in many)
    assert sum(counts[state] for state in DueState) == len(many)


@PATIENT
@given(STANDINGS, DAYS, HOLDS)
def test_what_is_not_ready_has_a_blocker_for_each_thing_in_the_way(
    standing: Standing, day: date, last_days: list[date | None]
) -> None:
    standing = replace(standing, held=held_on(day, last_days))
    state, told = state_of(standing, day), blockers(standing, day, last_days)
    named = [one.code for one in told if one.code != "may_go_on"]
    if standing.basis is not Basis.DATED or standing.due_on is None:
        assert told == ()
        return
    assert bool(named) is (state is not DueState.READY)
    words = {DueState.HELD: "hold", DueState.IN_DISPOSAL: "disposal_running"}
    if named:
        assert named[0] == words.get(state, state.value)
    for one in told:
        assert in_french(one).endswith(".")


@PATIENT
@given(STANDINGS, HOLDS)
def test_a_record_is_free_of_what_days_decide_from_the_first_free_day_on(
    standing: Standing, last_days: list[date | None]
) -> None:
    """H1, R4."""
    decided = replace(standing, basis=Basis.DATED, validated=True, in_disposal=False, stale=False)
    decided = replace(decided, final_action=outcome(standing.final_action, "destroy"))
    free = may_go_on(decided, last_days)
    if free is None:
        assert decided.due_on is None or None in last_days or date.max in {decided.locked_until, *last_days}
        return

    def state(day: date) -> DueState:
        return state_of(replace(decided, held=held_on(day, last_days)), day)

    assert state(free) is DueState.READY
    assert state(free - timedelta(1)) is not DueState.READY


def test_only_what_is_to_be_sorted_becomes_what_was_decided() -> None:
    found = {(action, decided): outcome(action, decided) for action in FinalAction for decided in (None, "keep")}
    assert found.pop((FinalAction.SORT, "keep")) is FinalAction.KEEP
    assert all(becomes is action for (action, _decided), becomes in found.items())


def test_each_final_action_has_one_due_list() -> None:
    """D8."""
    assert {due_list_of(action): action for action in FinalAction} == {one: one.final_action for one in DueList}


def test_each_blocker_of_a_day_is_one_sentence() -> None:
    everything = READY
    for name in (DueState.IN_DISPOSAL, DueState.RULE_NOT_VALIDATED, DueState.STALE, DueState.NOT_BEFORE):
        everything = replace(everything, **OBSTACLES[name])  # type: ignore[arg-type]
    everything = replace(everything, held=True, locked_until=date(2032, 5, 31), final_action=FinalAction.SORT)
    holds = [date(2032, 3, 31), date(2031, 12, 31), date(2032, 2, 29)]
    told = [in_french(one).replace("\u00a0", " ").replace("\u202f", " ") for one in blockers(everything, TODAY, holds)]
    assert told == [
        "Un gel est en vigueur jusqu’au 31 mars 2032 inclus.",
        "Un gel est en vigueur jusqu’au 29 février 2032 inclus.",
        "Il est déjà dans une élimination ou un transfert en cours.",
        "Une règle qui s’applique n’est pas validée par un archiviste.",
        "Ses dates sont à recalculer, après un changement de règle, de classement ou d’événement.",
        "Personne n’a encore choisi s’il est gardé ou éliminé.",
        "Le contrôleur l’a refusé avant le 2 janvier 2032.",
        "Le magasin le verrouille jusqu’au 31 mai 2032 inclus.",
        "Premier jour où il peut partir : 1er juin 2032.",
    ]
