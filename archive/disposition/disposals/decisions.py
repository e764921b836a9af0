"""Decisions of visas: what several people said about each line, and what it comes to. Pure.

A visa answers for each line: by the line itself, else by its group, else as a whole. A line that a
visa does not answer is not approved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from archive.model.disposals import LineDecision
from signing.ground.clock import iso


@dataclass(frozen=True)
class Answer:
    """An answer about one line, a group or the whole.

    Attributes:
        not_before: First day, of ``NOT_BEFORE`` alone.
    """

    decision: LineDecision
    not_before: date | None = None
    comment: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as a visa states it."""
        return {"decision": self.decision.value, "not_before": iso(self.not_before), "comment": self.comment}


@dataclass(frozen=True)
class Answers:
    """The answers of one visa.

    Attributes:
        whole: For every line that has no answer of its own.
        groups: By number of the group.
        lines: By record.
    """

    whole: Answer | None = None
    groups: Mapping[int, Answer] = field(default_factory=dict)
    lines: Mapping[str, Answer] = field(default_factory=dict)

    def about(self, record: str, group: int) -> Answer | None:
        """Return the answer about a line, the nearest one; None: it was left unanswered."""
        return self.lines.get(record) or self.groups.get(group) or self.whole

    def as_json(self) -> dict[str, Any]:
        """Return them as a visa states them."""
        return {
            "whole": self.whole.as_json() if self.whole is not None else None,
            "groups": {str(number): one.as_json() for number, one in sorted(self.groups.items())},
            "lines": {record: one.as_json() for record, one in sorted(self.lines.items())},
        }


def read_answers(told: Mapping[str, Any]) -> Answers:
    """Read answers as a visa states them."""
    whole = told["whole"]
    return Answers(
        _read(whole) if whole is not None else None,
        {int(number): _read(one) for number, one in told["groups"].items()},
        {record: _read(one) for record, one in told["lines"].items()},
    )


def _read(told: Mapping[str, Any]) -> Answer:
    day = told["not_before"]
    return Answer(LineDecision(told["decision"]), date.fromisoformat(day) if day else None, told["comment"])


@dataclass(frozen=True)
class Outcome:
    """What all visas together say of a line.

    Attributes:
        decision: The strongest; None: one of them left it unanswered, and none refused it.
    """

    decision: LineDecision | None
    not_before: date | None = None

    @property
    def approved(self) -> bool:
        """Whether each visa approves the line."""
        return self.decision is not None and self.decision.approves


def outcome(visas: Iterable[Answers], record: str, group: int) -> Outcome:
    """Return what visas say together: the strongest refusal, the latest day among equal ones."""
    answers = [visa.about(record, group) for visa in visas]
    refusals = [one for one in answers if one is not None and not one.decision.approves]
    if refusals:
        strongest = max(refusals, key=lambda one: one.decision.strength)
        days = [one.not_before for one in refusals if one.not_before is not None]
        later = strongest.decision is LineDecision.NOT_BEFORE and days
        return Outcome(strongest.decision, max(days) if later else None)
    if not answers or None in answers:
        return Outcome(None)
    return Outcome(LineDecision.APPROVE)
