"""Standing holds: which records a subtree or a query covers, now and in each change to come.

A change calls ``follow`` in its own transaction, once its entry is there: from then until the
commit no other transaction can place a hold unseen (``Ledger.take_turn``).
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, and_, exists, insert, select
from sqlalchemy.orm import Session

from archive.catalogue.plan_reach import tree_below
from archive.database.hold_tables import RecordWordsRow
from archive.database.retention_tables import RecordNodeRow
from archive.database.tables import HeldRecordRow, HoldRow, RecordRow
from archive.disposition.holds.query import CODES, StandingQuery, parse_query, wanted
from archive.disposition.holds.terms import Scope, ScopeKind
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.states import GONE
from signing.ground.clock import iso


def scope_of(hold: HoldRow) -> Scope:
    """Return what a hold covers, as its row says it; the ids of a list are left out."""
    kind = ScopeKind(hold.scope or ScopeKind.LIST)
    return Scope(kind, (), hold.node_id, parse_query(hold.query) if hold.query else None)


def covered(tenant: str, scope: Scope) -> ColumnElement[bool]:
    """Return the condition that a record of this tenant is kept and within a standing scope."""
    there = and_(RecordRow.tenant_id == tenant, RecordRow.state.not_in(GONE))
    match scope.kind:
        case ScopeKind.SUBTREE:
            tree = tree_below(tenant, [scope.node or ""])
            within = select(RecordNodeRow.record_id).where(RecordNodeRow.node_id.in_(select(tree.c.id)))
            return and_(there, RecordRow.id.in_(within))
        case ScopeKind.QUERY if scope.query is not None:
            return and_(there, *_conditions(scope.query))
        case _:
            raise ValueError(f"{scope.kind} is no standing scope")


def _conditions(query: StandingQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        getattr(RecordRow, name).in_(getattr(query, name)) for name in CODES if getattr(query, name)
    ]
    if query.date_from is not None:
        found.append(RecordRow.document_date >= query.date_from)
    if query.date_to is not None:
        found.append(RecordRow.document_date <= query.date_to)
    for text, column in ((query.words, RecordWordsRow.described), (query.text, RecordWordsRow.pages)):
        if text:
            there = [
                column.contains(f" {word}" if begins else f" {word} ", autoescape=True) for word, begins in wanted(text)
            ]
            found.append(exists().where(RecordWordsRow.record_id == RecordRow.id, *there))
    return found


def is_any(session: Session, tenant: str) -> bool:
    """Whether a standing hold of a tenant is in force."""
    return session.scalar(_in_force(tenant).limit(1)) is not None


def _in_force(tenant: str) -> Select[HoldRow]:
    return select(HoldRow).where(
        HoldRow.tenant_id == tenant,
        HoldRow.released_at.is_(None),
        HoldRow.scope.in_([kind.value for kind in ScopeKind if kind.is_standing]),
    )


def follow(session: Session, ledger: Ledger, tenant: str, among: ColumnElement[bool]) -> int:
    """Hold each of some records that a standing hold in force covers; return how many were held.

    What was held once stays held until the release, whatever becomes of the record.

    Args:
        session: The transaction of the change, in which its entry was written.
        among: Condition on the records that changed.
    """
    made = 0
    for hold in session.scalars(_in_force(tenant).order_by(HoldRow.id)):
        held = exists().where(HeldRecordRow.hold_id == hold.id, HeldRecordRow.record_id == RecordRow.id)
        query = select(RecordRow.id).where(covered(tenant, scope_of(hold)), among, ~held)
        found = list(session.scalars(query.order_by(RecordRow.id)))
        if not found:
            continue
        hold.settled_at = None
        entries = ledger.append_each(
            session,
            type=EntryType.HOLD_EXTENDED,
            tenant=tenant,
            subjects=[f"record:{one}" for one in found],
            agent=None,
            facts={"hold": hold.id, "statement": hold.statement_sha256, "until": iso(hold.until)},
        )
        rows = [{"hold_id": hold.id, "record_id": one, "since": entries[0].at} for one in found]
        session.connection().execute(insert(HeldRecordRow), rows)
        made += len(found)
    return made
