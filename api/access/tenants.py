"""The tenant to whom a key or a person is given."""

from __future__ import annotations

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
