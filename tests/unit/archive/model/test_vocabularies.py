"""States and final actions: each property answers for each member, each column holds each value."""

from __future__ import annotations

from enum import Enum
from typing import assert_never

import pytest

from archive.database.tables import Base
from archive.model.final_actions import KEPT_FOR_EVER, FinalAction
from archive.model.states import DESTROYED, GONE, RecordState
from archive.model.vocabularies import require_complete


def test_what_is_gone() -> None:
    assert {state.value: state.gone for state in RecordState} == {
        "kept": False,
        "in_disposal": False,
        "disposed": True,
        "transferred": True,
    }
    assert set(GONE) == {"disposed", "transferred"}


def test_what_nobody_may_read_any_more() -> None:
    assert set(DESTROYED) == {state for state in RecordState if state.destroyed} == {"disposed"}


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


@pytest.mark.parametrize(
    ("table", "column", "vocabulary"),
    [
        ("records", "state", RecordState),
        ("records", "final_action", FinalAction),
        *(
            (name, "final_action", FinalAction)
            for name, one in sorted(Base.metadata.tables.items())
            if name != "records" and "final_action" in one.columns
        ),
    ],
)
def test_a_column_holds_every_value(table: str, column: str, vocabulary: type[RecordState | FinalAction]) -> None:
    length = Base.metadata.tables[table].columns[column].type.length  # type: ignore[attr-defined]
    assert [one.value for one in vocabulary if len(one.value) > length] == []


def test_a_member_that_a_property_does_not_know_stops_the_import() -> None:
    class Half(Enum):
        KNOWN = "known"
        NEW = "new"

        @property
        def label(self) -> str:
            if self is Half.KNOWN:
                return "Connu"
            assert_never(self)  # type: ignore[arg-type]

    with pytest.raises(AssertionError, match="NEW"):
        require_complete(Half)
