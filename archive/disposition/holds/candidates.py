"""Records that a new hold covers from the beginning: all that are asked for, locked, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from archive.catalogue.description import not_kept
from archive.catalogue.disposals import committed
from archive.database.batches import batches
from archive.database.retention_tables import PlanNodeRow
from archive.database.tables import RecordRow
from archive.disposition.holds import standing
from archive.disposition.holds.terms import Scope, ScopeKind, bad_hold
from archive.journal.sequencer import Ledger
from archive.model.identifiers import is_id
from archive.model.states import RecordState
from signing.ground.errors import Refused, Unavailable

MOST_RECORDS: Final = 100_000
"""Most records of one decision: all of them are committed at once, each with its entry."""


def chosen(session: Session, ledger: Ledger, tenant: str, scope: Scope) -> list[str]:
    """Return the records that a hold covers from the beginning, in order, each locked.

    A standing hold is decided in the journal's turn, so that no record comes in between unseen.

    Raises:
        Refused: ``bad_hold``, ``record_not_found``, ``record_not_kept``, ``node_not_found``.
        Unavailable: ``hold_contended``.
    """
    if scope.kind is ScopeKind.LIST:
        return _listed(session, tenant, scope.records)
    if scope.kind is ScopeKind.SUBTREE:
        _require_node(session, tenant, scope.node)
    condition = standing.covered(tenant, scope)
    query = select(RecordRow.id).where(condition).order_by(RecordRow.id)
    locked = set(session.scalars(query.limit(MOST_RECORDS + 1).with_for_update(of=RecordRow)))
    ledger.take_turn(session)
    found = list(session.scalars(query.limit(MOST_RECORDS + 1)))
    _check_count(len(found), at_least=0, pointer="/query" if scope.kind is ScopeKind.QUERY else "/node")
    late = [one for one in found if one not in locked]
    try:
        for some in batches(late):  # their owners may wait for the turn that is ours: so never wait for them
            rows = select(RecordRow.id).where(RecordRow.id.in_(some))
            session.scalars(rows.with_for_update(nowait=True)).all()
    except OperationalError as error:
        raise Unavailable(
            "hold_contended",
            "Des documents que ce gel vise sont en train de changer.",
            kept="Rien n’a été changé.",
            action="Recommencez dans quelques instants.",
        ) from error
    return found


def count(session: Session, tenant: str, scope: Scope) -> int:
    """Count what a hold would cover now: shown before it is placed.

    Raises:
        Refused: ``bad_hold``, ``record_not_found``, ``record_not_kept``, ``node_not_found``.
    """
    if scope.kind is ScopeKind.LIST:
        return len(_listed(session, tenant, scope.records))
    if scope.kind is ScopeKind.SUBTREE:
        _require_node(session, tenant, scope.node)
    query = select(func.count()).select_from(RecordRow).where(standing.covered(tenant, scope))
    return session.scalar(query) or 0


def latest(session: Session, tenant: str, scope: Scope, limit: int = 20) -> Sequence[RecordRow]:
    """Return the latest records that a hold would cover now."""
    within = RecordRow.id.in_(scope.records[:limit]) if scope.records else standing.covered(tenant, scope)
    query = select(RecordRow).where(RecordRow.tenant_id == tenant, within).order_by(RecordRow.id.desc())
    return session.scalars(query.limit(limit)).all()


def _listed(session: Session, tenant: str, records: Sequence[str]) -> list[str]:
    wanted = sorted(set(records))
    _check_count(len(wanted), at_least=1, pointer="/records")
    for some in batches(wanted):  # in order, so that two holds never wait for each other
        query = select(RecordRow.id, RecordRow.tenant_id, RecordRow.state).where(RecordRow.id.in_(some))
        rows = {row.id: row for row in session.execute(_locking(session, query.order_by(RecordRow.id)))}
        for record_id in some:
            row = rows.get(record_id)
            if row is None or row.tenant_id != tenant or not is_id(record_id):
                raise Refused(
                    "record_not_found",
                    "Ce document n’existe pas.",
                    action="Vérifiez l’identifiant du document.",
                    pointer="/records",
                )
            if RecordState(row.state).gone:
                raise committed(session, record_id) or not_kept(row.state)
    return wanted


def _locking(session: Session, query: Any) -> Any:
    """Lock rows where the transaction writes; a question before only reads."""
    return query.with_for_update() if session.get_bind().get_execution_options().get("chartrier_write", True) else query


def _check_count(count: int, *, at_least: int, pointer: str) -> None:
    if not at_least <= count <= MOST_RECORDS:
        raise bad_hold(pointer, "Un gel porte sur 1 à {most} documents.", most=MOST_RECORDS)


def _require_node(session: Session, tenant: str, node: str | None) -> None:
    row = session.get(PlanNodeRow, node) if is_id(node or "") else None
    if row is None or row.tenant_id != tenant or row.removed:
        raise Refused(
            "node_not_found",
            "Cette classe ou ce dossier n’existe pas.",
            kept="Rien n’a été changé.",
            action="Vérifiez son identifiant dans le plan de classement.",
            pointer="/node",
        )
