"""Leave nothing of a deposit but its identity, once its record is destroyed."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.objects.erase import Erased, erase
from archive.objects.layout import DepositFolder
from archive.objects.port import ObjectStore
from ingestion.tables import DepositRow, PageTaskRow, StageRunRow


def leave_deposit(session: Session, _record_id: str, deposit_id: str) -> None:
    """Empty what the rows of a deposit say of its document: names, fields, stages."""
    row = session.scalars(select(DepositRow).where(DepositRow.id == deposit_id)).first()
    for table in (StageRunRow, PageTaskRow):
        session.execute(delete(table).where(table.deposit_id == deposit_id))
    if row is not None:
        row.filename, row.fields, row.agreed, row.salts, row.problem = "", {}, None, None, None


def sweep_staging(store: ObjectStore, tenant: str, deposit_id: str) -> Erased:
    """Erase what is left of a deposit in staging.

    Raises:
        Unavailable: The store did not answer.
    """
    return erase(store, DepositFolder(tenant, deposit_id).prefix)
