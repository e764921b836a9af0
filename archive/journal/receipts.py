"""Receipts: proof that we received these bytes (docs/formats.md, section 3). Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from signing.ground.canonical import canonical
from signing.ground.clock import stamp
from signing.note import LogKey


def receipt_note(
    log_key: LogKey,
    *,
    deposit: str,
    tenant_name: str,
    filename: str,
    size: int,
    sha256: str,
    sha512: str,
    received_at: datetime,
    entry: int,
    leaf: str,
) -> dict[str, Any]:
    """Make the signed receipt of a deposit.

    The same facts give the same bytes at any time (Ed25519 is deterministic), so the receipt need
    not be stored.

    Args:
        entry: Number of the journal entry ``DepositReceived``.
        leaf: Its leaf hash, hex.

    Returns:
        ``{"receipt": {…}, "note": "…"}`` as served.
    """
    receipt = {
        "v": 1,
        "type": "receipt",
        "deposit": deposit,
        "tenant_name": tenant_name,
        "filename": filename,
        "size": size,
        "sha-256": sha256,
        "sha-512": sha512,
        "received_at": stamp(received_at),
        "entry": entry,
        "leaf": leaf,
    }
    return {"receipt": receipt, "note": log_key.sign_note(canonical(receipt).decode() + "\n")}
