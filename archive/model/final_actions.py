"""Final actions: keep, destroy or sort a record at the end of its retention. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, assert_never

from archive.model.vocabularies import require_complete


class FinalAction(StrEnum):
    """Final actions at the end of retention."""

    KEEP = "keep"
    DESTROY = "destroy"
    SORT = "sort"

    @property
    def needs_visa(self) -> bool:
        """Whether it may eliminate records, which needs a visa."""
        match self:
            case FinalAction.KEEP:
                return False
            case FinalAction.DESTROY | FinalAction.SORT:
                return True
            case _:
                assert_never(self)

    @property
    def kept_for_ever(self) -> bool:
        """Whether records are kept even after their retention ends."""
        match self:
            case FinalAction.KEEP:
                return True
            case FinalAction.DESTROY | FinalAction.SORT:
                return False
            case _:
                assert_never(self)

    @property
    def strength(self) -> int:
        """Rank among several: the strongest counts, for it destroys least."""
        match self:
            case FinalAction.KEEP:
                return 3
            case FinalAction.SORT:
                return 2
            case FinalAction.DESTROY:
                return 1
            case _:
                assert_never(self)

    @property
    def label(self) -> str:
        """French message id."""
        match self:
            case FinalAction.KEEP:
                return "Garder"
            case FinalAction.DESTROY:
                return "Éliminer"
            case FinalAction.SORT:
                return "Trier"
            case _:
                assert_never(self)


require_complete(FinalAction)


def strongest(actions: Iterable[FinalAction]) -> FinalAction:
    """Return the strongest of several final actions: keep, then sort, then destroy."""
    return max(actions, key=lambda action: action.strength)


def outcome(action: FinalAction, decided: str | None) -> FinalAction:
    """Return what becomes of a record: its final action, or what was decided if it is to be sorted.

    Args:
        decided: What its sorting says; None = nobody has sorted it.
    """
    return FinalAction(decided) if action is FinalAction.SORT and decided is not None else action


OUTCOME: Final = f"COALESCE(NULLIF({{r}}.final_action, '{FinalAction.SORT.value}'), {{r}}.sorted, {{r}}.final_action)"
"""The same in SQL about the row ``{r}`` of a record."""
KEPT_FOR_EVER: Final = tuple(action for action in FinalAction if action.kept_for_ever)
"""For database queries."""
