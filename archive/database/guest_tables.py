"""Tables of guests and mails: invitations to a visa, drafts of it, mails to be sent.

None of them is evidence: what a guest decided is in the visa's statement, and each attempt in the
journal. They go with the database; a guest is then invited again.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base


class InvitationRow(Base):
    """An invitation to give one visa without an account; of link and code only digests are kept."""

    __tablename__ = "visa_invitations"
    __table_args__ = (Index("ix_visa_invitations_disposal", "disposal_id", "id"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    disposal_id: Mapped[str] = mapped_column(String(36))
    step: Mapped[str] = mapped_column(String(12))
    """A ``VisaStep``."""
    person: Mapped[str] = mapped_column(String(200))
    quality: Mapped[str] = mapped_column(Text)
    mail: Mapped[str] = mapped_column(String(254))
    heads: Mapped[str | None] = mapped_column(String(200))
    """Exact name of the service that they head, if it is one of those served here."""
    by_mail: Mapped[bool]
    """Whether the service sends the link; else the archivist does."""
    address: Mapped[str] = mapped_column(String(400))
    """Beginning of the link: scheme and host."""
    nonce: Mapped[str] = mapped_column(String(64))
    """Random; with the key of the installation it gives the link's token."""
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    code_digest: Mapped[str] = mapped_column(String(64))
    """Made with the key of the installation: who reads this row can't try all codes."""
    wrong: Mapped[int]
    """Wrong codes so far."""
    knocks: Mapped[int]
    """Times the link was opened after it had served."""
    invited_by: Mapped[str] = mapped_column(String(200))
    invited_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    entered_at: Mapped[datetime | None]
    """When link and code last opened the bordereau."""
    closed_at: Mapped[datetime | None]
    """When the last wrong code closed it."""
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    """When the visa was given."""
    draft: Mapped[dict[str, Any]]
    """The rest of the visa as typed so far: nothing is lost when a phone sleeps."""


class VisaDraftRow(Base):
    """What a guest has decided so far about a group or a record."""

    __tablename__ = "visa_drafts"
    invitation_id: Mapped[str] = mapped_column(ForeignKey("visa_invitations.id"), primary_key=True)
    target: Mapped[str] = mapped_column(String(40), primary_key=True)
    """``g`` and the number of a group, or ``r`` and the id of a record."""
    decision: Mapped[str] = mapped_column(String(20))
    """A ``LineDecision``."""
    not_before: Mapped[date | None]


class MailRow(Base):
    """A mail, committed with what caused it; sent by a duty."""

    __tablename__ = "mails"
    __table_args__ = (
        UniqueConstraint("tenant_id", "cause"),
        Index("ix_mails_next", "state", "next_at"),
        Index("ix_mails_tenant", "tenant_id", "id"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    """Also its ``Message-ID``, the same at each attempt: a double is recognised."""
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    cause: Mapped[str] = mapped_column(String(200))
    """What caused it; the same cause makes no second mail."""
    recipient: Mapped[str] = mapped_column(String(254))
    """Address; empty: none is known."""
    subject: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    """Text; the personal link stands as ``{lien}`` and is put in when it is sent."""
    disposal_id: Mapped[str | None] = mapped_column(String(36))
    invitation_id: Mapped[str | None] = mapped_column(String(36))
    """Whose link is put in."""
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10))
    """A ``MailState``."""
    attempts: Mapped[int]
    """Begun so far: counted before the server is called."""
    next_at: Mapped[datetime | None]
    """When it is tried again; None: it is not."""
    problem: Mapped[str | None] = mapped_column(Text)
    """Why the last attempt failed."""
    sent_at: Mapped[datetime | None]


class MailAddressRow(Base):
    """Address of a person with an account, where they are told what they wait for."""

    __tablename__ = "mail_addresses"
    agent: Mapped[str] = mapped_column(String(200), primary_key=True)
    """``user:<id>``."""
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    mail: Mapped[str] = mapped_column(String(254))
    gives_visas: Mapped[bool]
    """Whether they are reminded of visas."""
