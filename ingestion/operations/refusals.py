"""Deposits set aside or refused before a database was lost, as the journal alone tells of them."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import JournalEntryRow
from archive.journal.effects import RebuildEffect
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType, rebuilding
from archive.retention.civil import civil_day, zone_of
from ingestion.deposits.states import DepositState, problem
from ingestion.processing.quarantine_decisions import LEAVING, REFUSED, refused_again
from ingestion.tables import DepositRow

_DECIDES: Final = rebuilding(RebuildEffect.QUARANTINE, RebuildEffect.RETRY, RebuildEffect.REFUSE)
"""Types of entries of which the last decides whether a deposit waits for an archivist."""


def state_of(aside: dict[str, Any] | None) -> DepositState:
    """Return the state of a deposit with this reason to be set aside, or none."""
    if aside is None:
        return DepositState.RECEIVED
    return DepositState.REFUSED if aside["code"] in {REFUSED, LEAVING} else DepositState.QUARANTINED


def is_leaving(session: Session, tenant: str, deposit_id: str, now: datetime) -> bool:
    """Whether a deposit without bytes was refused, and its days are over: they were destroyed.

    The next run destroys what is left and says so in the journal.
    """
    aside = aside_of(session, deposit_id)
    if aside is None or aside["code"] != REFUSED:
        return False
    until = date.fromisoformat(aside["values"]["until"])
    return civil_day(now, zone_of(session, tenant)) > until


def aside_of(session: Session, deposit_id: str) -> dict[str, Any] | None:
    """Return the reason of a present quarantine or refusal, as the journal has it; None if none."""
    query = select(JournalEntryRow.type, JournalEntryRow.body).where(
        JournalEntryRow.subject == f"deposit:{deposit_id}",
        JournalEntryRow.type.in_(_DECIDES),
    )
    last = session.execute(query.order_by(JournalEntryRow.n.desc()).limit(1)).first()
    if last is not None and last.type == EntryType.DEPOSIT_REFUSED:
        return refused_again(json.loads(last.body)["facts"])
    if last is None or last.type != EntryType.DEPOSIT_QUARANTINED:
        return None
    return problem(
        str(json.loads(last.body)["facts"].get("reason", "quarantined")),
        "Mis à l’écart avant la perte de la base ; le détail n’est plus connu.",
        action="Relancez ce dépôt ou gardez-le à l’écart : un archiviste décide.",
    )


def enter_destroyed(session: Session, ledger: Ledger, now: datetime) -> list[str]:
    """Enter the destruction of refused bytes of which nothing is left, as was decided.

    The power went after the statement beside them had gone too, and before the entry.

    Returns:
        Subjects of those that went before their days were over: they are missed.
    """
    missed = []
    ended = select(JournalEntryRow.subject).where(JournalEntryRow.type == EntryType.DEPOSIT_DESTROYED)
    refused = select(JournalEntryRow.subject, JournalEntryRow.tenant_id).where(
        JournalEntryRow.type == EntryType.DEPOSIT_REFUSED, JournalEntryRow.subject.not_in(ended)
    )
    for subject, tenant in session.execute(refused.distinct()).all():
        deposit_id = subject.partition(":")[2]
        aside = aside_of(session, deposit_id)
        if session.get(DepositRow, deposit_id) is not None or aside is None or aside["code"] != REFUSED:
            continue
        if tenant is None or not is_leaving(session, tenant, deposit_id, now):
            missed.append(subject)
            continue
        ledger.append(
            session,
            type=EntryType.DEPOSIT_DESTROYED,
            tenant=tenant,
            subject=subject,
            agent=None,
            facts={"reason": aside["values"]["was"]},
        )
    return missed
