"""Table of access requests: each row repeats the latest statement about one."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base


class AccessRequestRow(Base):
    """An access request or a derogation, as its latest statement gives it."""

    __tablename__ = "access_requests"
    __table_args__ = (
        Index("ix_access_requests_state", "tenant_id", "state", "id"),
        Index("ix_access_requests_answer", "tenant_id", "answer_by"),
        Index("ix_access_requests_kind", "tenant_id", "kind", "state"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    """Of the latest statement."""
    kind: Mapped[str] = mapped_column(String(20))
    """``communication``, ``derogation`` or ``early_opening``."""
    state: Mapped[str] = mapped_column(String(20))
    requester: Mapped[str] = mapped_column(Text)
    asked: Mapped[str] = mapped_column(Text)
    """What is asked for."""
    registered_on: Mapped[date]
    answer_by: Mapped[date | None]
    """Last day for the answer; of a derogation alone."""
    content: Mapped[dict[str, Any]]
    """Body of the statement: steps, decision, consultations."""
