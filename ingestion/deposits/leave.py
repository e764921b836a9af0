"""Leave nothing of a deposit but its identity, once its record is destroyed."""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from archive.database.seda_tables import SedaPartRow, SedaUnitRow
from archive.objects.erase import Erased, erase
from archive.objects.layout import DepositFolder
from archive.objects.port import ObjectStore
from ingestion.tables import DepositRow, PageTaskRow, StageRunRow


def page_images(home: Path, record_id: str) -> Path:
    """Return the folder of this machine with the images of a record's pages that were asked for."""
    return home / "cache" / "page-images" / record_id


def drop_page_images(home: Path, record_id: str) -> None:
    """Remove the images of a record's pages from this machine.

    Those of an earlier version, whose names don't tell their record, go with them.
    """
    shutil.rmtree(page_images(home, record_id), ignore_errors=True)
    shutil.rmtree(home / "cache" / "pages", ignore_errors=True)


def leave_deposit(home: Path, session: Session, record_id: str, deposit_id: str) -> None:
    """Empty what the rows of a deposit say of its document, and drop the images of its pages."""
    drop_page_images(home, record_id)
    row = session.scalars(select(DepositRow).where(DepositRow.id == deposit_id)).first()
    for table in (StageRunRow, PageTaskRow):
        session.execute(delete(table).where(table.deposit_id == deposit_id))
    if row is not None:
        row.filename, row.fields, row.agreed, row.salts, row.problem = "", {}, None, None, None
    unit, part = SedaUnitRow, SedaPartRow
    its = exists().where(
        part.deposit_id == deposit_id, part.transfer_id == unit.transfer_id, part.unit == unit.position
    )
    of_it = select(part.transfer_id).where(part.deposit_id == deposit_id)
    session.execute(update(unit).where(unit.transfer_id.in_(of_it), unit.node.is_(False), its).values(title=""))


def sweep_staging(store: ObjectStore, tenant: str, deposit_id: str) -> Erased:
    """Erase what is left of a deposit in staging.

    Raises:
        Unavailable: The store did not answer.
    """
    return erase(store, DepositFolder(tenant, deposit_id).prefix)
