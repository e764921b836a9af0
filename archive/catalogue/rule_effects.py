"""Effect of a change of rules or document types on dates and states, before it is made.

Records with the same facts are judged once, by the function that also gives them their dates; the
database forms the groups. Nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, Text, case, cast, false, func, or_, select
from sqlalchemy.orm import Session

from archive.catalogue.plan_nodes import NodeKind
from archive.database.retention_tables import PlanNodeRow, RetentionEventRow
from archive.database.tables import DocumentTypeRow, RecordRow
from archive.model.description_fields import Description
from archive.model.final_actions import FinalAction, outcome
from archive.model.states import GONE, RecordState
from archive.retention.circumstances import Circumstances, Days
from archive.retention.facts import Facts
from archive.retention.places import codes_of
from archive.retention.resolution import Basis, Resolution, Route, resolve_along, route
from archive.retention.rules import Rule
from archive.retention.states import DueState, Standing, state_of

PAGE: Final = 100
_PLACES: Final = ("document_type", "classification", "file", "retention_rule")
"""What the paths of a record depend on."""
_TOLD: Final = ("due_on", "basis", "final_action", "rule_code", "rule_version", "state")
_BASES: Final = frozenset(basis.value for basis in Basis)
_NO_EVENTS: Final[Days] = {}


@dataclass(frozen=True)
class SupposedRule:
    """A version of a rule, as if it were validated and in force today."""

    rule: Rule

    def concerned(self, tenant: str) -> ColumnElement[bool]:
        """Return the condition of the records that it may give other dates."""
        return by_rule(tenant, self.rule.code)

    def apply(self, there: Circumstances) -> None:
        """Let the circumstances be as if it were so."""
        there.suppose(rule=self.rule)


@dataclass(frozen=True)
class SupposedType:
    """A document type, as if it had another rule."""

    kind: DocumentTypeRow

    def concerned(self, tenant: str) -> ColumnElement[bool]:
        """Return the condition of the records that it may give other dates."""
        return (RecordRow.tenant_id == tenant) & (RecordRow.document_type == self.kind.code)

    def apply(self, there: Circumstances) -> None:
        """Let the circumstances be as if it were so."""
        there.suppose(kind=self.kind)


Supposed = SupposedRule | SupposedType


@dataclass
class RuleEffect:
    """Effect of a change on the records concerned, once all are judged again.

    Attributes:
        records: Records that the rule applies to, or would apply to.
        changed: Those that get another due day, basis or final action.
        sooner: Those that fall due earlier, or at last have an end.
        later: Those that fall due later, or no longer at all.
        before: Records by state, as their rows are today.
        after: Records by state today, if the change were made and validated.
        due_before: Earliest due day of the records concerned, as their rows have it.
        due_after: Earliest due day among those that change; None = none of them has one.
    """

    records: int = 0
    changed: int = 0
    sooner: int = 0
    later: int = 0
    before: Counter[DueState] = field(default_factory=Counter)
    after: Counter[DueState] = field(default_factory=Counter)
    due_before: date | None = None
    due_after: date | None = None


def by_rule(tenant: str, code: str) -> ColumnElement[bool]:
    """Return the condition of the records that a rule applies to, whichever rule decides."""
    return by_rules(tenant, [code])


def by_rules(tenant: str, codes: Collection[str]) -> ColumnElement[bool]:
    """Return the condition of the records that one of these rules applies to.

    Each part is found by an index of its own: the rule decides, is one of several, or is one that
    the schedule did not have.
    """
    row, parts = RecordRow, cast(RecordRow.retention_parts, Text)
    named = or_(*(parts.contains(f'"rule": "{code}"', autoescape=True) for code in codes))
    types = select(DocumentTypeRow.code).where(
        DocumentTypeRow.tenant_id == tenant, DocumentTypeRow.rule_code.in_(codes)
    )
    untold = row.retention_parts.is_(None) & row.document_type.in_(types)
    owned = row.tenant_id == tenant
    return or_(
        owned & row.rule_code.in_(codes),
        owned & row.other_rules.is_not(None) & named,
        owned & row.rule_code.is_(None) & or_(named, untold),
    )


def effect_of(session: Session, tenant: str, supposed: Supposed, now: datetime) -> RuleEffect:
    """Return what a change would do to dates and states, today."""
    is_now, would_be = Circumstances(session, tenant, now), Circumstances(session, tenant, now)
    supposed.apply(would_be)
    day = is_now.today.day
    groups = session.execute(_groups(tenant, supposed, day)).all()
    references = sorted({group.reference for group in groups if group.reference})
    places = {code for group in groups for code in codes_of(group.file, group.classification)}
    before, after = (_Judge(there, references, places) for there in (is_now, would_be))
    found = RuleEffect()
    for group in groups:
        _add(found, group, before, after.resolution(group), day)
    return found


def page_of(session: Session, tenant: str, supposed: Supposed, after: str = "", limit: int = PAGE) -> Sequence[str]:
    """Return ids of the records concerned, in order."""
    wanted = (supposed.concerned(tenant), RecordRow.state.not_in(GONE), RecordRow.id > after)
    return session.scalars(select(RecordRow.id).where(*wanted).order_by(RecordRow.id).limit(limit)).all()


def _groups(tenant: str, supposed: Supposed, day: date) -> Select[Any]:
    """Return the query of the records concerned, counted by all that their dates and states ask."""
    has_events = select(RetentionEventRow.reference).where(RetentionEventRow.tenant_id == tenant)
    reference = case((RecordRow.external_reference.in_(has_events), RecordRow.external_reference))
    # in a file the dates of its own decide nothing: its records are counted together
    file = PlanNodeRow
    is_file = (file.tenant_id == tenant) & (file.code == RecordRow.file) & (file.kind == NodeKind.FILE.value)
    outside = or_(RecordRow.classification.is_not(None), file.id.is_(None))
    asked = [
        *(getattr(RecordRow, name) for name in (*_PLACES, "fiscal_year", *_TOLD)),
        *(case((outside, getattr(RecordRow, name))).label(name) for name in ("document_date", "closed_on")),
        reference.label("reference"),
        func.coalesce(RecordRow.held_until >= day, false()).label("held"),
        func.coalesce(RecordRow.withheld_until >= day, false()).label("locked"),
        RecordRow.stale_since.is_not(None).label("stale"),
        RecordRow.sorted,
    ]
    query = select(*asked, func.count().label("n")).group_by(*asked)
    query = query.select_from(RecordRow).outerjoin(file, is_file & file.removed.is_(False))
    return query.where(supposed.concerned(tenant), RecordRow.state.not_in(GONE))


class _Judge:
    """Resolves groups of records in circumstances; paths are worked out once for each place."""

    def __init__(self, there: Circumstances, references: Sequence[str], places: Collection[str]) -> None:
        self._there = there
        self._rules = there.rules()
        self._routes: dict[tuple[Any, ...], tuple[Route, ...]] = {}
        there.read_events(references)
        there.read_places(places)

    def resolution(self, group: Row[Any]) -> Resolution:
        """Return the retention of the records of a group."""
        place = tuple(group[: len(_PLACES)])
        if place not in self._routes:
            described = Description("", **dict(zip(_PLACES, place, strict=True)))
            self._routes[place] = tuple(route(path) for path in self._there.paths_of(described, None, None))
        year = group.fiscal_year
        facts = Facts(
            group.document_date,
            group.closed_on,
            int(year) if year is not None and year.isdigit() else None,
            self._there.events_of(group.reference) if group.reference else _NO_EVENTS,
        )
        return resolve_along(self._routes[place], facts, self._rules)

    def validated(self, group: Row[Any]) -> bool:
        """Whether the rule that a group was last judged by is validated, in that version."""
        rule = self._rules.get(group.rule_code)
        return rule is not None and rule.version == group.rule_version and rule.validated


def _add(found: RuleEffect, group: Row[Any], before: _Judge, after: Resolution, day: date) -> None:
    was_validated = before.resolution(group).validated if len(after.parts) > 1 else before.validated(group)
    basis = Basis(group.basis) if group.basis in _BASES else Basis.NO_END
    was = _state(group, basis, group.due_on, FinalAction(group.final_action), day, validated=was_validated)
    will_be = _state(group, after.basis, after.due_on, after.final_action, day, validated=after.validated, judged=True)
    found.records += group.n
    found.before[was] += group.n
    found.after[will_be] += group.n
    found.due_before = _earlier(found.due_before, group.due_on)
    if (group.due_on, basis, group.final_action) == (after.due_on, after.basis, after.final_action):
        return
    found.changed += group.n
    found.due_after = _earlier(found.due_after, after.due_on)
    if after.due_on != group.due_on:
        is_sooner = after.due_on is not None and (group.due_on is None or after.due_on < group.due_on)
        found.sooner += group.n if is_sooner else 0
        found.later += 0 if is_sooner else group.n


def _state(
    group: Row[Any],
    basis: Basis,
    due_on: date | None,
    action: FinalAction,
    day: date,
    *,
    validated: bool,
    judged: bool = False,
) -> DueState:
    becomes = outcome(action, group.sorted)
    standing = Standing(
        basis=basis,
        due_on=due_on,
        final_action=becomes,
        validated=validated,
        held=bool(group.held),
        in_disposal=group.state == RecordState.IN_DISPOSAL,
        stale=bool(group.stale) and not judged,
        locked_until=day if group.locked and becomes is FinalAction.DESTROY else None,
    )
    return state_of(standing, day)


def _earlier(one: date | None, other: date | None) -> date | None:
    return min((day for day in (one, other) if day is not None), default=None)
