"""Query deposits: by id, newest, counts, incomplete ones, those with the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Select, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from archive.catalogue.reading import Reader
from archive.database.tables import RecordRow, RepresentationRow
from archive.model.records import Kind
from ingestion.deposits.states import DepositState
from ingestion.tables import DepositRow
from signing.ground.errors import Refused

_Row = TypeVar("_Row")


def find(session: Session, tenant: str, deposit_id: str) -> DepositRow:
    """Return the deposit with this id, if it is this tenant's.

    Raises:
        Refused: ``deposit_not_found``, also for another tenant's.
    """
    row = session.get(DepositRow, deposit_id)
    if row is None or row.tenant_id != tenant:
        raise Refused("deposit_not_found", "Ce dépôt n’existe pas.", action="Vérifiez l’identifiant du dépôt.")
    return row


def newest(
    session: Session,
    tenant: str,
    *,
    state: str | None = None,
    agent: str | None = None,
    since: datetime | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
    reader: Reader | None = None,
) -> Sequence[DepositRow]:
    """Return deposits of a tenant, newest first.

    Args:
        since: Only those received at or after this moment.
        before: ``(received_at, id)`` of the last row of the page before.
        reader: Without those whose record this reader may not read.
    """
    question = select(DepositRow).where(DepositRow.tenant_id == tenant)
    if reader is not None and (readable := reader.conditions(session)):
        kept = exists().where(RecordRow.deposit_id == DepositRow.id, ~and_(*readable))
        question = question.where(~kept)
    if state is not None:
        question = question.where(DepositRow.state == state)
    if agent is not None:
        question = question.where(DepositRow.agent == agent)
    if since is not None:
        question = question.where(DepositRow.received_at >= since)
    if before is not None:
        question = question.where(tuple_(DepositRow.received_at, DepositRow.id) < tuple_(*before))
    return session.scalars(question.order_by(DepositRow.received_at.desc(), DepositRow.id.desc()).limit(limit)).all()


def count(session: Session, tenant: str, agent: str, state: str | None = None) -> int:
    """Return the number of deposits that an agent of a tenant made."""
    question = select(func.count()).select_from(DepositRow)
    question = question.where(DepositRow.tenant_id == tenant, DepositRow.agent == agent)
    if state is not None:
        question = question.where(DepositRow.state == state)
    return session.scalar(question) or 0


def count_in_state(session: Session, tenant: str, state: str) -> int:
    """Return the number of a tenant's deposits in a state, whoever made them."""
    question = select(func.count()).where(DepositRow.tenant_id == tenant, DepositRow.state == state)
    return session.scalar(question) or 0


def incomplete(
    session: Session, reader: Reader, *, agent: str | None = None, before: str | None = None, limit: int = 50
) -> Sequence[DepositRow]:
    """Return deposits whose record lacks a type or a date and may be read, newest first.

    Args:
        before: Id of the last row of the page before.
    """
    question = _incomplete(session, select(DepositRow), reader, agent)
    if before is not None:
        question = question.where(DepositRow.id < before)
    return session.scalars(question.order_by(DepositRow.id.desc()).limit(limit)).all()


def count_incomplete(session: Session, reader: Reader, agent: str) -> int:
    """Return the number of an agent's deposits whose record lacks a type or a date."""
    return session.scalar(_incomplete(session, select(func.count()).select_from(DepositRow), reader, agent)) or 0


def _incomplete(session: Session, question: Select[_Row], reader: Reader, agent: str | None) -> Select[_Row]:
    question = question.join(RecordRow, RecordRow.deposit_id == DepositRow.id).where(
        DepositRow.tenant_id == reader.tenant,
        or_(RecordRow.document_type.is_(None), RecordRow.document_date.is_(None)),
        *reader.conditions(session),
    )
    return question if agent is None else question.where(DepositRow.agent == agent)


def set_aside(session: Session, tenant: str) -> dict[str, list[str]]:
    """Return a tenant's quarantined deposits by the code of the reason, oldest first."""
    query = select(DepositRow.id, DepositRow.problem).where(
        DepositRow.tenant_id == tenant, DepositRow.state == DepositState.QUARANTINED
    )
    found: dict[str, list[str]] = {}
    for deposit_id, problem in session.execute(query.order_by(DepositRow.received_at, DepositRow.id)):
        found.setdefault((problem or {}).get("code", ""), []).append(deposit_id)
    return found


def duplicates(session: Session, deposit: DepositRow) -> list[str]:
    """Return ids of the tenant's other records with the same bytes, 20 at most.

    Oldest first.
    """
    return list(
        session.scalars(
            select(RecordRow.id)
            .join(RepresentationRow, RepresentationRow.record_id == RecordRow.id)
            .where(
                RecordRow.tenant_id == deposit.tenant_id,
                RecordRow.deposit_id != deposit.id,
                RepresentationRow.kind == Kind.ORIGINAL,
                RepresentationRow.sha256 == deposit.sha256,
            )
            .order_by(RecordRow.id)
            .limit(20)
        )
    )
