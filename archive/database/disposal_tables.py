"""Tables of disposals: bordereaux, chunks of their population, visas, lines, certificates."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base


class DisposalRow(Base):
    """A disposal, as its latest statement gives it."""

    __tablename__ = "disposals"
    __table_args__ = (
        UniqueConstraint("tenant_id", "reference"),
        Index("ix_disposals_state", "tenant_id", "state", "id"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    """Of the latest statement."""
    reference: Mapped[str] = mapped_column(String(20))
    """Number for its readers: year and rank, ``2026-07``."""
    title: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(10))
    """A ``DisposalAction``."""
    direction: Mapped[str] = mapped_column(String(20))
    """A ``Direction``."""
    state: Mapped[str] = mapped_column(String(20))
    """A ``DisposalState``."""
    producer: Mapped[str | None] = mapped_column(String(200))
    drafted_by: Mapped[str] = mapped_column(String(200))
    proposed_on: Mapped[date | None]
    """Day on which it was submitted."""
    last_visa_on: Mapped[date | None]
    stop_until: Mapped[date | None]
    """Last day on which it can be stopped."""
    content: Mapped[dict[str, Any]]
    """Body of the statement."""


class DisposalChunkRow(Base):
    """A part of a disposal's population, as its latest statement gives it."""

    __tablename__ = "disposal_chunks"
    __table_args__ = (Index("ix_disposal_chunks_disposal", "disposal_id", "position"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    """1: drafted; 2: frozen."""
    disposal_id: Mapped[str] = mapped_column(String(36))
    position: Mapped[int]
    records: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    """Of its lines."""


class DisposalVisaRow(Base):
    """A visa, as its latest statement gives it."""

    __tablename__ = "disposal_visas"
    __table_args__ = (Index("ix_disposal_visas_disposal", "disposal_id", "step"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    disposal_id: Mapped[str] = mapped_column(String(36))
    step: Mapped[str] = mapped_column(String(12))
    """A ``VisaStep``."""
    means: Mapped[str] = mapped_column(String(10))
    """A ``VisaMeans``."""
    state: Mapped[str] = mapped_column(String(12))
    """``entered``: waits for a second person to confirm it; ``given``; ``withdrawn``."""
    given_on: Mapped[date]
    person: Mapped[str] = mapped_column(String(200))
    """Name of who gave it."""
    agent: Mapped[str] = mapped_column(String(200))
    """Who is held for its giver: an account, or a guest's invitation."""
    content: Mapped[dict[str, Any]]
    """Body of the statement: quality, how identified, reference, decisions, scan."""


class DisposalScanRow(Base):
    """The scan of a bordereau that came back on paper, as its statement gives it."""

    __tablename__ = "disposal_scans"
    __table_args__ = (UniqueConstraint("disposal_id", "sha256"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    number: Mapped[int]
    disposal_id: Mapped[str] = mapped_column(String(36))
    sha256: Mapped[str] = mapped_column(String(64))
    """Of its bytes, which the store has."""
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(60))
    verdict: Mapped[str] = mapped_column(String(12))
    """A ``ScanVerdict``."""
    content: Mapped[dict[str, Any]]
    """Body of the statement: what was read on its pages, verdict on viruses."""


class DisposalOpinionRow(Base):
    """What a controller thinks of lines of a draft, as its statement gives it."""

    __tablename__ = "disposal_opinions"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    disposal_id: Mapped[str] = mapped_column(String(36), index=True)
    person: Mapped[str] = mapped_column(String(200))
    given_on: Mapped[date]
    content: Mapped[dict[str, Any]]
    """Body of the statement: quality, who entered it, what is thought of each line."""


class DisposalLineRow(Base):
    """One record of a disposal, with what became of it.

    No key to ``records``: a rebuild brings disposals back before the records.
    """

    __tablename__ = "disposal_lines"
    __table_args__ = (
        Index("ix_disposal_lines_record", "record_id"),
        Index("ix_disposal_lines_group", "disposal_id", "group_no", "state"),
        Index("ix_disposal_lines_state", "disposal_id", "state", "position"),
    )
    disposal_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    position: Mapped[int]
    """1, 2, 3 …: its number in the bordereau."""
    group_no: Mapped[int]
    """Number of the line that a reader sees: rule, type and file together."""
    frozen: Mapped[dict[str, Any]]
    """The record as it was when its population was stated: a ``FrozenLine``."""
    state: Mapped[str] = mapped_column(String(10))
    """A ``LineState``."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it is excluded, refused, blocked or failed: a word of ours, or the archivist's motive."""
    waiting_until: Mapped[date | None]
    """Last day of the lock that it waits for."""
    locked_since: Mapped[date | None]
    """First day on which nothing but a lock stood in its way."""
    decision: Mapped[str | None] = mapped_column(String(20))
    """What its visas say together, a ``LineDecision``; None until the last is given."""
    not_before: Mapped[date | None]
    opinion: Mapped[str | None] = mapped_column(String(20))
    """What was thought of it before the visas: a ``LineDecision``, or ``remark``."""
    opinion_told: Mapped[dict[str, Any] | None]
    """Who thought so, when, and their comment."""
    committed_at: Mapped[datetime | None]
    """When its destruction was decided; from then on no hold stops it."""
    done_at: Mapped[datetime | None]
    supplement: Mapped[int | None]
    """Number of the run that finished it, and of the certificate's supplement."""
    result: Mapped[dict[str, Any] | None]
    """What was destroyed, and where other copies stood."""


class DisposalCertificateRow(Base):
    """The certificates of a disposal, as the statement of the latest gives them."""

    __tablename__ = "disposal_certificates"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """The disposal."""
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    """Of the latest supplement."""
    state: Mapped[str] = mapped_column(String(20))
    """State of the disposal when it was issued: ``executed`` once there will be no other."""
    content: Mapped[dict[str, Any]]
    """Body of the statement: each supplement with the digests of its files."""


class VisaRefusalRow(Base):
    """Consequence of the last refusal of a record: kept, sorted, or not before a day."""

    __tablename__ = "visa_refusals"
    record_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    disposal_id: Mapped[str] = mapped_column(String(36))
    decision: Mapped[str] = mapped_column(String(20))
    not_before: Mapped[date | None]
    decided_on: Mapped[date]
