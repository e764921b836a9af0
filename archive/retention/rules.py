"""Retention rules and their result for a record: the end and the final action. Pure.

A duration that can't be computed has no end, and nothing without an end is ever destroyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from archive.model.final_actions import FinalAction
from archive.retention.dates import Unit, farthest_lock


@dataclass(frozen=True)
class Rule:
    """One version of one retention rule.

    Attributes:
        duration: None = unlimited.
        validated: Whether an archivist allowed destruction under it.
        legal_text: The text of law or table that it comes from; empty where none is given.
        valid_from: First day on which this version is in force; None = since it was made.
        criteria: Criteria of sorting, in words; empty where there is nothing to sort.
        access_rule: Access rules, codes separated by blanks.
        sure: Whether its source was read in full. A rule that is neither sure nor validated gives
            no end.
    """

    code: str
    version: int
    label: str
    duration: int | None
    unit: Unit
    start_event: str
    final_action: FinalAction
    validated: bool = False
    legal_text: str = ""
    valid_from: date | None = None
    criteria: str = ""
    access_rule: str | None = None
    sure: bool = True

    @property
    def gives_end(self) -> bool:
        """Whether an end may be counted under it."""
        return self.sure or self.validated


@dataclass(frozen=True)
class Retention:
    """Result of a rule for one record.

    Attributes:
        ends_on: End of the time that the rule requires; None = no end yet, or never.
        explanation: One or two French sentences.
    """

    rule: str | None
    version: int | None
    starts_on: date | None
    ends_on: date | None
    final_action: FinalAction
    explanation: str


def retain_until(retention: Retention, today: date, horizon_days: int) -> date:
    """Return the last day of the store's lock: the end of retention, within the horizon.

    A record kept for ever has no end. A retention that is over already still gets one day, because
    a store accepts no lock in the past.
    """
    limit = farthest_lock(today, horizon_days)
    kept_for_ever = retention.final_action.kept_for_ever
    end = limit if retention.ends_on is None or kept_for_ever else min(retention.ends_on, limit)
    return max(end, today + timedelta(days=1))
