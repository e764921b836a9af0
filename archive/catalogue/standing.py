"""Standing of a record: what its row, its holds and its rules say of it on a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.tables import RecordRow, RetentionRuleRow
from archive.model.final_actions import FinalAction
from archive.model.states import RecordState
from archive.retention.resolution import Basis
from archive.retention.states import Standing, held_on


def standing_of(session: Session, row: RecordRow, day: date) -> Standing:
    """Return what stands between a record and the execution of its final action."""
    action = FinalAction(row.outcome)
    locks = [one.locked_until for one in catalogue.rows(session, row.id) if one.locked_until is not None]
    return Standing(
        basis=Basis(row.basis or Basis.NO_END),
        due_on=row.due_on,
        final_action=action,
        validated=is_validated(session, row),
        held=held_on(day, [hold.until for hold in catalogue.holds_on(session, row.id)]),
        in_disposal=row.state == RecordState.IN_DISPOSAL,
        stale=row.stale_since is not None,
        locked_until=max(locks, default=None) if action is FinalAction.DESTROY else None,
    )


def is_validated(session: Session, row: RecordRow) -> bool:
    """Whether every rule in force for a record is validated, in the version that it is under."""
    parts = [(part["rule"], part["rule_version"]) for part in row.retention_parts or ()]
    wanted = {(code, version) for code, version in parts or [(row.rule_code, row.rule_version)] if version is not None}
    if not wanted:
        return False
    rule = RetentionRuleRow
    query = select(rule.code, rule.version).where(
        rule.tenant_id == row.tenant_id,
        rule.validated_at.is_not(None),
        tuple_(rule.code, rule.version).in_(sorted(wanted)),
    )
    return {(code, version) for code, version in session.execute(query)} == wanted


def nodes_of(session: Session, row: RecordRow) -> Sequence[PlanNodeRow]:
    """Return the nodes of the plan in which a record lies, files first, then by code."""
    query = select(PlanNodeRow).join(RecordNodeRow, RecordNodeRow.node_id == PlanNodeRow.id)
    query = query.where(RecordNodeRow.record_id == row.id)
    return session.scalars(query.order_by(PlanNodeRow.kind.desc(), PlanNodeRow.code)).all()
