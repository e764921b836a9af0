"""Turns a deposit into a record, stage by stage; the one place that does the stages' reading and writing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import structlog
from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.journal.sequencer import Ledger
from archive.objects.port import ObjectStore
from ingestion.deposits import outbox
from ingestion.deposits.states import DepositState, problem, urgency
from ingestion.processing.claims import Claim, Heartbeat, LeaseLost, claim_deposit, claim_pages, quarantine, release
from ingestion.processing.leases import this_worker
from ingestion.processing.packaging import pack
from ingestion.processing.run import DepositRun, StageRun
from ingestion.processing.workspace import MissingFile, Workspace
from ingestion.stages.port import Detail, PagedStage, Stage, StageResult
from ingestion.tables import DepositRow, PageTaskRow, StageRunRow
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt, Refused, Unavailable

if TYPE_CHECKING:
    from archive.holdings.holdings import Holdings, Kept

log = structlog.get_logger(__name__)

_BREATH: Final = 0.25
"""Seconds of work worth a commit: fewer would cost more than they save."""

_REST: Final = 5.0
"""Seconds before another try after an unforeseen error."""

T = TypeVar("T")


class Runner:
    """Advances deposits. One a worker; safe to call with any id at any time.

    Args:
        stages: In order, up to ``keep``.
        work: Folder of workspaces.
        notify: Called after each commit that leaves something to send or to follow.
        owner: Names the worker that takes.
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        store: ObjectStore,
        holdings: Holdings,
        stages: Sequence[Stage],
        work: Path,
        clock: Clock,
        *,
        notify: Callable[[], None] = lambda: None,
        owner: Callable[[], str] = this_worker,
    ) -> None:
        self._owner = owner
        self._database = database
        self._ledger = ledger
        self._store = store
        self._holdings = holdings
        self._stages = stages
        self._work = work
        self._clock = clock
        self._notify = notify

    def advance(self, deposit_id: str) -> bool:
        """Take the deposit and go as far as possible; False if there was nothing to take."""
        claim = claim_deposit(self._database, self._ledger, deposit_id, self._owner(), self._clock)
        if claim is None:
            return False
        self._guarded(claim, lambda: self._advance(claim))
        return True

    def pages(self, deposit_id: str, first: int) -> bool:
        """Take one chunk of pages and recognise it; False if there was nothing to take."""
        claim = claim_pages(self._database, self._ledger, deposit_id, first, self._owner(), self._clock)
        if claim is None:
            return False
        self._guarded(claim, lambda: self._recognise(claim, first))
        return True

    # -- one take

    def _guarded(self, claim: Claim, work: Callable[[], None]) -> None:
        """Run the work of a take and settle how it ended."""
        bound = log.bind(deposit_id=claim.deposit_id, first_page=claim.first_page, fence=claim.fence)
        try:
            with Heartbeat(self._database, claim, self._clock):
                work()
        except LeaseLost:
            bound.warning("take_lost")
        except Unavailable as error:
            bound.warning("take_postponed", code=error.code)
            self._settle(claim, after=error.retry_after, counts=False)
        except Corrupt as error:
            bound.error("take_corrupt", code=error.code)
            self._quarantine(claim, problem(error.code, error.detail, action=error.action, values=_plain(error.values)))
        except Exception:
            bound.exception("take_failed")
            self._settle(claim, after=_REST, counts=True)
        self._notify()

    def _settle(self, claim: Claim, *, after: float, counts: bool) -> None:
        try:
            with self._database.write() as session:
                release(session, claim, self._clock(), after=after, counts=counts)
        except (LeaseLost, Unavailable):
            log.warning("take_not_given_back", deposit_id=claim.deposit_id)  # the lease will run out

    def _quarantine(self, claim: Claim, reason: dict[str, Any]) -> None:
        with self._database.write() as session:
            claim.touch(session, lease_owner=None)
            row = session.get_one(DepositRow, claim.deposit_id)
            quarantine(session, self._ledger, row, self._clock(), reason)

    def _advance(self, claim: Claim) -> None:
        with Workspace(self._work, self._store) as workspace:
            with self._database.read() as session:
                run = DepositRun.load(session, claim.deposit_id, workspace)
            try:
                if not self._run_stages(claim, run):
                    return
            except Unavailable:
                if run.pending:  # what was done is done, whatever is away
                    self._commit(claim, run)
                raise
            if run.pending:
                self._commit(claim, run, running="keep")
            self._keep(claim, run)

    def _run_stages(self, claim: Claim, run: DepositRun) -> bool:
        """Run what is not done yet; False when the deposit goes on elsewhere or not at all."""
        committed_at = time.monotonic()
        for stage in self._stages:
            if run.recall(stage.name, stage.run):
                continue
            if run.pending and time.monotonic() - committed_at > _BREATH:
                self._commit(claim, run, running=stage.name)
                committed_at = time.monotonic()
            if not self._run_stage(claim, run, stage):
                return False
            if _infected(run):
                self._commit(claim, run)
                self._quarantine(claim, _malware(run))
                return False
        return True

    def _run_stage(self, claim: Claim, run: DepositRun, stage: Stage) -> bool:
        """Run one stage; False when the rest is up to page tasks."""
        started_at = self._clock()
        pages: int | None = None
        chunks: Sequence[tuple[int, int]] = ()
        if is_paged(stage) and not run.chunks:
            plan = self._attempt(stage.name, lambda: cast("PagedStage", stage).plan(run.given(stage.name)))
            if isinstance(plan, StageResult):
                run.add(stage.name, plan, started_at, self._clock())
                return True
            chunks = plan
            pages = sum(last - first + 1 for first, last in chunks)
            if len(plan) > 1:
                self._fan_out(claim, run, stage.name, plan)
                return False
            if plan:
                self._commit(claim, run, running=stage.name, pages=pages)
        result = self._attempt(stage.name, lambda: self._result(run, stage, chunks))
        if is_paged(stage) and result.state != "done":
            result = _blame_chunks(run, result)
        stage_run = run.add(stage.name, result, started_at, self._clock())
        stage_run.pages = pages if pages is not None else _chunk_pages(run, stage)
        return True

    def _result(self, run: DepositRun, stage: Stage, plan: Sequence[tuple[int, int]]) -> StageResult:
        for first, last in plan:
            path = cast("PagedStage", stage).run_pages(run.given(stage.name), first, last)
            run.add_pages(first, path)
        return stage.run(run.given(stage.name))

    def _attempt(self, name: str, call: Callable[[], T]) -> T | StageResult:
        """What the call says, or how it failed: a document is never lost to a stage that broke."""
        try:
            return call()
        except MissingFile as error:
            detail = Detail(
                "input_missing", "Une étape précédente n’a pas produit « {file} ».", {"file": error.args[0]}
            )
            return StageResult("skipped", detail=detail)
        except Refused as error:
            return StageResult("failed", detail=Detail(error.code, error.detail, _plain(error.values)))
        except (Unavailable, Corrupt, LeaseLost):
            raise
        except Exception:
            log.exception("stage_broke", stage=name)
            detail = Detail("stage_broke", "Cette étape s’est arrêtée sur une erreur imprévue.")
            return StageResult("failed", detail=detail)

    # -- commits

    def _commit(
        self,
        claim: Claim,
        run: DepositRun,
        *,
        running: str | None = None,
        pages: int | None = None,
        in_transaction: Callable[[Session], None] | None = None,
    ) -> None:
        """Checkpoint and commit what ran: stage rows, journal entries and the deposit together.

        Args:
            running: The stage that starts now.
            pages: Its pages, if known.
            in_transaction: More to write in the same transaction; the take ends with it.
        """
        changed = run.checkpoint(self._store, everything=in_transaction is not None)
        now = self._clock()
        with self._database.write() as session:
            values: dict[str, Any] = {"version": DepositRow.version + 1, "updated_at": now}
            if run.pending:
                values["attempts"] = 1
            if in_transaction is not None:
                values |= {"attempts": 0, "lease_owner": None, "lease_until": None}
            claim.touch(session, **values)
            for stage_run in changed:
                session.merge(stage_run.row(claim.deposit_id))
            for stage_run in run.pending:
                self._enter(session, run.deposit, stage_run)
            if running is not None:
                session.merge(_running(claim.deposit_id, running, now, pages))
            if in_transaction is not None:
                in_transaction(session)
        run.pending.clear()

    def _enter(self, session: Session, deposit: DepositRow, stage_run: StageRun) -> None:
        self._ledger.append(
            session,
            type="StageFailed" if stage_run.state == "failed" else "StageCompleted",
            tenant=deposit.tenant_id,
            subject=f"deposit:{deposit.id}",
            agent="service:ingestion",
            facts=stage_run.journal_facts(),
        )

    def _fan_out(self, claim: Claim, run: DepositRun, stage: str, plan: Sequence[tuple[int, int]]) -> None:
        pages = sum(last - first + 1 for first, last in plan)
        priority = urgency(run.deposit.priority, pages)

        def in_transaction(session: Session) -> None:
            for first, last in plan:
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
                outbox.add(session, outbox.PAGES, f"{claim.deposit_id}:{first}", priority, at=self._clock())

        self._commit(claim, run, running=stage, pages=pages, in_transaction=in_transaction)

    def _recognise(self, claim: Claim, first: int) -> None:
        with Workspace(self._work, self._store, shared=True) as workspace:
            with self._database.read() as session:
                run = DepositRun.load(session, claim.deposit_id, workspace)
            for stage in self._stages:
                if is_paged(stage):
                    break
                run.recall(stage.name, stage.run)
            last = next(chunk.last_page for chunk in run.chunks if chunk.first_page == first)
            made = self._attempt(
                stage.name,
                lambda: cast("PagedStage", stage).run_pages(run.given(stage.name), first, last),
            )
            if isinstance(made, StageResult):
                detail = made.detail.as_json() if made.detail else None
                ended: dict[str, Any] = {"state": "failed", "detail": detail}
            else:
                ended = {"state": "done", "output": run.put_pages(self._store, made).as_json()}
            pages = sum(chunk.last_page - chunk.first_page + 1 for chunk in run.chunks)
            self._commit_pages(claim, run.deposit, ended, pages)

    def _commit_pages(self, claim: Claim, deposit: DepositRow, ended: dict[str, Any], pages: int) -> None:
        now = self._clock()
        with self._database.write() as session:
            claim.touch(session, lease_owner=None, lease_until=None, **ended)
            session.execute(
                update(DepositRow)
                .where(DepositRow.id == deposit.id)
                .values(version=DepositRow.version + 1, updated_at=now)
            )
            still_open = exists().where(
                PageTaskRow.deposit_id == deposit.id, PageTaskRow.state.in_(("waiting", "running"))
            )
            if not session.scalar(select(still_open)):
                outbox.add(session, outbox.ADVANCE, deposit.id, urgency(deposit.priority, pages), at=now)

    def _keep(self, claim: Claim, run: DepositRun) -> None:
        started_at = self._clock()
        package = pack(
            run.deposit,
            run.facts,
            run.files,
            [stage_run.tool_run() for stage_run in run.runs.values()],
            run.remarks,
        )

        def in_transaction(session: Session, kept: Kept) -> None:
            now = self._clock()
            claim.touch(
                session,
                state=DepositState.KEPT,
                record_id=kept.record_id,
                version=DepositRow.version + 1,
                updated_at=now,
                lease_owner=None,
                lease_until=None,
                attempts=0,
                problem=None,
            )
            row = _running(claim.deposit_id, "keep", started_at, None)
            row.state, row.ended_at = "done", now
            session.merge(row)

        if run.kept_before:
            from archive.holdings.complete import complete

            complete(self._holdings, package, run.deposit.agent, in_transaction)
        else:
            self._holdings.keep(package, in_transaction)


