"""Receipts of deposits, signed on request: the same facts always give the same signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.views.record import checkpoint_over
from archive.database.tables import TenantRow
from archive.journal.receipts import receipt_note
from ingestion.deposits.queries import find

if TYPE_CHECKING:
    from ingestion.assembly import System


def receipt_json(system: System, tenant: str, deposit_id: str) -> dict[str, Any]:
    """Return the signed receipt, with the state of its journal entry.

    The state is ``published`` once a checkpoint covers the entry, else ``sequenced``.

    Raises:
        Refused: ``deposit_not_found``, also for a deposit of another tenant.
    """
    with system.database.read() as session:
        row = find(session, tenant, deposit_id)
        owner = session.get_one(TenantRow, tenant)
        published = checkpoint_over(session, row.entry) is not None
    signed = receipt_note(
        system.log_key,
        deposit=row.id,
        tenant_name=owner.name,
        filename=row.filename,
        size=row.size,
        sha256=row.sha256,
        sha512=row.sha512,
        received_at=row.received_at,
        entry=row.entry,
        leaf=row.leaf_hash,
    )
    return signed | {"state": "published" if published else "sequenced"}
