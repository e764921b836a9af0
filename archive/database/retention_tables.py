"""Tables of the archivist's trade: statements, filing plan, events. The parent of each is a tenant.

A row of a plan node or an event repeats the latest statement about it, and nothing else: the
journal decides, and a rebuild makes these rows again from the store.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base


class StatementRow(Base):
    """One statement about an object of the archivist; statements are added, never edited."""

    __tablename__ = "statements"
    __table_args__ = (Index("ix_statements_settled", "settled_at"), Index("ix_statements_tenant", "tenant_id", "entry"))
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    """A ``StatementKind``."""
    subject: Mapped[str] = mapped_column(String(36), primary_key=True)
    """Identifier of its object."""
    number: Mapped[int] = mapped_column(primary_key=True)
    """1, 2, 3 … of this object: also the tag that a change must name."""
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """Canonical JSON, byte for byte what the store keeps."""
    sha256: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(200))
    entry: Mapped[int]
    settled_at: Mapped[datetime | None]
    """When the store was seen to hold it; None: not yet."""


class PlanNodeRow(Base):
    """A class or a file of a tenant's filing plan, as its latest statement gives it."""

    __tablename__ = "plan_nodes"
    __table_args__ = (
        UniqueConstraint("tenant_id", "code"),
        Index("ix_plan_nodes_parent", "tenant_id", "parent_id", "code"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    """Of the latest statement."""
    kind: Mapped[str] = mapped_column(String(10))
    """``class`` or ``file``."""
    code: Mapped[str] = mapped_column(String(100))
    """Never used again, even after the node was removed."""
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    parent_id: Mapped[str | None] = mapped_column(String(36))
    producer: Mapped[str | None] = mapped_column(String(200))
    retention: Mapped[dict[str, Any] | None]
    """Declaration of retention rules; None: inherited as it is."""
    access: Mapped[dict[str, Any] | None]
    """Declaration of access rules; None: inherited as it is."""
    opened_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    """Last day of a closed file; None while it is open, and for a class."""
    extent: Mapped[dict[str, Any] | None]
    """Of a unit without bytes: ``{"medium", "metres", "from", "to", "place"}``."""
    removed: Mapped[bool]


class RecordNodeRow(Base):
    """A record's place in a node of the plan, by the codes of its description."""

    __tablename__ = "record_nodes"
    __table_args__ = (
        Index("ix_record_nodes_node", "node_id", "record_id"),
        Index("ix_record_nodes_dates", "node_id", "document_date", "bytes"),
    )
    record_id: Mapped[str] = mapped_column(ForeignKey("records.id"), primary_key=True)
    node_id: Mapped[str] = mapped_column(ForeignKey("plan_nodes.id"), primary_key=True)
    document_date: Mapped[date | None]
    """Of the record, repeated so that the extreme dates of a file are read off one index."""
    bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Of all forms of the record, repeated so that the volume of a file is summed off one index."""


class RetentionEventRow(Base):
    """An event that starts retention, by the reference of a business case."""

    __tablename__ = "retention_events"
    __table_args__ = (Index("ix_retention_events_reference", "tenant_id", "reference", "event"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    event: Mapped[str] = mapped_column(String(40))
    """A code of ``START_EVENTS``."""
    reference: Mapped[str] = mapped_column(String(200))
    occurred_on: Mapped[date]
    withdrawn: Mapped[bool]
    entry: Mapped[int]
    """Of the latest statement: where several events give one date, the latest statement counts."""
