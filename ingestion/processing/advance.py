"""Advance a deposit: run the stages not done yet, commit the results, keep the record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session

from ingestion.deposits.states import problem
from ingestion.processing import commits
from ingestion.processing.attempt import attempt
from ingestion.processing.claims import Claim, quarantine
from ingestion.processing.context import RunContext
from ingestion.processing.packaging import pack, verdicts
from ingestion.processing.run import DepositRun, pages_in
from ingestion.processing.workspace import Workspace
from ingestion.stages.port import Detail, PagedStage, Stage, StageResult, is_paged
from ingestion.stages.registry import KEEP, Step
from ingestion.tables import DepositRow
from signing.ground.errors import Unavailable

if TYPE_CHECKING:
    from archive.holdings.keep import Kept

_BREATH: Final = 0.25
"""Seconds of work after which a commit is worth its cost."""


def advance(context: RunContext, claim: Claim) -> None:
    """Advance a claimed deposit as far as possible.

    Raises:
        Unavailable: Something of ours does not answer; the work done before is committed.
        LeaseLost: Another worker took the deposit over.
    """
    with Workspace(context.work, context.store) as workspace:
        with context.database.read() as session:
            run = DepositRun.load(session, claim.deposit_id, workspace)
        _Advance(context, claim, run).to_the_end()


def put_aside(context: RunContext, claim: Claim, reason: dict[str, Any]) -> None:
    """Quarantine a claimed deposit; the claim ends with it."""
    with context.database.write() as session:
        _quarantine(session, context, claim, reason)


def _quarantine(session: Session, context: RunContext, claim: Claim, reason: dict[str, Any]) -> None:
    claim.touch(session, lease_owner=None)
    row = session.get_one(DepositRow, claim.deposit_id)
    quarantine(session, context.ledger, row, context.clock(), reason)


class _Advance:
    """Advance of one claimed deposit."""

    def __init__(self, context: RunContext, claim: Claim, run: DepositRun) -> None:
        self._context = context
        self._claim = claim
        self._run = run
        self._now: Step = KEEP

    def to_the_end(self) -> None:
        """Run all stages, then ``keep``; stop when page tasks continue or the file is infected."""
        try:
            if not self._stages():
                return
        except Unavailable as error:
            if self._run.pending:  # commit what was done, even if something does not answer now
                commits.commit(self._context, self._claim, self._run)
            commits.note_waiting(self._context, self._claim, self._now, error)
            raise
        if self._run.pending:
            commits.commit(self._context, self._claim, self._run, running=KEEP)
        self._keep()

    def _stages(self) -> bool:
        """Run the stages not done yet; False when page tasks continue or the deposit stops here."""
        committed_at = time.monotonic()
        for stage in self._context.stages:
            if self._run.recall(stage):
                continue
            self._now = stage.spec
            if self._run.pending and time.monotonic() - committed_at > _BREATH:
                commits.commit(self._context, self._claim, self._run, running=stage.spec)
                committed_at = time.monotonic()
            if not self._stage(stage):
                return False
            virus = verdicts(self._run.facts)["virus"]
            if virus.get("verdict") == "infected":
                commits.commit(self._context, self._claim, self._run)
                self._put_aside_infected(virus)
                return False
        return True

    def _put_aside_infected(self, virus: dict[str, Any]) -> None:
        """Quarantine the deposit; a record made of it before is told so in the same transaction."""
        if self._run.kept_before is None:
            put_aside(self._context, self._claim, _malware(virus))
            return
        from archive.holdings.complete import note_virus

        deposit, context = self._run.deposit, self._context

        def in_transaction(session: Session) -> None:
            _quarantine(session, context, self._claim, _malware(virus))

        note_virus(context.stores, deposit.tenant_id, self._run.kept_before, virus, deposit.agent, in_transaction)

    def _stage(self, stage: Stage) -> bool:
        """Run one stage; False when page tasks do the rest."""
        if is_paged(stage):
            return self._paged(stage)
        started_at = self._context.clock()
        result = attempt(stage.spec, lambda: stage.run(self._run.given(stage.spec)))
        self._run.add(stage.spec, result, started_at, self._context.clock())
        return True

    def _paged(self, stage: PagedStage) -> bool:
        """Plan chunks of pages, then fan out (False) or recognise the only chunk here.

        After a fan-out, gather the results of its tasks.
        """
        started_at = self._context.clock()
        run, pages = self._run, self._run.total_pages or None
        chunks: Sequence[tuple[int, int]] = ()
        if not run.chunks:
            plan = attempt(stage.spec, lambda: stage.plan(run.given(stage.spec)))
            if isinstance(plan, StageResult):
                run.add(stage.spec, plan, started_at, self._context.clock())
                return True
            if len(plan) > 1:
                commits.fan_out(self._context, self._claim, run, stage.spec, plan)
                return False
            chunks, pages = plan, pages_in(plan)
            if plan:
                commits.commit(self._context, self._claim, run, running=stage.spec, pages=pages)
        result = attempt(stage.spec, lambda: self._gathered(stage, chunks))
        if result.state != "done":
            result = _blame_chunks(run, result)
        run.add(stage.spec, result, started_at, self._context.clock()).pages = pages
        return True

    def _gathered(self, stage: PagedStage, chunks: Sequence[tuple[int, int]]) -> StageResult:
        for first, last in chunks:
            self._run.add_pages(first, stage.run_pages(self._run.given(stage.spec), first, last))
        return stage.run(self._run.given(stage.spec))

    def _keep(self) -> None:
        started_at, run = self._context.clock(), self._run
        tools = [stage_run.tool_run() for stage_run in run.runs.values()]
        package = pack(run.deposit, run.facts, run.files, tools, run.remarks)

        def in_transaction(session: Session, kept: Kept) -> None:
            commits.enter_kept(session, self._claim, kept.record_id, started_at, self._context.clock())

        if run.kept_before:
            from archive.holdings.complete import complete

            complete(self._context.stores, package, run.deposit.agent, in_transaction)
        else:
            from archive.holdings.keep import keep

            keep(self._context.stores, package, in_transaction)


def _blame_chunks(run: DepositRun, result: StageResult) -> StageResult:
    """Fail the stage if one of its chunks failed, and name the pages of the first such chunk."""
    broken = next((chunk for chunk in run.chunks if chunk.state == "failed"), None)
    if broken is None:
        return result
    values = {"first": broken.first_page, "last": broken.last_page}
    detail = Detail("pages_failed", "Les pages {first} à {last} n’ont pas pu être lues.", values)
    return replace(result, state="failed", detail=detail)


def _malware(virus: dict[str, Any]) -> dict[str, Any]:
    return problem(
        "malware",
        "Un logiciel malveillant a été trouvé dans ce fichier : {name}.",
        action="Le fichier n’est servi à personne. Prévenez le producteur ; un archiviste décide.",
        values={"name": virus.get("detail") or "?"},
    )
