"""The tenants that share the installation: those to whom keys and people are given."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import TenantRow
from signing.ground.errors import Refused


def require_tenant(session: Session, tenant: str) -> TenantRow:
    """The tenant, or a refusal in words.

    Raises:
        Refused: ``tenant_not_found``.
    """
    row = session.get(TenantRow, tenant)
    if row is None:
        raise Refused(
            "tenant_not_found",
            "La collectivité « {tenant} » n’existe pas.",
            action="Créez-la avec « chartrier tenant create ».",
            pointer="/tenant",
            tenant=tenant,
        )
    return row


def all_tenants(session: Session) -> Sequence[TenantRow]:
    """Every tenant, by name in addresses."""
    return session.scalars(select(TenantRow).order_by(TenantRow.id)).all()
