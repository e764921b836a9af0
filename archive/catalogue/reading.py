"""Reading: which records a reader may read. Every list, search and page asks here.

A hold in force that restricts reading leaves its records to those who may place holds. A removal
leaves those that it takes to two people whom it names, from its submission until they are gone or
it ends; nobody else reads them, whatever they may otherwise do. For anybody else they are in no
list, no count of an answer and no search, and their own address refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from archive.database.disposal_tables import DisposalLineRow, DisposalRow
from archive.database.tables import HeldRecordRow, HoldRow, RecordRow
from archive.model.disposals import DisposalAction, DisposalState, LineState

_CLOSING: Final = tuple(state.value for state in DisposalState if state.is_open and state is not DisposalState.DRAFT)
_LEFT_ALONE: Final = (LineState.EXCLUDED.value, LineState.REFUSED.value)


@dataclass(frozen=True)
class Reader:
    """A reader of a tenant's records.

    Attributes:
        reads_all: Whether they also read what a hold restricts.
        agent: Who they are, where a removal may name them.
        visas: The disposal on which they are expected to give a visa, for lists of its lines: where
            it is a removal it does not hide from them what they decide about. No document opens.
    """

    tenant: str
    reads_all: bool
    agent: str = ""
    visas: str = ""

    def is_narrowed(self, session: Session) -> bool:
        """Whether there is anything of the tenant that this reader may not read."""
        return bool(self._kept_from(session))

    def conditions(self, session: Session, column: Any = RecordRow.id) -> list[ColumnElement[bool]]:
        """Return the conditions on the id of a record that is listed or counted for this reader."""
        return [~column.in_(records) for records in self._kept_from(session)]

    def hidden(self, session: Session) -> frozenset[str]:
        """Return all records that this reader may not read."""
        return frozenset(one for records in self._kept_from(session) for one in session.scalars(records))

    def hidden_among(self, session: Session, records: Collection[str]) -> set[str]:
        """Return those of these records that this reader may not read."""
        if not records:
            return set()
        found = self._kept_from(session)
        among = (one.where(one.selected_columns[0].in_(list(records))) for one in found)
        return {record for one in among for record in session.scalars(one)}

    def held_among(self, session: Session, records: Collection[str]) -> set[str]:
        """Return those of these records that a hold keeps from this reader."""
        if self.reads_all or not records:
            return set()
        held = _held(self.tenant)
        return set(session.scalars(held.where(held.selected_columns[0].in_(list(records)))))

    def is_closed_by_removal(self, session: Session, record_id: str) -> bool:
        """Whether a removal, and not a hold, keeps a record from this reader."""
        closed = self._closed_to(session)
        return (
            bool(closed)
            and session.scalar(_taken(closed).where(DisposalLineRow.record_id == record_id).limit(1)) is not None
        )

    def _kept_from(self, session: Session) -> list[Select[Any]]:
        """Return questions for the records that this reader may not read; none in most tenants."""
        found = []
        if not self.reads_all and session.scalar(_restricting(self.tenant).limit(1)) is not None:
            found.append(_held(self.tenant))
        if closed := self._closed_to(session):
            found.append(_taken(closed))
        return found

    def _closed_to(self, session: Session) -> Sequence[str]:
        """Return the removals that name other readers."""
        asked = session.execute(_removals(self.tenant).add_columns(DisposalRow.content))
        return [key for key, content in asked if key != self.visas and self.agent not in readers_of(content)]


def readers_of(content: Any) -> Sequence[str]:
    """Return who alone reads what a removal takes; of an earlier version, who drafted it."""
    return content.get("readers") or [content["drafted_by"]]


def may_be_read_by_all(tenant: str, column: Any = RecordRow.id) -> ColumnElement[bool]:
    """Return the condition on the id of a record whose reading nothing restricts."""
    return ~or_(column.in_(_held(tenant)), column.in_(_taken(_removals(tenant))))


def _restricting(tenant: str) -> Select[Any]:
    query = select(HoldRow.id).where(HoldRow.tenant_id == tenant)
    return query.where(HoldRow.released_at.is_(None), HoldRow.restricts_reading)


def _held(tenant: str) -> Select[Any]:
    return select(HeldRecordRow.record_id).where(HeldRecordRow.hold_id.in_(_restricting(tenant)))


def _removals(tenant: str) -> Select[Any]:
    row = DisposalRow
    asked = select(row.id).where(row.tenant_id == tenant, row.state.in_(_CLOSING))
    return asked.where(row.action == DisposalAction.REMOVE)


def _taken(removals: Any) -> Select[Any]:
    line = DisposalLineRow
    return select(line.record_id).where(line.disposal_id.in_(removals), line.state.not_in(_LEFT_ALONE))
