"""Commit what a claim did: stage rows, journal entries, deposit and wake-ups, all or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from archive.journal.types import EntryType
from ingestion.deposits import outbox
from ingestion.deposits.states import DepositState, urgency
from ingestion.processing.attempt import storable
from ingestion.processing.claims import Claim
from ingestion.processing.context import RunContext
from ingestion.processing.run import OVER, DepositRun, StageRun, pages_in
from ingestion.stages.registry import KEEP, Step
from ingestion.tables import DepositRow, PageTaskRow, StageRunRow
from signing.ground.errors import Unavailable


def commit(
    context: RunContext,
    claim: Claim,
    run: DepositRun,
    *,
    running: Step | None = None,
    pages: int | None = None,
    in_transaction: Callable[[Session], None] | None = None,
) -> None:
    """Checkpoint and commit the stages that ran.

    Args:
        running: Stage that starts now.
        pages: Number of its pages, if known.
        in_transaction: Writes more in the same transaction; the claim ends with it.
    """
    changed = run.checkpoint(context.store, everything=in_transaction is not None)
    now = context.clock()
    with context.database.write() as session:
        values: dict[str, Any] = {"version": DepositRow.version + 1, "updated_at": now}
        if run.pending:
            values |= {"attempts": 1, "problem": None}
        if in_transaction is not None:
            values |= {"attempts": 0, "lease_owner": None, "lease_until": None, "problem": None}
        claim.touch(session, **values)
        for stage_run in changed:
            session.merge(stage_run.row(claim.deposit_id))
        for stage_run in run.pending:
            _enter(context, session, run.deposit, stage_run)
        if running is not None:
            session.merge(_running(claim.deposit_id, running, now, pages))
        if in_transaction is not None:
            in_transaction(session)
    run.pending.clear()


def note_waiting(context: RunContext, claim: Claim, step: Step, error: Unavailable) -> None:
    """Store why a stage waits, for the deposit's page; the stage stays to be done."""
    reason = {"code": error.code, "text": error.detail, "values": storable(error.values)}
    with suppress(Unavailable), context.database.write() as session:
        row = session.get(StageRunRow, (claim.deposit_id, step.name))
        if row is not None and (row.state in OVER or row.detail == reason):
            return
        now = context.clock()
        claim.touch(session, version=DepositRow.version + 1, updated_at=now)
        if row is None:
            row = _running(claim.deposit_id, step, now, None)
            row.started_at = None
            session.add(row)
        row.state, row.detail = "waiting", reason


def fan_out(
    context: RunContext, claim: Claim, run: DepositRun, running: Step, chunks: Sequence[tuple[int, int]]
) -> None:
    """Commit the stages that ran and one task a chunk; the last task wakes the deposit."""
    pages = pages_in(chunks)
    priority = urgency(run.deposit.priority, pages)

    def in_transaction(session: Session) -> None:
        for first, last in chunks:
            session.add(
                PageTaskRow(
                    deposit_id=claim.deposit_id,
                    first_page=first,
                    last_page=last,
                    state="waiting",
                    lease_owner=None,
                    lease_until=None,
                    fence=0,
                    attempts=0,
                    output=None,
                    detail=None,
                )
            )
            outbox.add(session, outbox.PAGES, f"{claim.deposit_id}:{first}", priority, at=context.clock())

    commit(context, claim, run, running=running, pages=pages, in_transaction=in_transaction)


def commit_pages(context: RunContext, claim: Claim, run: DepositRun, ended: dict[str, Any]) -> None:
    """Commit the result of a chunk; after the last one, wake the deposit."""
    deposit, now = run.deposit, context.clock()
    with context.database.write() as session:
        claim.touch(session, lease_owner=None, lease_until=None, **{"detail": None} | ended)
        session.execute(
            update(DepositRow).where(DepositRow.id == deposit.id).values(version=DepositRow.version + 1, updated_at=now)
        )
        still_open = exists().where(PageTaskRow.deposit_id == deposit.id, PageTaskRow.state.in_(("waiting", "running")))
        if not session.scalar(select(still_open)):
            outbox.add(session, outbox.ADVANCE, deposit.id, urgency(deposit.priority, run.total_pages), at=now)


def enter_kept(session: Session, claim: Claim, record_id: str, started_at: datetime, now: datetime) -> None:
    """Mark the deposit kept and its last stage done, in the transaction of the record."""
    claim.touch(
        session,
        state=DepositState.KEPT,
        record_id=record_id,
        version=DepositRow.version + 1,
        updated_at=now,
        lease_owner=None,
        lease_until=None,
        attempts=0,
        problem=None,
    )
    row = _running(claim.deposit_id, KEEP, started_at, None)
    row.state, row.ended_at = "done", now
    session.merge(row)


def _enter(context: RunContext, session: Session, deposit: DepositRow, stage_run: StageRun) -> None:
    context.ledger.append(
        session,
        type=EntryType.STAGE_FAILED if stage_run.state == "failed" else EntryType.STAGE_COMPLETED,
        tenant=deposit.tenant_id,
        subject=f"deposit:{deposit.id}",
        agent="service:ingestion",
        facts=stage_run.journal_facts(),
    )


def _running(deposit_id: str, step: Step, now: datetime, pages: int | None) -> StageRunRow:
    return StageRunRow(
        deposit_id=deposit_id,
        name=step.name,
        state="running",
        done=0 if pages else None,
        total=pages,
        started_at=now,
        ended_at=None,
        detail=None,
        tool=None,
        tool_version=None,
        parameters=None,
        inputs=None,
        outputs=None,
        facts=None,
        remarks=None,
    )
