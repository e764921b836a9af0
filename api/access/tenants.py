"""Tenants of the installation, to which keys and people belong."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import TenantRow
from signing.ground.errors import Refused


def require_tenant(session: Session, tenant: str) -> TenantRow:
    """Return a tenant's row.

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
    """Return every tenant, sorted by identifier."""
    return session.scalars(select(TenantRow).order_by(TenantRow.id)).all()
