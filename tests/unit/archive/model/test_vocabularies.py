"""States and final actions: each property answers for each member."""

from __future__ import annotations

import pytest

from archive.model.final_actions import KEPT_FOR_EVER, FinalAction
from archive.model.states import GONE, RecordState


def test_what_is_gone() -> None:
    assert {state.value: state.gone for state in RecordState} == {
        "kept": False,
        "in_disposal": False,
        "disposed": True,
        "transferred": True,
    }
    assert set(GONE) == {"disposed", "transferred"}


def test_what_each_final_action_means() -> None:
    assert {action.value: (action.kept_for_ever, action.needs_visa, action.label) for action in FinalAction} == {
        "keep": (True, False, "Garder"),
        "destroy": (False, True, "Éliminer"),
        "sort": (False, True, "Trier"),
    }
    assert KEPT_FOR_EVER == (FinalAction.KEEP,)


@pytest.mark.parametrize("action", list(FinalAction))
def test_what_is_kept_for_ever_needs_no_visa_and_all_else_does(action: FinalAction) -> None:
    assert action.kept_for_ever is not action.needs_visa
