"""Receipts of deposits, signed on request: the same facts always give the same signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.views.history import name_of
from api.views.receipt_pdf import PrintedPage, receipt_pdf
from ingestion.deposits.queries import find
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
    with system.database.read() as session:
        find(session, tenant, deposit_id)
    return Receipts(system.stores, system.log_key).of(tenant, deposit_id)


def printed_page(system: System, tenant: str, deposit_id: str, *, public_url: str, language: str) -> PrintedPage:
    """Return what the page of a receipt says beside it: title, depositor, address.

    Raises:
        Refused: ``deposit_not_found``.
    """
    with system.database.read() as session:
        row = find(session, tenant, deposit_id)
        title, depositor = row.fields.get("title") or None, name_of(session, row.agent)
    return PrintedPage(language, title, depositor, public_url, system.signer.probative)


def printed_receipt(system: System, tenant: str, deposit_id: str, *, public_url: str, language: str) -> bytes:
    """Return the receipt as one PDF/A page.

    Raises:
        Refused: ``deposit_not_found``.
        Corrupt: ``journal_contradicts``.
    """
    signed = receipt_json(system, tenant, deposit_id)
    page = printed_page(system, tenant, deposit_id, public_url=public_url, language=language)
    return receipt_pdf(signed, page)
