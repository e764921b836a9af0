"""People with a login, each with one role in one tenant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access.callers import ROLES
from api.access.tables import UserRow
from api.access.tenants import require_tenant
from archive.database.guest_tables import MailAddressRow
from archive.model.identifiers import new_id
from archive.model.mails import is_address
from signing.ground.errors import Refused

_GIVES_VISAS: Final = "disposal:visa"


def create_user(
    session: Session, *, tenant: str, name: str, role: str, now: datetime, service: str | None = None, mail: str = ""
) -> UserRow:
    """Create a person with a login to a tenant; return the row.

    Args:
        mail: Address at which they are told of visas; empty: none is known.

    Raises:
        Refused: ``role_unknown``, ``tenant_not_found``, ``bad_address``.
    """
    if role not in ROLES:
        raise Refused(
            "role_unknown",
            "Rôle inconnu : {role}.",
            action="Choisissez parmi : {known}.",
            pointer="/role",
            role=role,
            known=", ".join(ROLES),
        )
    require_tenant(session, tenant)
    row = UserRow(
        id=new_id(), tenant_id=tenant, name=name, role=role, service=service, created_at=now, disabled_at=None
    )
    session.add(row)
    if mail:
        if not is_address(mail):
            raise Refused(
                "bad_address",
                "Ce n’est pas une adresse de courriel : {mail}.",
                kept="La personne n’est pas créée.",
                action="Une seule adresse, par exemple anne@mairie.example.",
                pointer="/mail",
                mail=mail,
            )
        gives = _GIVES_VISAS in ROLES[role]
        session.add(MailAddressRow(agent=f"user:{row.id}", tenant_id=tenant, mail=mail, gives_visas=gives))
    session.flush()
    return row


def people_of(session: Session, tenant: str) -> Sequence[UserRow]:
    """Return every person of a tenant, disabled ones too, oldest first."""
    return session.scalars(select(UserRow).where(UserRow.tenant_id == tenant).order_by(UserRow.id)).all()
