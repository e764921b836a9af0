"""Tables of producers: the tree of services, and deposit agreements. The parent is a tenant.

Their rows are in the tenant's register, whole each time one changes; a rebuild takes them from it.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base


class ServiceRow(Base):
    """One service of a tenant."""

    __tablename__ = "services"
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int]
    """Grows with each change: the tag that a change must name."""
    parent: Mapped[str | None] = mapped_column(String(40))
    rank: Mapped[str] = mapped_column(String(80))
    opened_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    names: Mapped[list[Any]]
    """``[{"name", "valid_from", "valid_until"}]`` in the order of time."""
    successors: Mapped[list[Any]]
    """Codes."""
    former_places: Mapped[list[Any]] = mapped_column(JSON, default=list, server_default="[]")
    """``[{"parent", "rank", "until"}]`` in the order of time."""


class DepositAgreementRow(Base):
    """One deposit agreement of a tenant."""

    __tablename__ = "deposit_agreements"
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int]
    """Grows with each change: the tag that a change must name."""
    title: Mapped[str] = mapped_column(String(200))
    reference: Mapped[str] = mapped_column(String(200))
    """Of the signed paper, in words."""
    services: Mapped[list[Any]]
    depositors: Mapped[list[Any]]
    """``key:<id>`` or ``user:<id>``."""
    document_types: Mapped[list[Any]]
    formats: Mapped[list[Any]]
    """Media types or PRONOM identifiers."""
    max_bytes: Mapped[int | None] = mapped_column(BigInteger)
    max_per_month: Mapped[int | None] = mapped_column(BigInteger)
    defaults: Mapped[dict[str, Any]]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    suspended: Mapped[bool]
