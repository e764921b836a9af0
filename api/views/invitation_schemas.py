"""Schemas of invitations of guests."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api.views.schemas import Body

Step = Literal["producer", "authority", "controller"]


class InvitationGiven(Body):
    """A person without an account, to be invited."""

    step: Step
    person: str = Field(min_length=1, max_length=200, description="Son nom, comme il sera signé.")
    quality: str = Field(min_length=1, max_length=200, description="Sa fonction.")
    mail: str = Field(min_length=3, max_length=254, description="Son adresse.")
    heads: str | None = Field(default=None, max_length=200, description="Nom exact du service qu’elle dirige.")
    days: int = Field(default=30, ge=1, le=90, description="Jours pendant lesquels le lien vaut.")
    by_mail: bool = Field(default=True, description="Le service envoie le lien ; sinon, son texte est à copier.")


class InvitationView(BaseModel):
    """An invitation: neither its link nor its code."""

    id: str
    step: Step
    person: str
    quality: str
    mail: str
    heads: str | None
    by_mail: bool
    standing: Literal["open", "used", "revoked", "closed", "expired"]
    wrong_codes: int
    invited_by: str | None
    invited_at: str
    expires_at: str
    entered_at: str | None
    closed_at: str | None
    revoked_at: str | None
    used_at: str | None


class TextView(BaseModel):
    """A mail that a person sends themselves."""

    subject: str
    body: str


class InvitationMade(InvitationView):
    """An invitation just made: its code is shown this once."""

    code: str
    text: TextView | None


class InvitationList(BaseModel):
    """Invitations to a bordereau, the last one first."""

    invitations: list[InvitationView]
