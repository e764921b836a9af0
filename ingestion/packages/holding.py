"""Holds that a transfer brings, placed on the records that were made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import HoldRow
from archive.disposition.holds.decisions import Holds
from archive.disposition.holds.terms import LONGEST_NAME, LONGEST_REASON, Terms
from archive.exchange.seda.ours import TransferHold
from archive.model.days import Today
from signing.ground.canonical import canonical


def due_holds(
    session: Session, tenant: str, reference: str, holds: Mapping[TransferHold, Sequence[str]], today: Today
) -> list[tuple[TransferHold, Sequence[str], Terms]]:
    """Return the holds that are in force and not placed yet, with their records and terms.

    Args:
        reference: Number of the transfer; with the hold it tells one from the other.
    """
    due = []
    for hold, records in holds.items():
        told = canonical([hold.rule, hold.until.isoformat() if hold.until else None, hold.reason, hold.owner])
        named = f"{reference} {hold.rule[:100]} {hashlib.sha256(told).hexdigest()[:12]}"
        row = HoldRow
        placed = session.scalar(select(row.id).where(row.tenant_id == tenant, row.reference == named).limit(1))
        if placed is not None or not records or (hold.until is not None and hold.until < today.day):
            continue
        review_on = hold.review_on if hold.review_on is not None and hold.review_on >= today.day else None
        owner = hold.owner[:LONGEST_NAME] if hold.owner else None
        terms = Terms(hold.until, reference=named, owner=owner, review_on=review_on, forbids_move=hold.forbids_move)
        due.append((hold, records, terms))
    return due


def place_holds(
    holds: Holds, tenant: str, agent: str, due: Sequence[tuple[TransferHold, Sequence[str], Terms]]
) -> None:
    """Place holds.

    Raises:
        Unavailable: ``hold_contended``.
    """
    for hold, records, terms in due:
        reason = (hold.reason or hold.rule)[:LONGEST_REASON]
        holds.place(tenant, list(records), reason=reason, agent=agent, terms=terms)
