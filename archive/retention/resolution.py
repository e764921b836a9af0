"""Resolution of a record's retention: every rule in force, along every path, added up. Pure.

Each path is resolved by itself: the rules in force along it, each with its start and its end. Then
all of them must be over: the latest end counts, and none where one has none. The strongest final
action counts, keep before sort before destroy; where they differ, nothing goes before a person has
decided. Nothing without an end is ever in a due list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, TypeVar

from archive.model.final_actions import FinalAction, strongest
from archive.model.records import Remark
from archive.retention import sentences
from archive.retention.dates import FoundStart, day_after, find_start, from_seda, last_day_kept
from archive.retention.declarations import (
    Convention,
    GivenStart,
    InForce,
    Inherited,
    Level,
    Node,
    Path,
    file_of,
    retention_in_force,
)
from archive.retention.facts import Facts, FileFacts
from archive.retention.reasons import Reason, Words, in_french
from archive.retention.rules import Rule

T = TypeVar("T")


class Basis(StrEnum):
    """What a record's end rests on; the first that applies to one of its parts."""

    NO_END = "no_end"
    """Unlimited, blocked, beyond the calendar, or under a rule whose source was not read."""
    START_MISSING = "start_missing"
    RULE_MISSING = "rule_missing"
    FINAL_ACTION_CONFLICT = "final_action_conflict"
    DATED = "dated"


@dataclass(frozen=True)
class Part:
    """The result of one rule along one path; of no rule where none is in force along it.

    Attributes:
        path: Along which it is in force.
        facts: Of the record.
        inherited: The rule as declared; None where the path has none.
        rule: The version in force; None where the retention schedule has no such rule.
        start: How the start was found; None without a rule, or where a start was given with it.
        blocked_by: The node that cuts the inheritance, where no rule is left.
        starts_on: A start given under the convention of SEDA stands as it was given.
        ends_on: Last day kept.
        due_on: First day on which anything may be executed.
        basis: Never ``FINAL_ACTION_CONFLICT``.
    """

    path: Path
    facts: Facts
    inherited: Inherited | None = None
    rule: Rule | None = None
    start: FoundStart | None = None
    blocked_by: Node | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    due_on: date | None = None
    final_action: FinalAction = FinalAction.KEEP
    basis: Basis = Basis.RULE_MISSING

    @property
    def node(self) -> Node | None:
        """The node whose declaration brought the rule, or cuts what would be inherited."""
        return self.inherited.node if self.inherited is not None else self.blocked_by

    @property
    def settles_action(self) -> bool:
        """Whether its final action was decided, and not merely taken for want of a rule."""
        return self.rule is not None or self.blocked_by is not None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """One sentence for each of its dates, or for what it lacks."""
        return self.told(brief=False)

    def told(self, *, brief: bool) -> tuple[Reason, ...]:
        """Return its reasons.

        Args:
            brief: Without version, text of law and node.
        """
        if self.inherited is None:
            blocked = self.blocked_by
            return (sentences.blocked(blocked) if blocked is not None else sentences.without_rule(self.path),)
        if self.rule is None:
            return (sentences.unknown_rule(self.inherited),)
        why = sentences.because(self.inherited, self.rule, brief=brief)
        if self.rule.duration is None:
            return (sentences.without_limit(why),)
        if self.ends_on is not None:
            return sentences.dated(self.rule, why, self._count(self.rule, self.inherited), self.ends_on)
        return self._undated(self.rule, self.inherited, why)

    def _undated(self, rule: Rule, inherited: Inherited, why: Words) -> tuple[Reason, ...]:
        unsure = () if rule.gives_end else (sentences.unsure(rule, why),)
        if self.start is not None and self.start.on is None:
            return (*unsure, sentences.without_start(rule, why, self.start, file_of(self.path)))
        return unsure or (sentences.beyond_calendar(rule, why, self._count(rule, inherited)),)

    def _count(self, rule: Rule, inherited: Inherited) -> Words:
        if self.start is None:
            return sentences.counted_from_given(rule, inherited)
        return sentences.counted_from(rule, self.start, self.facts, file_of(self.path))


@dataclass(frozen=True)
class Resolution:
    """Retention of a record.

    Attributes:
        starts_on: Of the part that decides; not counted.
        ends_on: Last day kept; None = no end, or none yet.
        due_on: The day after; first day on which anything may be executed.
        final_action: The strongest.
        rule: Code of the rule that decides; None without one.
        version: Its version.
        basis: The first word that applies to one of the parts.
        parts: One for each rule and path, in an order that does not depend on that of the paths.
        decided: Who decided the final action, where it is not the rules' own.
    """

    starts_on: date | None
    ends_on: date | None
    due_on: date | None
    final_action: FinalAction
    rule: str | None
    version: int | None
    basis: Basis
    parts: tuple[Part, ...]
    decided: Reason | None = None

    @property
    def validated(self) -> bool:
        """Whether a rule is in force along each path, and an archivist validated each of them."""
        return all(part.rule is not None and part.rule.validated for part in self.parts)

    @property
    def in_conflict(self) -> bool:
        """Whether rules with different final actions apply."""
        return _conflict(self.parts)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """One sentence for each date, and for each thing that is missing or in conflict."""
        found = _each_once([reason for part in self.parts for reason in part.reasons])
        if len({(part.rule, part.ends_on, part.final_action) for part in self.parts}) > 1:
            found.append(sentences.several(dated=self.ends_on is not None))
        if self.in_conflict:
            found.append(sentences.conflict(self.final_action))
        found = self._with_decision(found)
        if self.due_on is not None and not self.in_conflict:
            found.append(sentences.due(self.final_action, self.due_on))
        return tuple(found)

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """Remarks on what should be completed or decided, with stored French."""
        told = self.reasons if len(self.parts) > 1 else self.parts[0].told(brief=_brief(self.parts[0]))
        return tuple(Remark(reason.code, in_french(reason)) for reason in told if reason.code in _TO_MEND)

    @property
    def explanation(self) -> str:
        """The French sentences that are stored with the record."""
        return in_french(*self.summary)

    @property
    def summary(self) -> tuple[Reason, ...]:
        """The reasons of ``explanation``: in brief for a record outside the filing plan."""
        if len(self.parts) == 1 and _brief(self.parts[0]):
            return tuple(self._with_decision(self.parts[0].told(brief=True)))
        return self.reasons

    def _with_decision(self, found: Iterable[Reason]) -> list[Reason]:
        """Return reasons with what was decided, instead of what the rules say of afterwards."""
        if self.decided is None:
            return list(found)
        return [*(reason for reason in found if reason.code != sentences.AFTERWARDS), self.decided]


