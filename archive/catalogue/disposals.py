"""Disposals of records: which one has a record, and what a visa has refused about it.

The state of a record (``in_disposal``) repeats the first; a rebuild and a reconciliation ask here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from archive.database.disposal_tables import DisposalCertificateRow, DisposalLineRow, DisposalRow, VisaRefusalRow
from archive.database.tables import JournalEntryRow, RecordRow
from archive.journal.types import EntryType
from archive.model.disposals import FINAL_LINES, OPEN_DISPOSALS, DisposalAction, LineState
from archive.model.states import RecordState
from signing.ground.clock import stamp
from signing.ground.errors import Refused


def line_of(session: Session, record_id: str) -> DisposalLineRow | None:
    """Return the line of the open disposal that has a record, if one has."""
    line, row = DisposalLineRow, DisposalRow
    asked = select(line).join(row, row.id == line.disposal_id)
    asked = asked.where(line.record_id == record_id, row.state.in_(OPEN_DISPOSALS))
    return session.scalars(asked.where(line.state.not_in(FINAL_LINES)).limit(1)).first()


def committed(session: Session, record_id: str) -> Refused | None:
    """Return the refusal of what comes after the destruction of a record was decided."""
    line, row = DisposalLineRow, DisposalRow
    asked = select(line, row.action).join(row, row.id == line.disposal_id)
    asked = asked.where(line.record_id == record_id, line.committed_at.is_not(None))
    last = session.execute(asked.order_by(line.committed_at.desc()).limit(1)).first()
    if last is None or (at := last[0].committed_at) is None:
        return None
    return Refused(
        "disposal_committed",
        "Ce document a été remis à un autre service le {at}."
        if last[1] == DisposalAction.TRANSFER
        else "La destruction de ce document est engagée depuis le {at}.",
        kept="Rien n’a été changé.",
        action="Relisez le bordereau : il dit ce qui est fait.",
        pointer="/records",
        at=stamp(at),
    )


@dataclass(frozen=True)
class Departure:
    """How a record was destroyed: by which disposal, when it was decided, since when it is gone.

    Attributes:
        disposal: None where no bordereau of ours tells of it.
        done_at: None while its destruction is decided and not finished.
    """

    disposal: str | None = None
    reference: str | None = None
    decided_at: datetime | None = None
    done_at: datetime | None = None


def departure_of(session: Session, tenant: str, record_id: str) -> Departure | None:
    """Return how a record of a tenant was destroyed; None where it is here, or never was."""
    row, line = RecordRow, DisposalLineRow
    state = session.scalar(select(row.state).where(row.id == record_id, row.tenant_id == tenant))
    if state is None or not RecordState(state).destroyed:
        return None
    asked = select(DisposalRow.id, DisposalRow.reference, line.committed_at, line.done_at)
    asked = asked.join(line, line.disposal_id == DisposalRow.id)
    asked = asked.where(line.record_id == record_id, line.committed_at.is_not(None))
    told = session.execute(asked.order_by(line.committed_at.desc()).limit(1)).first()
    return Departure(*(told or ()))


def decided_since(session: Session, tenant: str, entry: int) -> frozenset[str]:
    """Return the records whose destruction was decided after an entry of the journal."""
    row = JournalEntryRow
    asked = select(row.subject).where(row.tenant_id == tenant, row.n > entry)
    asked = asked.where(row.type == EntryType.DESTRUCTION_DECIDED)
    return frozenset(subject.removeprefix("record:") for subject in session.scalars(asked))


def disposed(gone: Departure) -> Refused:
    """Return the refusal of whatever is asked of a record that was destroyed."""
    values: dict[str, Any] = {
        "departure": {
            "disposal": gone.disposal,
            "reference": gone.reference,
            "decided_at": stamp(gone.decided_at) if gone.decided_at is not None else None,
            "done_at": stamp(gone.done_at) if gone.done_at is not None else None,
        },
        "reference": gone.reference or "",
    }
    return Refused(
        RecordState.DISPOSED.value,
        "Ce document a été éliminé : il n’est plus ici.",
        kept="Son histoire reste, et le journal.",
        action="Le bordereau {reference} et son certificat disent pourquoi." if gone.reference else "",
        **values,
    )


def require_not_gone(session: Session, tenant: str, record_id: str) -> None:
    """Refuse a record that is gone.

    Raises:
        Refused: ``disposed``.
    """
    gone = departure_of(session, tenant, record_id)
    if gone is not None:
        raise disposed(gone)


def next_supplement(session: Session, disposal_id: str) -> int:
    """Return the number after that of a disposal's latest certificate."""
    row = session.get(DisposalCertificateRow, disposal_id)
    return row.number + 1 if row is not None else 1


def supplements_of(session: Session, disposal_id: str) -> list[dict[str, Any]]:
    """Return the certificates of a disposal as their latest statement lists them, in order."""
    row = session.get(DisposalCertificateRow, disposal_id)
    return list(row.content["supplements"]) if row is not None else []


def disposal_of(session: Session, record_id: str) -> DisposalRow | None:
    """Return the open disposal that has a record, if one has."""
    there = line_of(session, record_id)
    return session.get(DisposalRow, there.disposal_id) if there is not None else None


def handed_over() -> ColumnElement[bool]:
    """Return the condition of the records whose custody has ended, by a line that was executed."""
    line, row = DisposalLineRow, DisposalRow
    done = select(line.record_id).join(row, row.id == line.disposal_id)
    return RecordRow.id.in_(
        done.where(row.action == DisposalAction.TRANSFER.value, line.state == LineState.DESTROYED.value)
    )


def state_of_kept(session: Session, record_id: str) -> RecordState:
    """Return the state of a record whose bytes are here."""
    if line_of(session, record_id) is not None:
        return RecordState.IN_DISPOSAL
    over = session.scalar(select(RecordRow.id).where(RecordRow.id == record_id, handed_over()))
    return RecordState.TRANSFERRED if over is not None else RecordState.KEPT


def follow_disposals(session: Session, row: RecordRow) -> None:
    """Write on a record that a rebuild brought back what disposals say of it."""
    refusal = refusal_of(session, row.id)
    row.state = state_of_kept(session, row.id).value
    row.not_before = refusal.not_before if refusal is not None else None


def refusal_of(session: Session, record_id: str) -> VisaRefusalRow | None:
    """Return what the last visa that refused a record asks for."""
    return session.get(VisaRefusalRow, record_id)
