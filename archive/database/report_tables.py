"""Table of reports: registers that were issued, and stocktakings."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base


class ReportRow(Base):
    """A report, as its latest statement gives it."""

    __tablename__ = "reports"
    __table_args__ = (Index("ix_reports_kind", "tenant_id", "kind", "id"), Index("ix_reports_state", "state"))
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    """Of the latest statement."""
    kind: Mapped[str] = mapped_column(String(20))
    """A ``ReportKind``."""
    state: Mapped[str] = mapped_column(String(10))
    """A ``ReportState``."""
    made_on: Mapped[date]
    """Day on which it was asked for."""
    content: Mapped[dict[str, Any]]
    """Body of the statement: of what period, how many lines, digest of the file."""
