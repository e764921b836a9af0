"""Receipts of deposits, signed on request: the same facts always give the same signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingestion.reception.receipts import Receipts

if TYPE_CHECKING:
    from ingestion.assembly import System


def receipt_json(system: System, tenant: str, deposit_id: str) -> dict[str, Any]:
    """Return the signed receipt, with the state of its journal entry and what checks it.

    The state is ``published`` once a checkpoint covers the entry, else ``sequenced``.

    Raises:
        Refused: ``deposit_not_found``, also for a deposit of another tenant.
        Corrupt: ``journal_contradicts``.
    """
    return Receipts(system.stores, system.log_key).of(tenant, deposit_id)
