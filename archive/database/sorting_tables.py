"""Tables of sorting: frozen populations with their samples, and the decision about each unit."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base


class PopulationRow(Base):
    """A population frozen to be sampled, as its latest statement gives it."""

    __tablename__ = "populations"
    __table_args__ = (Index("ix_populations_tenant", "tenant_id", "id"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    """1: frozen; 2: drawn."""
    title: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(String(10))
    """``record`` or ``file``."""
    method: Mapped[str] = mapped_column(String(10))
    """A ``SampleMethod``."""
    criterion: Mapped[dict[str, Any]]
    units: Mapped[list[Any]]
    """Identifiers, in order."""
    digest: Mapped[str] = mapped_column(String(64))
    """Of the identifiers."""
    frozen_entry: Mapped[int]
    """Journal entry by which it was frozen."""
    draw: Mapped[dict[str, Any] | None]
    """Seed, checkpoint and units kept; None until it is drawn."""


class SortingRow(Base):
    """Decision about one unit to be sorted, as its latest statement gives it."""

    __tablename__ = "sortings"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """Of the record, or of the file in the plan."""
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    number: Mapped[int]
    unit: Mapped[str] = mapped_column(String(10))
    decision: Mapped[str | None] = mapped_column(String(10))
    """``keep`` or ``destroy``; None once it was withdrawn."""
    reason: Mapped[str] = mapped_column(Text)
    population_id: Mapped[str | None] = mapped_column(String(36))
    """Of the sample that decided; None where a person did."""
