"""States of a record on a day, for the analysis and its due lists. Pure.

Each record has exactly one state on each day: the first of ``DueState`` that applies. Hence the
counts of the states add up to the number of records.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import assert_never

from archive.model.final_actions import FinalAction
from archive.model.states import RecordState
from archive.model.vocabularies import require_complete
from archive.retention import sentences
from archive.retention.dates import day_after
from archive.retention.reasons import Reason
from archive.retention.resolution import Basis


class DueState(StrEnum):
    """States of a line of the analysis, in the order in which they are asked for."""

    NO_END = Basis.NO_END.value
    START_MISSING = Basis.START_MISSING.value
    RULE_MISSING = Basis.RULE_MISSING.value
    FINAL_ACTION_CONFLICT = Basis.FINAL_ACTION_CONFLICT.value
    HELD = "held"
    IN_DISPOSAL = RecordState.IN_DISPOSAL.value
    RULE_NOT_VALIDATED = "rule_not_validated"
    STALE = "stale"
    """A rule, a place or an event was changed, and the dates are not yet computed again."""
    NOT_YET = "not_yet"
    TO_SORT = "to_sort"
    NOT_BEFORE = "not_before"
    """Refused in a visa until a day."""
    LOCKED_UNTIL = "locked_until"
    """A store still locks it."""
    READY = "ready"


class DueList(StrEnum):
    """Due lists, one for each final action."""

    TO_ELIMINATE = "to_eliminate"
    TO_SORT = "to_sort"
    TO_TRANSFER = "to_transfer"

    @property
    def final_action(self) -> FinalAction:
        """The final action of its records."""
        match self:
            case DueList.TO_ELIMINATE:
                return FinalAction.DESTROY
            case DueList.TO_SORT:
                return FinalAction.SORT
            case DueList.TO_TRANSFER:
                return FinalAction.KEEP
            case _:
                assert_never(self)


require_complete(DueList)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What stands between a record and the execution of its final action.

    Attributes:
        final_action: Of its rule, or what a person decided where it is to be sorted.
        validated: Whether each rule in force for it is validated.
        held: Whether a hold is in force on the day asked for.
        in_disposal: Whether a line of a running disposal has it.
        not_before: First day on which a controller lets it go, after a refusal.
        locked_until: Last day of the lock, the latest over all copies.
    """

    basis: Basis
    due_on: date | None
    final_action: FinalAction
    validated: bool
    held: bool = False
    in_disposal: bool = False
    stale: bool = False
    not_before: date | None = None
    locked_until: date | None = None


def state_of(standing: Standing, day: date) -> DueState:
    """Return the state of a record on a day: the first that applies."""
    if standing.basis is not Basis.DATED:
        return DueState(standing.basis.value)
    if standing.due_on is None:
        return DueState.NO_END
    return next(iter(_applying(standing, standing.due_on, day)), DueState.READY)


def _applying(standing: Standing, due_on: date, day: date) -> list[DueState]:
    """Return every state that applies to a record with an end, in order, but for ``READY``."""
    stands = {
        DueState.HELD: standing.held,
        DueState.IN_DISPOSAL: standing.in_disposal,
        DueState.RULE_NOT_VALIDATED: not standing.validated,
        DueState.STALE: standing.stale,
        DueState.NOT_YET: day < due_on,
        DueState.TO_SORT: standing.final_action is FinalAction.SORT,
        DueState.NOT_BEFORE: standing.not_before is not None and day < standing.not_before,
        DueState.LOCKED_UNTIL: standing.locked_until is not None and day <= standing.locked_until,
    }
    return [state for state, applies in stands.items() if applies]


def blockers(standing: Standing, day: date, last_days: Collection[date | None] = ()) -> tuple[Reason, ...]:
    """Return one sentence for each thing that stands in the way on a day, then the first free day.

    What lacks an end is told by the reasons of the resolution.

    Args:
        last_days: Last held day of each hold that is not released; None = until its release.
    """
    if standing.basis is not Basis.DATED or standing.due_on is None:
        return ()
    told = {
        DueState.HELD: [sentences.held(last) for last in _by_day(last_days) if last is None or day <= last],
        DueState.IN_DISPOSAL: [sentences.in_disposal()],
        DueState.RULE_NOT_VALIDATED: [sentences.not_validated()],
        DueState.STALE: [sentences.stale()],
        DueState.NOT_YET: [sentences.not_yet(standing.due_on)],
        DueState.TO_SORT: [sentences.to_sort()],
        DueState.NOT_BEFORE: [sentences.not_before(standing.not_before or day)],
        DueState.LOCKED_UNTIL: [sentences.locked_until(standing.locked_until or day)],
    }
    found = [reason for state in _applying(standing, standing.due_on, day) for reason in told[state]]
    free = may_go_on(standing, last_days)
    return (*found, sentences.may_go(free)) if free is not None else tuple(found)


def _by_day(last_days: Collection[date | None]) -> list[date | None]:
    """Return holds without an end first, then the latest end first, each once."""
    return sorted(set(last_days), key=lambda last: last or date.max, reverse=True)


def due_list_of(action: FinalAction) -> DueList:
    """Return the due list of a final action."""
    return next(one for one in DueList if one.final_action is action)


def held_on(day: date, last_days: Collection[date | None]) -> bool:
    """Whether one of several holds is in force on a day.

    Args:
        last_days: Last held day of each hold that is not released; None = until its release.
    """
    return any(last is None or day <= last for last in last_days)


def may_go_on(standing: Standing, last_days: Collection[date | None] = ()) -> date | None:
    """Return the first day on which a record may go, as far as days decide; None without one.

    What a person must do first (sort, validate, settle a conflict) is not counted.

    Args:
        last_days: Last held day of each hold that is not released.
    """
    if standing.due_on is None or None in last_days:
        return None
    last = [day for day in (*last_days, standing.locked_until) if day is not None]
    days = [standing.due_on, standing.not_before, *(day_after(one) for one in last)]
    if any(day_after(one) is None for one in last):
        return None
    return max(day for day in days if day is not None)
