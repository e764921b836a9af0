"""The state of a tenant's queue and holdings, read from the database for the administrator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.alarms import open_alarms
from archive.database.tables import CheckpointRow, RecordRow, VerificationRow
from archive.journal.sequencer import size
from ingestion.deposits.states import UNFINISHED
from ingestion.tables import DepositRow

_SHOWN_DAMAGES = 10
BANDS = ((0, 4), (5, 8), (9, 9))
"""Bands of priorities: somebody is waiting, deposits in batches, work for the night."""


@dataclass(frozen=True)
class Waiting:
    """The unfinished deposits of one band of priorities, and when the oldest was received."""

    number: int
    first: datetime | None


@dataclass(frozen=True)
class NotIntact:
    """A record whose last verification did not find it intact."""

    record_id: str
    title: str
    verdict: str


@dataclass(frozen=True)
class Checkpoint:
    """The last checkpoint of the journal."""

    number: int
    size: int
    published_at: datetime


@dataclass(frozen=True)
class Contradicted:
    """Something that the journal contradicts."""

    subject: str
    detail: str
    since: datetime


@dataclass(frozen=True)
class HoldingsState:
    """The state of a tenant's queue and holdings.

    The defaults are shown while the database is away.

    Attributes:
        queue: The unfinished deposits of each of ``BANDS``.
        records: Number of records.
        verified: How many of ``records`` were ever verified.
        damaged: The first records found altered or missing.
        doubtful: The first unverifiable records.
        entries: Number of journal entries, of all tenants.
        contradicted: Subjects of which the journal says otherwise than the database, with the facts
            that differ, since when.
    """

    queue: tuple[Waiting, ...] = ()
    records: int = 0
    verified: int = 0
    damaged: tuple[NotIntact, ...] = ()
    doubtful: tuple[NotIntact, ...] = ()
    checkpoint: Checkpoint | None = None
    entries: int = 0
    contradicted: tuple[Contradicted, ...] = ()


def holdings_state(session: Session, tenant: str) -> HoldingsState:
    """Read the state of a tenant's queue and holdings."""
    latest = (
        select(func.max(VerificationRow.id).label("id"))
        .join(RecordRow, RecordRow.id == VerificationRow.record_id)
        .where(RecordRow.tenant_id == tenant)
        .group_by(VerificationRow.record_id)
        .subquery()
    )
    not_intact = (
        select(RecordRow.id, RecordRow.title, VerificationRow.verdict)
        .join(VerificationRow, VerificationRow.record_id == RecordRow.id)
        .join(latest, latest.c.id == VerificationRow.id)
        .limit(_SHOWN_DAMAGES)
    )
    damaged = session.execute(not_intact.where(VerificationRow.verdict.in_(("altered", "missing")))).all()
    doubtful = session.execute(not_intact.where(VerificationRow.verdict == "unverifiable")).all()
    records = session.scalar(select(func.count()).select_from(RecordRow).where(RecordRow.tenant_id == tenant))
    return HoldingsState(
        queue=tuple(_waiting(session, tenant, low, high) for low, high in BANDS),
        records=records or 0,
        verified=session.scalar(select(func.count()).select_from(latest)) or 0,
        damaged=tuple(NotIntact(*row) for row in damaged),
        doubtful=tuple(NotIntact(*row) for row in doubtful),
        checkpoint=_last_checkpoint(session),
        entries=size(session),
        contradicted=tuple(Contradicted(row.subject, row.detail, row.first_at) for row in open_alarms(session)),
    )


def _waiting(session: Session, tenant: str, low: int, high: int) -> Waiting:
    question = select(func.count(), func.min(DepositRow.received_at)).where(
        DepositRow.tenant_id == tenant,
        DepositRow.state.in_(UNFINISHED),
        DepositRow.priority.between(low, high),
    )
    number, first = session.execute(question).one()
    return Waiting(number, first)


def _last_checkpoint(session: Session) -> Checkpoint | None:
    row = session.scalar(select(CheckpointRow).order_by(CheckpointRow.number.desc()).limit(1))
    return Checkpoint(row.number, row.size, row.published_at) if row is not None else None
