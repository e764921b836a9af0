"""Recognise one chunk of a deposit's pages: a task of its own, with a claim of its own."""

from __future__ import annotations

from typing import Any

from ingestion.processing import commits
from ingestion.processing.attempt import attempt
from ingestion.processing.claims import Claim
from ingestion.processing.context import RunContext
from ingestion.processing.run import DepositRun
from ingestion.processing.workspace import Workspace
from ingestion.stages.port import PagedStage, StageResult, is_paged


def recognise_pages(context: RunContext, claim: Claim, first: int) -> None:
    """Recognise the claimed chunk that begins at this page and commit the result.

    Raises:
        Unavailable: Something of ours does not answer; nothing was committed.
        LeaseLost: Another worker took the chunk over.
    """
    with Workspace(context.work, context.store, shared=True) as workspace:
        with context.database.read() as session:
            run = DepositRun.load(session, claim.deposit_id, workspace)
        stage = _paged_stage(context, run)
        last = next(chunk.last_page for chunk in run.chunks if chunk.first_page == first)
        made = attempt(stage.spec, lambda: stage.run_pages(run.given(stage.spec), first, last))
        if isinstance(made, StageResult):
            detail = made.detail.as_json() if made.detail else None
            ended: dict[str, Any] = {"state": "failed", "detail": detail}
        else:
            ended = {"state": "done", "output": run.put_pages(context.store, stage.spec, made).as_json()}
        commits.commit_pages(context, claim, run, ended)


def _paged_stage(context: RunContext, run: DepositRun) -> PagedStage:
    """Return the paged stage, after recalling the results of the stages before it."""
    for stage in context.stages:
        if is_paged(stage):
            return stage
        run.recall(stage)
    raise LookupError("no stage is cut into pages")
