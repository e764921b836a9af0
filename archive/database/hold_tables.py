"""Tables of holds besides the holds themselves: the words that they ask for, and their reviews."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base


class RecordWordsRow(Base):
    """Distinct words of a record, folded, each between blanks: what a standing hold asks for."""

    __tablename__ = "record_words"
    record_id: Mapped[str] = mapped_column(ForeignKey("records.id"), primary_key=True)
    described: Mapped[str] = mapped_column(Text)
    """Of title, description, reference and file name."""
    pages: Mapped[str | None] = mapped_column(Text)
    """Of the text representation; None: not read yet."""
    unread: Mapped[bool] = mapped_column(default=True, index=True)
    """Whether the text representation may have other words than ``pages``."""


class HoldReviewRow(Base):
    """The latest review of a hold, as its statement gives it."""

    __tablename__ = "hold_reviews"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """Of the hold, which a rebuild brings back later than its reviews."""
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    number: Mapped[int]
    owner: Mapped[str | None] = mapped_column(String(200))
    """Who answers for the hold from then on."""
    review_on: Mapped[date | None]
    """Day of the next review; None: none is wanted."""
    comment: Mapped[str] = mapped_column(Text)
    """What was found."""
