"""List holds, and count what each covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, case, exists, func, or_, select
from sqlalchemy.orm import Session

from archive.database.hold_tables import HoldReviewRow
from archive.database.tables import HeldRecordRow, HoldRow, RepresentationRow, StoredFileRow
from archive.disposition.holds.terms import Authority, ScopeKind
from archive.model.identifiers import is_id
from archive.retention.civil import today_of
from signing.ground.errors import Refused

PATIENCE: Final = timedelta(minutes=15)
"""A hold unsettled for so long means that the store does not follow decisions."""


def get(session: Session, tenant: str, hold_id: str) -> HoldRow:
    """Return the hold, if it belongs to this tenant.

    Raises:
        Refused: ``hold_not_found``, in the same words whether the hold never existed or belongs to
            another tenant.
    """
    row = session.get(HoldRow, hold_id) if is_id(hold_id) else None
    if row is None or row.tenant_id != tenant:
        raise Refused("hold_not_found", "Ce gel n’existe pas.", action="Vérifiez l’identifiant du gel.")
    return row


def records_of(session: Session, hold_id: str, *, initial: bool = False) -> list[str]:
    """Return the records that a hold covers, in order.

    Args:
        initial: Only those from the beginning, which its statement names.
    """
    query = select(HeldRecordRow.record_id).where(HeldRecordRow.hold_id == hold_id)
    if initial:
        query = query.where(HeldRecordRow.since.is_(None))
    return list(session.scalars(query.order_by(HeldRecordRow.record_id)))


def records_page(session: Session, hold_id: str, *, after: str | None = None, limit: int = 50) -> list[str]:
    """Return some of the records that a hold covers, in order, after one."""
    query = select(HeldRecordRow.record_id).where(HeldRecordRow.hold_id == hold_id)
    if after is not None:
        query = query.where(HeldRecordRow.record_id > after)
    return list(session.scalars(query.order_by(HeldRecordRow.record_id).limit(limit)))


def counts_of(session: Session, hold_id: str) -> tuple[int, int]:
    """Return how many records a hold covers, and in how many the store follows it."""
    columns = func.count(), func.count(HeldRecordRow.settled_at)
    query = select(*columns).where(HeldRecordRow.hold_id == hold_id)
    covered, settled = session.execute(query).one()
    return covered, settled


def is_unsettled(session: Session, hold_id: str) -> bool:
    """Whether the store still has to follow a hold for one of its records."""
    waits = exists().where(HeldRecordRow.hold_id == hold_id, HeldRecordRow.settled_at.is_(None))
    return bool(session.scalar(select(waits)))


def objects_of(session: Session, hold_id: str) -> int:
    """Count the objects of the records that a hold covers: a measure of what a store has to do."""
    covered = select(HeldRecordRow.record_id).where(HeldRecordRow.hold_id == hold_id)
    tables = (RepresentationRow, StoredFileRow)
    counts = (select(func.count()).select_from(table).where(table.record_id.in_(covered)) for table in tables)
    return sum(session.scalar(count) or 0 for count in counts)


@dataclass(frozen=True)
class HoldFilter:
    """Conditions on holds that are listed; each that is given must hold.

    Attributes:
        in_force: True: those in force; False: those that ended.
        review_by: Day by which a review is due.
        record: Id of a record that is covered.
    """

    in_force: bool | None = None
    authority: Authority | None = None
    scope: ScopeKind | None = None
    owner: str | None = None
    reference: str | None = None
    review_by: date | None = None
    record: str | None = None


def page(
    session: Session, tenant: str, wanted: HoldFilter | None = None, *, before: str | None = None, limit: int = 50
) -> Sequence[HoldRow]:
    """Return a tenant's holds, newest first."""
    query = _filtered(select(HoldRow).where(HoldRow.tenant_id == tenant), wanted or HoldFilter())
    if before is not None:
        query = query.where(HoldRow.id < before)
    return session.scalars(query.order_by(HoldRow.id.desc()).limit(limit)).all()


def _filtered(query: Select[HoldRow], wanted: HoldFilter) -> Select[HoldRow]:
    if wanted.in_force is not None:
        query = query.where(HoldRow.released_at.is_(None) if wanted.in_force else HoldRow.released_at.is_not(None))
    if wanted.authority is not None:
        query = query.where(HoldRow.authority == wanted.authority)
    if wanted.scope is ScopeKind.LIST:
        query = query.where(or_(HoldRow.scope == wanted.scope, HoldRow.scope.is_(None)))
    elif wanted.scope is not None:
        query = query.where(HoldRow.scope == wanted.scope)
    if wanted.owner is not None:
        query = query.where(HoldRow.owner == wanted.owner)
    if wanted.reference is not None:
        query = query.where(HoldRow.reference == wanted.reference)
    if wanted.review_by is not None:
        query = query.where(next_review() <= wanted.review_by)
    if wanted.record is not None:
        covers = exists().where(HeldRecordRow.hold_id == HoldRow.id, HeldRecordRow.record_id == wanted.record)
        query = query.where(covers)
    return query


def next_review() -> ColumnElement[date | None]:
    """Return the day of a hold's next review: the latest review says it, else the hold itself."""
    latest = select(HoldReviewRow.review_on).where(HoldReviewRow.id == HoldRow.id).scalar_subquery()
    reviewed = exists().where(HoldReviewRow.id == HoldRow.id)
    return case((reviewed, latest), else_=HoldRow.review_on)


def to_review(session: Session, tenant: str, today: date, limit: int = 50) -> Sequence[HoldRow]:
    """Return the holds in force whose review is due: tasks of the archivist's home; none ends."""
    query = _filtered(select(HoldRow).where(HoldRow.tenant_id == tenant), HoldFilter(True, review_by=today))
    return session.scalars(query.order_by(next_review(), HoldRow.id).limit(limit)).all()


def count_to_review(session: Session, tenant: str, today: date) -> int:
    """Count the holds in force whose review is due."""
    query = _filtered(select(HoldRow).where(HoldRow.tenant_id == tenant), HoldFilter(True, review_by=today))
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def is_doubtful(session: Session, row: HoldRow, now: datetime) -> bool:
    """Whether a hold in force seems to be over, by a clock that is not believed."""
    today = today_of(session, row.tenant_id, now)
    return row.released_at is None and row.until is not None and row.until < today.day and not today.trusted


def overdue(session: Session, now: datetime) -> int:
    """Count overdue holds: unsettled for minutes, or not ended the day after their last."""
    decided = func.coalesce(HoldRow.released_at, HoldRow.placed_at)
    behind = (HoldRow.settled_at.is_(None)) & (decided < now - PATIENCE)
    over = (HoldRow.released_at.is_(None)) & (HoldRow.until < now.date() - timedelta(days=1))
    return session.scalar(select(func.count()).select_from(HoldRow).where(or_(behind, over))) or 0
