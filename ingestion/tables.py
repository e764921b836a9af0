"""Tables of ingestion: deposits, stage runs, page tasks, outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base


class DepositRow(Base):
    """Deposit: what a producer handed over, and the state of its processing."""

    __tablename__ = "deposits"
    __table_args__ = (
        UniqueConstraint("tenant_id", "idempotency_key"),
        Index("ix_deposits_tenant_received", "tenant_id", "received_at"),
        Index("ix_deposits_state_lease", "state", "lease_until"),
        Index("ix_deposits_agreement", "tenant_id", "agreement", "received_at"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    idempotency_key: Mapped[str] = mapped_column(String(255))
    request_digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 over the canonical request: fields, filename, content digest."""
    state: Mapped[str] = mapped_column(String(20))
    version: Mapped[int]
    """Number that grows with every visible change; used as the ETag."""
    agent: Mapped[str] = mapped_column(String(200))
    """``user:<id>`` or ``key:<id>``."""
    filename: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(String(120))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    sha512: Mapped[str] = mapped_column(String(128))
    tenant_name: Mapped[str | None] = mapped_column(String(200))
    """Name of the tenant when it was received; None for a deposit of an earlier version."""
    salts: Mapped[dict[str, Any] | None]
    """Salts of the digests of names in its journal entry."""
    fields: Mapped[dict[str, Any]]
    """Text fields as given (title, document_type …)."""
    agreement: Mapped[str | None] = mapped_column(String(40))
    """Code of the deposit agreement under which it was received."""
    agreed: Mapped[dict[str, Any] | None]
    """Fields that were not given and that the agreement gives."""
    received_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    staging_key: Mapped[str] = mapped_column(Text)
    staging_version: Mapped[str] = mapped_column(String(200))
    entry: Mapped[int]
    """Number of the journal entry ``DepositReceived``."""
    leaf_hash: Mapped[str] = mapped_column(String(64))
    record_id: Mapped[str | None] = mapped_column(String(36))
    problem: Mapped[dict[str, Any] | None]
    priority: Mapped[int]
    """0 if a clerk waits, 5 for a batch, 9 for the night (lower goes first)."""
    # the lease: the worker that has it
    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[datetime | None]
    fence: Mapped[int]
    attempts: Mapped[int]
    """Claims since the last committed stage; after three killed workers comes quarantine."""


class StageRunRow(Base):
    """Latest run of one stage for one deposit; earlier runs are in the journal."""

    __tablename__ = "stage_runs"
    deposit_id: Mapped[str] = mapped_column(ForeignKey("deposits.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    state: Mapped[str] = mapped_column(String(10))
    """waiting running done skipped failed."""
    done: Mapped[int | None]
    total: Mapped[int | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    detail: Mapped[dict[str, Any] | None]
    """``{"code", "text", "values"}``: one French sentence for a reader."""
    tool: Mapped[str | None] = mapped_column(String(100))
    tool_version: Mapped[str | None] = mapped_column(String(100))
    parameters: Mapped[dict[str, Any] | None]
    inputs: Mapped[dict[str, Any] | None]
    """name -> sha256."""
    outputs: Mapped[dict[str, Any] | None]
    """name -> {"sha256", "sha512", "size", "key", "version"}: checkpoints in staging."""
    facts: Mapped[dict[str, Any] | None]
    remarks: Mapped[list[Any] | None]
    """``[{"code", "detail", "stage"}]``: added to the record's warnings."""


class PageTaskRow(Base):
    """Page task: a chunk of pages recognised as a task of its own."""

    __tablename__ = "page_tasks"
    __table_args__ = (Index("ix_page_tasks_state_lease", "state", "lease_until"),)
    deposit_id: Mapped[str] = mapped_column(ForeignKey("deposits.id"), primary_key=True)
    first_page: Mapped[int] = mapped_column(primary_key=True)
    """Number of the page, from 1."""
    last_page: Mapped[int]
    state: Mapped[str] = mapped_column(String(10))
    """waiting running done failed."""
    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[datetime | None]
    fence: Mapped[int]
    attempts: Mapped[int]
    output: Mapped[dict[str, Any] | None]
    """``{"sha256", "size", "key", "version"}`` of the chunk's words in staging."""
    detail: Mapped[dict[str, Any] | None]


class OutboxRow(Base):
    """Wake-up to be sent, written in the transaction that makes it necessary."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_sent", "sent_at", "priority", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(20))
    """``advance`` (subject = deposit id) or ``pages`` (subject = ``deposit id:first page``)."""
    subject: Mapped[str] = mapped_column(String(80))
    priority: Mapped[int]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
