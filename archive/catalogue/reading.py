"""Reading: which records a reader may read. Every list, search and page asks here.

A hold in force that restricts reading leaves its records to those who may place holds. For anybody
else they are in no list, no count of an answer and no search, and their own address refuses.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session

from archive.database.tables import HeldRecordRow, HoldRow, RecordRow


@dataclass(frozen=True)
class Reader:
    """A reader of a tenant's records.

    Attributes:
        reads_all: Whether they also read what a hold restricts.
    """

    tenant: str
    reads_all: bool

    def is_narrowed(self, session: Session) -> bool:
        """Whether there is anything of the tenant that this reader may not read."""
        if self.reads_all:
            return False
        return bool(session.scalar(select(exists(_restricting(self.tenant)))))

    def conditions(self, session: Session, column: Any = RecordRow.id) -> list[ColumnElement[bool]]:
        """Return the conditions on the id of a record that is listed or counted for this reader."""
        return [may_be_read_by_all(self.tenant, column)] if self.is_narrowed(session) else []

    def hidden(self, session: Session) -> frozenset[str]:
        """Return all records that this reader may not read."""
        return frozenset(session.scalars(_hidden(self.tenant))) if self.is_narrowed(session) else frozenset()

    def hidden_among(self, session: Session, records: Collection[str]) -> set[str]:
        """Return those of these records that this reader may not read."""
        if self.reads_all or not records:
            return set()
        return set(session.scalars(_hidden(self.tenant).where(HeldRecordRow.record_id.in_(list(records)))))


def may_be_read_by_all(tenant: str, column: Any = RecordRow.id) -> ColumnElement[bool]:
    """Return the condition on the id of a record whose reading nothing restricts."""
    return ~column.in_(_hidden(tenant))  # type: ignore[no-any-return]


def _restricting(tenant: str) -> Select[Any]:
    query = select(HoldRow.id).where(HoldRow.tenant_id == tenant)
    return query.where(HoldRow.released_at.is_(None), HoldRow.restricts_reading)


def _hidden(tenant: str) -> Select[Any]:
    return select(HeldRecordRow.record_id).where(HeldRecordRow.hold_id.in_(_restricting(tenant)))
