"""Tables of the retention schedule: document types, and rules in versions."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base


class DocumentTypeRow(Base):
    """One document type of a tenant, with its retention rule."""

    __tablename__ = "document_types"
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(100), primary_key=True)
    label: Mapped[str] = mapped_column(String(200))
    rule_code: Mapped[str | None] = mapped_column(String(40))
    access_rule: Mapped[str | None] = mapped_column(String(100))


class RetentionRuleRow(Base):
    """One version of one retention rule of a tenant; versions are added, never edited."""

    __tablename__ = "retention_rules"
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(String(300))
    duration: Mapped[int | None]
    """None = unlimited."""
    unit: Mapped[str] = mapped_column(String(5))
    start_event: Mapped[str] = mapped_column(String(40))
    final_action: Mapped[str] = mapped_column(String(10))
    source: Mapped[str] = mapped_column(Text)
    validated_at: Mapped[datetime | None]
    """When an archivist validated it; None: the rule gives dates, but allows no destruction."""
    created_at: Mapped[datetime]
    valid_from: Mapped[date | None]
    """First day on which this version is in force; None = since it was made."""
    criteria: Mapped[str | None] = mapped_column(Text)
    access_rule: Mapped[str | None] = mapped_column(String(100))
    created_by: Mapped[str | None] = mapped_column(String(200))
    """None = it came with a pack."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why this version was made."""
    validated_by: Mapped[str | None] = mapped_column(String(200))
    validation: Mapped[str | None] = mapped_column(Text)
    """What the validation rests on, in words."""
    removed_at: Mapped[datetime | None]
    """When the rule was removed, unused; its code is never used again."""
