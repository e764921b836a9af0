"""Retry a quarantined deposit, or the stages that failed, when an archivist asks for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from ingestion.deposits import outbox
from ingestion.deposits.queries import find, set_aside
from ingestion.deposits.states import STAGING_HOURS, DepositState
from ingestion.stages.registry import SCREEN, STEP_NAMES
from ingestion.tables import DepositRow, PageTaskRow, StageRunRow
from signing.ground.clock import Clock
from signing.ground.errors import Refused

ALWAYS_AGAIN: Final = SCREEN.name
"""Stage that runs again first for a quarantined file, as virus signatures may be newer."""


def retry(
    database: Database,
    ledger: Ledger,
    clock: Clock,
    notify: Callable[[], None],
    tenant: str,
    deposit_id: str,
    agent: str,
) -> DepositRow:
    """Run failed stages again, and all that depended on them.

    Raises:
        Refused: ``deposit_not_found``; ``nothing_to_retry``.
    """
    with database.write() as session:
        row = find(session, tenant, deposit_id)
        runs = {
            run.name: run.state
            for run in session.scalars(select(StageRunRow).where(StageRunRow.deposit_id == deposit_id))
        }
        failed = [name for name in STEP_NAMES if runs.get(name) == "failed"]
        if row.state != DepositState.QUARANTINED and not (row.state == DepositState.KEPT and failed):
            raise Refused(
                "nothing_to_retry",
                "Il n’y a rien à relancer : aucune étape de ce dépôt n’a échoué.",
                action="Consultez le dépôt pour suivre ses étapes.",
            )
        now = clock()
        again = _again(row.state, runs, failed)
        if row.state == DepositState.KEPT and now - row.updated_at > timedelta(hours=STAGING_HOURS - 1):
            again = list(STEP_NAMES)  # staging is or soon will be empty: start again from the record's original
            session.execute(delete(PageTaskRow).where(PageTaskRow.deposit_id == deposit_id))
        session.execute(delete(StageRunRow).where(StageRunRow.deposit_id == deposit_id, StageRunRow.name.in_(again)))
        row.state = DepositState.WORKING
        row.problem = None
        row.attempts = 0
        row.fence += 1
        row.lease_owner = row.lease_until = None
        row.version += 1
        row.updated_at = now
        ledger.append(
            session,
            type=EntryType.DEPOSIT_RETRIED,
            tenant=tenant,
            subject=f"deposit:{deposit_id}",
            agent=agent,
            facts={"stages": again},
        )
        if not _reopen_pages(session, row):
            outbox.add(session, outbox.ADVANCE, deposit_id, row.priority, at=now)
    notify()
    return row


def retry_set_aside(database: Database, tenant: str, reason: str, again: Callable[[str], object]) -> list[str]:
    """Retry all of a tenant's deposits that were quarantined for this reason; return their ids.

    Args:
        again: Retries one of them.

    Raises:
        Refused: ``nothing_to_retry``.
    """
    with database.read() as session:
        known = set_aside(session, tenant)
    if not known.get(reason):
        raise Refused(
            "nothing_to_retry",
            "Aucun dépôt n’est mis à part pour « {reason} ».",
            action="Motifs présents : {known}.",
            reason=reason,
            known=", ".join(sorted(known)) or "aucun",
        )
    done = []
    for deposit_id in known[reason]:
        with suppress(Refused):  # somebody else decided meanwhile
            again(deposit_id)
            done.append(deposit_id)
    return done


def _again(state: str, runs: dict[str, str], failed: list[str]) -> list[str]:
    """Return the stages to run again.

    These are the first that failed and all after it, interrupted ones, and the screening of a
    quarantined deposit.
    """
    first = STEP_NAMES.index(failed[0]) if failed else len(STEP_NAMES)
    again = [
        name
        for position, name in enumerate(STEP_NAMES)
        if name in runs and (position >= first or runs[name] in {"running", "waiting"})
    ]
    if state == DepositState.QUARANTINED and ALWAYS_AGAIN in runs and ALWAYS_AGAIN not in again:
        again.insert(0, ALWAYS_AGAIN)
    return again


def _reopen_pages(session: Session, row: DepositRow) -> bool:
    """Reset the page tasks that are not done; False if there are none."""
    tasks = session.scalars(
        select(PageTaskRow).where(PageTaskRow.deposit_id == row.id, PageTaskRow.state != "done")
    ).all()
    session.execute(
        update(PageTaskRow)
        .where(PageTaskRow.deposit_id == row.id, PageTaskRow.state != "done")
        .values(
            state="waiting",
            attempts=0,
            lease_owner=None,
            lease_until=None,
            fence=PageTaskRow.fence + 1,
            detail=None,
        )
    )
    for task in tasks:
        outbox.add(session, outbox.PAGES, f"{row.id}:{task.first_page}", row.priority, at=row.updated_at)
    return bool(tasks)
