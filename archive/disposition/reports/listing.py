"""Lists of reports, the one made last first."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.report_tables import ReportRow
from archive.model.identifiers import is_id
from archive.model.reports import ReportKind
from signing.ground.errors import Refused


def page(
    session: Session, tenant: str, *, kind: ReportKind | None = None, before: str | None = None, limit: int
) -> Sequence[ReportRow]:
    """Return a tenant's reports, of one kind if it is named.

    Args:
        before: Identifier of the last one of the page before.
    """
    row = ReportRow
    asked = select(row).where(row.tenant_id == tenant)
    if kind is not None:
        asked = asked.where(row.kind == kind.value)
    if before is not None:
        asked = asked.where(row.id < before)
    return session.scalars(asked.order_by(row.id.desc()).limit(limit)).all()


def get(session: Session, tenant: str, report_id: str) -> ReportRow:
    """Return a report of this tenant.

    Raises:
        Refused: ``report_not_found``.
    """
    row = session.get(ReportRow, report_id) if is_id(report_id) else None
    if row is None or row.tenant_id != tenant:
        raise Refused("report_not_found", "Il n’y a pas de tel registre délivré.", action="Vérifiez son identifiant.")
    return row
