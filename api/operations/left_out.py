"""Count what a verification of all records leaves out: it says nothing about these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.tables import JournalEntryRow, RecordRow
from archive.journal.effects import IndexEffect
from archive.journal.types import KEPT, EntryType
from archive.model.states import RecordState
from ingestion.deposits.states import UNFINISHED, DepositState
from ingestion.tables import DepositRow

_REMOVE = tuple(one for one in EntryType if one.effects.index is IndexEffect.REMOVE)


@dataclass(frozen=True)
class LeftOut:
    """Numbers of what was not verified.

    Attributes:
        gone: Records eliminated or transferred, as the journal says too.
        hidden: Records that are not kept by the catalogue alone: no entry says so.
        lost: Records that the journal has as kept and the catalogue does not have.
        waiting: Deposits that are no record yet.
        aside: Deposits set aside, until an archivist decides.
    """

    gone: int = 0
    hidden: int = 0
    lost: int = 0
    waiting: int = 0
    aside: int = 0

    @property
    def contradicts(self) -> bool:
        """Whether the catalogue leaves out what the journal has."""
        return bool(self.hidden or self.lost)

    def as_json(self) -> dict[str, int]:
        """Return the numbers by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def left_out(session: Session, tenant: str | None) -> LeftOut:
    """Count what ``verify --all`` does not read, of one tenant or of all."""
    entry = JournalEntryRow
    record = select(func.count()).select_from(RecordRow).where(RecordRow.state != RecordState.KEPT)
    ended = select(entry.n).where(entry.subject == "record:" + RecordRow.id, entry.type.in_(_REMOVE)).exists()
    here = select(RecordRow.id).where(entry.subject == "record:" + RecordRow.id).exists()
    lost = select(func.count(entry.subject.distinct())).where(entry.type.in_(KEPT), ~here)
    deposit = select(func.count()).select_from(DepositRow)

    def count(query: Any, column: Any) -> int:
        return session.scalar(query if tenant is None else query.where(column == tenant)) or 0

    return LeftOut(
        count(record.where(ended), RecordRow.tenant_id),
        count(record.where(~ended), RecordRow.tenant_id),
        count(lost, entry.tenant_id),
        count(deposit.where(DepositRow.state.in_(UNFINISHED)), DepositRow.tenant_id),
        count(deposit.where(DepositRow.state == DepositState.QUARANTINED), DepositRow.tenant_id),
    )