_RANK: Final = {word: rank for rank, word in enumerate(Basis)}
_TO_MEND: Final = {
    "type_missing",
    "type_unknown",
    "rule_missing",
    "rule_unknown",
    "rule_unsure",
    "start_missing",
    "end_beyond_calendar",
    "final_action_conflict",
}
"""Codes of the reasons that somebody can do something about."""


def resolve(paths: Sequence[Path], facts: Facts, rules: Mapping[str, Rule]) -> Resolution:
    """Resolve the retention of a record.

    Args:
        paths: One for each file or class that it lies in; none is the same as one without nodes.
        facts: Dates of the record; the dates of a file are those of its node.
        rules: The version in force of each rule that the paths name, by code.
    """
    return resolve_along([route(path) for path in paths], facts, rules)


@dataclass(frozen=True)
class Route:
    """A path with what is in force along it: worked out once for all records that share it."""

    path: Path
    in_force: InForce
    file: FileFacts | None


def route(path: Path) -> Route:
    """Work out what is in force along a path."""
    return Route(path, retention_in_force(path), file_of(path))


def resolve_along(routes: Sequence[Route], facts: Facts, rules: Mapping[str, Rule]) -> Resolution:
    """Resolve the retention of a record whose paths are worked out already."""
    parts = [part for one in routes or (_NOWHERE,) for part in _along(one, facts, rules)]
    return _added_up(tuple(parts if len(parts) == 1 else _each_once(sorted(parts, key=_order))))


_NOWHERE: Final = route(())


def _along(one: Route, facts: Facts, rules: Mapping[str, Rule]) -> list[Part]:
    """Resolve one path by itself."""
    if not one.in_force.rules:
        blocked_by = one.in_force.blocked_by
        basis = Basis.NO_END if blocked_by is not None else Basis.RULE_MISSING
        return [Part(one.path, facts, blocked_by=blocked_by, basis=basis)]
    return [_by_rule(one, facts, inherited, rules.get(inherited.rule)) for inherited in one.in_force.rules]


def _by_rule(one: Route, facts: Facts, inherited: Inherited, rule: Rule | None) -> Part:
    if rule is None:
        return Part(one.path, facts, inherited)
    given = inherited.start
    found = find_start(rule.start_event, facts, one.file) if given is None else None
    starts_on = given.on if given is not None else found.on if found is not None else None
    ends_on = _end(rule, starts_on, given)
    return Part(
        one.path,
        facts,
        inherited,
        rule,
        found,
        None,
        starts_on,
        ends_on,
        day_after(ends_on) if ends_on is not None else None,
        rule.final_action,
        _basis(rule, starts_on, ends_on),
    )


def _basis(rule: Rule, starts_on: date | None, ends_on: date | None) -> Basis:
    if ends_on is not None:
        return Basis.DATED
    if rule.duration is not None and rule.gives_end and starts_on is None:
        return Basis.START_MISSING
    return Basis.NO_END


def _end(rule: Rule, starts_on: date | None, given: GivenStart | None) -> date | None:
    if starts_on is None or rule.duration is None or not rule.gives_end:
        return None
    if given is not None and given.convention is Convention.SEDA:
        term = from_seda(starts_on, rule.duration, rule.unit)
        return term.ends_on if term is not None else None
    return last_day_kept(starts_on, rule.duration, rule.unit)


def _added_up(parts: tuple[Part, ...]) -> Resolution:
    """Add up what each path gives: all must be over."""
    basis = min((part.basis for part in parts), key=_RANK.__getitem__)
    if basis is Basis.DATED and _conflict(parts):
        basis = Basis.FINAL_ACTION_CONFLICT
    undated = [part for part in parts if part.ends_on is None]
    if undated:
        decides = min(undated, key=lambda part: _RANK[part.basis])
    else:
        decides = max(parts, key=lambda part: part.ends_on or date.min)
    return Resolution(
        decides.starts_on,
        decides.ends_on,
        decides.due_on,
        strongest(part.final_action for part in parts),
        decides.rule.code if decides.rule is not None else None,
        decides.rule.version if decides.rule is not None else None,
        basis,
        parts,
    )


def _conflict(parts: Sequence[Part]) -> bool:
    return len(parts) > 1 and len({part.final_action for part in parts if part.settles_action}) > 1


def _brief(part: Part) -> bool:
    """Whether a part is told as that of a record outside the filing plan."""
    return part.node is None or part.node.level is Level.DOCUMENT_TYPE


def _order(part: Part) -> tuple[str, ...]:
    """Return what orders parts, whatever the order of their paths."""
    rule = part.inherited.rule if part.inherited is not None else ""
    return (rule, str(part.ends_on), *(f"{node.level} {node.code}" for node in part.path))


def _each_once(found: Iterable[T]) -> list[T]:
    kept: list[T] = []
    for one in found:
        if one not in kept:
            kept.append(one)
    return kept
