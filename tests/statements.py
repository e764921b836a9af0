"""Statements of an archivist, made for tests without the door that would judge them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from archive.catalogue import filing_plan, statements
from archive.journal.types import EntryType
from archive.model.statement_kinds import StatementKind
from ingestion.assembly import System

_TYPES = {
    StatementKind.NODE: EntryType.PLAN_NODE_STATED,
    StatementKind.EVENT: EntryType.RETENTION_EVENT_STATED,
    StatementKind.TRANSFER: EntryType.TRANSFER_STATED,
    StatementKind.DELIVERY: EntryType.DELIVERY_STATED,
    StatementKind.CERTIFICATE: EntryType.CERTIFICATE_ISSUED,
    StatementKind.SCAN: EntryType.DISPOSAL_STATED,
    StatementKind.OPINION: EntryType.DISPOSAL_STATED,
}


def state(
    session: Session,
    system: System,
    subject: str,
    body: Mapping[str, Any],
    *,
    kind: StatementKind = StatementKind.NODE,
    expected: int = 0,
) -> None:
    """State a node of demo's plan, or an event, whole; its rows follow.

    Args:
        expected: Number of the statement before.
    """
    begun = "stated" if kind is StatementKind.EVENT else "created"
    made, entry = statements.state(
        session,
        system.ledger,
        tenant="demo",
        kind=kind,
        subject=subject,
        expected=expected,
        change="changed" if expected else begun,
        body=dict(body),
        entry_type=_TYPES[kind],
        agent="user:1",
        now=system.clock(),
    )
    filing_plan.project(session, made, entry)