def is_paged(stage: Stage) -> bool:
    """Whether the stage's work is done by page tasks."""
    return hasattr(stage, "plan")


def _running(deposit_id: str, name: str, now: Any, pages: int | None) -> StageRunRow:
    return StageRunRow(
        deposit_id=deposit_id,
        name=name,
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


def _chunk_pages(run: DepositRun, stage: Stage) -> int | None:
    if not is_paged(stage) or not run.chunks:
        return None
    return sum(chunk.last_page - chunk.first_page + 1 for chunk in run.chunks)


def _blame_chunks(run: DepositRun, result: StageResult) -> StageResult:
    """A chunk that failed is why the whole is not there."""
    broken = next((chunk for chunk in run.chunks if chunk.state == "failed"), None)
    if broken is None:
        return result
    values = {"first": broken.first_page, "last": broken.last_page}
    detail = Detail("pages_failed", "Les pages {first} à {last} n’ont pas pu être lues.", values)
    return replace(result, state="failed", detail=detail)


def _infected(run: DepositRun) -> bool:
    virus = run.facts.get("screen", {}).get("virus") or {}
    return bool(virus.get("verdict") == "infected")


def _malware(run: DepositRun) -> dict[str, Any]:
    return problem(
        "malware",
        "Un logiciel malveillant a été trouvé dans ce fichier : {name}.",
        action="Le fichier n’est servi à personne. Prévenez le producteur ; un archiviste décide.",
        values={"name": run.facts["screen"]["virus"].get("detail") or "?"},
    )


def _plain(values: dict[str, object]) -> dict[str, Any]:
    return {name: value if isinstance(value, str | int) else str(value) for name, value in values.items()}
