"""States of records on a day in SQL: the words and the order of ``archive.retention.states``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, String, and_, case, cast, exists, false, func, literal, or_, select
from sqlalchemy.orm import Session

from archive.database.counter_tables import CounterRow
from archive.database.tables import RecordRow, RetentionRuleRow
from archive.model.final_actions import FinalAction
from archive.model.states import RecordState
from archive.retention.resolution import Basis
from archive.retention.states import DueState, Standing

Sql = ColumnElement[Any]


@dataclass(frozen=True)
class Validated:
    """The versions of rules that a tenant validated, as ``code/version``."""

    tenant: str
    versions: tuple[str, ...]

    @classmethod
    def load(cls, session: Session, tenant: str) -> Validated:
        """Read them."""
        query = select(RetentionRuleRow.code, RetentionRuleRow.version).where(
            RetentionRuleRow.tenant_id == tenant, RetentionRuleRow.validated_at.is_not(None)
        )
        return cls(tenant, tuple(f"{code}/{version}" for code, version in session.execute(query)))

    def allows(self, row: RecordRow) -> bool:
        """Whether each rule in force for a record is validated."""
        rules = [f"{row.rule_code}/{row.rule_version}", *(row.other_rules.split(";") if row.other_rules else ())]
        return all(rule in self.versions for rule in rules)

    def condition(self, table: type[RecordRow | CounterRow]) -> Sql:
        """Return the same in SQL."""
        version = func.coalesce(table.rule_code, "") + "/" + cast(func.coalesce(table.rule_version, 0), String)
        several = func.coalesce(table.other_rules, "")
        rule = RetentionRuleRow
        named = ";" + rule.code + "/" + cast(rule.version, String) + ";"
        missing = exists().where(
            rule.tenant_id == self.tenant,
            rule.validated_at.is_(None),
            func.replace(";" + several + ";", named, "") != ";" + several + ";",
        )
        # what decides first is asked first, and nothing further where it decides: SQLite computes
        # both sides of AND and OR
        return case((version.not_in(self.versions), False), (several == "", True), (missing, False), else_=True)


def standing_of(row: RecordRow, day: date, validated: Validated) -> Standing:
    """Return what stands between a record and its final action.

    Once somebody decided, what is to be sorted is as if its rule said so. The lock of a store
    counts only where bytes are to be destroyed: what is kept or transferred is locked for ever.
    """
    action = FinalAction(row.outcome)
    return Standing(
        basis=Basis(row.basis or Basis.RULE_MISSING),
        due_on=row.due_on,
        final_action=action,
        validated=validated.allows(row),
        held=row.held_until is not None and row.held_until >= day,
        in_disposal=row.state == RecordState.IN_DISPOSAL,
        stale=row.stale_since is not None,
        not_before=row.not_before,
        locked_until=row.withheld_until if action is FinalAction.DESTROY else None,
    )


def state_of_record(day: date, validated: Validated) -> Sql:
    """Return the state of a record on a day."""
    row = RecordRow
    basis = func.coalesce(row.basis, Basis.RULE_MISSING.value)
    return _first(
        {
            DueState.NO_END: or_(basis == Basis.NO_END, and_(basis == Basis.DATED, row.due_on.is_(None))),
            **{DueState(word.value): basis == word for word in _UNDATED},
            DueState.HELD: row.held_until >= day,
            DueState.IN_DISPOSAL: row.state == RecordState.IN_DISPOSAL,
            DueState.RULE_NOT_VALIDATED: validated.condition(row) == false(),
            DueState.STALE: row.stale_since.is_not(None),
            DueState.NOT_YET: row.due_on > day,
            DueState.TO_SORT: row.outcome == FinalAction.SORT,
            DueState.NOT_BEFORE: row.not_before > day,
            DueState.LOCKED_UNTIL: and_(row.withheld_until >= day, row.outcome == FinalAction.DESTROY),
        }
    )


def state_of_counted(row: type[CounterRow], day: date, validated: Validated) -> Sql:
    """Return the state, on a day, of all records that share a key of some kept counts."""
    return _first(
        {
            DueState.NO_END: row.basis == Basis.NO_END,
            **{DueState(word.value): row.basis == word for word in _UNDATED},
            DueState.HELD: row.held_until >= day,
            DueState.IN_DISPOSAL: row.disposing.is_(True),
            DueState.RULE_NOT_VALIDATED: validated.condition(row) == false(),
            DueState.STALE: row.stale.is_(True),
            DueState.NOT_YET: row.due_on > day,
            DueState.TO_SORT: row.final_action == FinalAction.SORT,
            DueState.NOT_BEFORE: row.not_before > day,
            DueState.LOCKED_UNTIL: row.locked_until >= day,
        }
    )


_UNDATED: Final = tuple(word for word in Basis if word not in {Basis.DATED, Basis.NO_END})


def _first(applies: dict[DueState, Sql]) -> Sql:
    """Return the first state that applies, in the order of ``DueState``; else the last."""
    *asked, last = DueState
    return case(*[(applies[state], literal(state.value)) for state in asked], else_=literal(last.value))
