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
from ingestion.processing.claims import Heartbeat, Lost, Take, give_back, set_aside, take_deposit, take_pages
from ingestion.processing.leases import this_worker
from ingestion.processing.packaging import pack
from ingestion.processing.run import Journey, Ran
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
        ring: Called after each commit that leaves something to send or to follow.
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
        ring: Callable[[], None] = lambda: None,
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
        self._ring = ring

    def advance(self, deposit_id: str) -> bool:
        """Take the deposit and go as far as possible; False if there was nothing to take."""
        take = take_deposit(self._database, self._ledger, deposit_id, self._owner(), self._clock)
        if take is None:
            return False
        self._guarded(take, lambda: self._advance(take))
        return True

    def pages(self, deposit_id: str, first: int) -> bool:
        """Take one chunk of pages and recognise it; False if there was nothing to take."""
        take = take_pages(self._database, self._ledger, deposit_id, first, self._owner(), self._clock)
        if take is None:
            return False
        self._guarded(take, lambda: self._recognise(take, first))
        return True

    # -- one take

    def _guarded(self, take: Take, work: Callable[[], None]) -> None:
        """Run the work of a take and settle how it ended."""
        bound = log.bind(deposit_id=take.deposit_id, first_page=take.first_page, fence=take.fence)
        try:
            with Heartbeat(self._database, take, self._clock):
                work()
        except Lost:
            bound.warning("take_lost")
        except Unavailable as error:
            bound.warning("take_postponed", code=error.code)
            self._settle(take, after=error.retry_after, counts=False)
        except Corrupt as error:
            bound.error("take_corrupt", code=error.code)
            self._quarantine(take, problem(error.code, error.detail, action=error.action, values=_plain(error.values)))
        except Exception:
            bound.exception("take_failed")
            self._settle(take, after=_REST, counts=True)
        self._ring()

    def _settle(self, take: Take, *, after: float, counts: bool) -> None:
        try:
            with self._database.write() as session:
                give_back(session, take, self._clock(), after=after, counts=counts)
        except (Lost, Unavailable):
            log.warning("take_not_given_back", deposit_id=take.deposit_id)  # the lease will run out

    def _quarantine(self, take: Take, reason: dict[str, Any]) -> None:
        with self._database.write() as session:
            take.touch(session, lease_owner=None)
            row = session.get_one(DepositRow, take.deposit_id)
            set_aside(session, self._ledger, row, self._clock(), reason)

    def _advance(self, take: Take) -> None:
        with Workspace(self._work, self._store) as workspace:
            with self._database.read() as session:
                journey = Journey.load(session, take.deposit_id, workspace)
            try:
                if not self._run_stages(take, journey):
                    return
            except Unavailable:
                if journey.pending:  # what was done is done, whatever is away
                    self._commit(take, journey)
                raise
            if journey.pending:
                self._commit(take, journey, running="keep")
            self._keep(take, journey)

    def _run_stages(self, take: Take, journey: Journey) -> bool:
        """Run what is not done yet; False when the deposit goes on elsewhere or not at all."""
        committed_at = time.monotonic()
        for stage in self._stages:
            if journey.recall(stage.name, stage.run):
                continue
            if journey.pending and time.monotonic() - committed_at > _BREATH:
                self._commit(take, journey, running=stage.name)
                committed_at = time.monotonic()
            if not self._run_stage(take, journey, stage):
                return False
            if _infected(journey):
                self._commit(take, journey)
                self._quarantine(take, _malware(journey))
                return False
        return True

    def _run_stage(self, take: Take, journey: Journey, stage: Stage) -> bool:
        """Run one stage; False when the rest is up to page tasks."""
        started_at = self._clock()
        pages: int | None = None
        chunks: Sequence[tuple[int, int]] = ()
        if is_paged(stage) and not journey.chunks:
            plan = self._attempt(stage.name, lambda: cast("PagedStage", stage).plan(journey.given(stage.name)))
            if isinstance(plan, StageResult):
                journey.add(stage.name, plan, started_at, self._clock())
                return True
            chunks = plan
            pages = sum(last - first + 1 for first, last in chunks)
            if len(plan) > 1:
                self._fan_out(take, journey, stage.name, plan)
                return False
            if plan:
                self._commit(take, journey, running=stage.name, pages=pages)
        result = self._attempt(stage.name, lambda: self._result(journey, stage, chunks))
        if is_paged(stage) and result.state != "done":
            result = _blame_chunks(journey, result)
        ran = journey.add(stage.name, result, started_at, self._clock())
        ran.pages = pages if pages is not None else _chunk_pages(journey, stage)
        return True

    def _result(self, journey: Journey, stage: Stage, plan: Sequence[tuple[int, int]]) -> StageResult:
        for first, last in plan:
            path = cast("PagedStage", stage).run_pages(journey.given(stage.name), first, last)
            journey.add_pages(first, path)
        return stage.run(journey.given(stage.name))

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
        except (Unavailable, Corrupt, Lost):
            raise
        except Exception:
            log.exception("stage_broke", stage=name)
            detail = Detail("stage_broke", "Cette étape s’est arrêtée sur une erreur imprévue.")
            return StageResult("failed", detail=detail)

    # -- commits

    def _commit(
        self,
        take: Take,
        journey: Journey,
        *,
        running: str | None = None,
        pages: int | None = None,
        also: Callable[[Session], None] | None = None,
    ) -> None:
        """Checkpoint and commit what ran: stage rows, journal entries and the deposit together.

        Args:
            running: The stage that starts now.
            pages: Its pages, if known.
            also: More to write in the same transaction; the take ends with it.
        """
        changed = journey.checkpoint(self._store, everything=also is not None)
        now = self._clock()
        with self._database.write() as session:
            values: dict[str, Any] = {"version": DepositRow.version + 1, "updated_at": now}
            if journey.pending:
                values["attempts"] = 1
            if also is not None:
                values |= {"attempts": 0, "lease_owner": None, "lease_until": None}
            take.touch(session, **values)
            for ran in changed:
                session.merge(ran.row(take.deposit_id))
            for ran in journey.pending:
                self._enter(session, journey.deposit, ran)
            if running is not None:
                session.merge(_running(take.deposit_id, running, now, pages))
            if also is not None:
                also(session)
        journey.pending.clear()

    def _enter(self, session: Session, deposit: DepositRow, ran: Ran) -> None:
        self._ledger.append(
            session,
            type="StageFailed" if ran.state == "failed" else "StageCompleted",
            tenant=deposit.tenant_id,
            subject=f"deposit:{deposit.id}",
            agent="service:ingestion",
            facts=ran.journal_facts(),
        )

    def _fan_out(self, take: Take, journey: Journey, stage: str, plan: Sequence[tuple[int, int]]) -> None:
        pages = sum(last - first + 1 for first, last in plan)
        priority = urgency(journey.deposit.priority, pages)

        def also(session: Session) -> None:
            for first, last in plan:
                session.add(
                    PageTaskRow(
                        deposit_id=take.deposit_id,
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
                outbox.add(session, outbox.PAGES, f"{take.deposit_id}:{first}", priority, at=self._clock())

        self._commit(take, journey, running=stage, pages=pages, also=also)

    def _recognise(self, take: Take, first: int) -> None:
        with Workspace(self._work, self._store, shared=True) as workspace:
            with self._database.read() as session:
                journey = Journey.load(session, take.deposit_id, workspace)
            for stage in self._stages:
                if is_paged(stage):
                    break
                journey.recall(stage.name, stage.run)
            last = next(chunk.last_page for chunk in journey.chunks if chunk.first_page == first)
            made = self._attempt(
                stage.name,
                lambda: cast("PagedStage", stage).run_pages(journey.given(stage.name), first, last),
            )
            if isinstance(made, StageResult):
                detail = made.detail.as_json() if made.detail else None
                ended: dict[str, Any] = {"state": "failed", "detail": detail}
            else:
                ended = {"state": "done", "output": journey.put_pages(self._store, made).as_json()}
            pages = sum(chunk.last_page - chunk.first_page + 1 for chunk in journey.chunks)
            self._commit_pages(take, journey.deposit, ended, pages)

    def _commit_pages(self, take: Take, deposit: DepositRow, ended: dict[str, Any], pages: int) -> None:
        now = self._clock()
        with self._database.write() as session:
            take.touch(session, lease_owner=None, lease_until=None, **ended)
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

    def _keep(self, take: Take, journey: Journey) -> None:
        started_at = self._clock()
        package = pack(
            journey.deposit,
            journey.facts,
            journey.files,
            [ran.tool_run() for ran in journey.runs.values()],
            journey.remarks,
        )

        def also(session: Session, kept: Kept) -> None:
            now = self._clock()
            take.touch(
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
            row = _running(take.deposit_id, "keep", started_at, None)
            row.state, row.ended_at = "done", now
            session.merge(row)

        if journey.kept_before:
            from archive.holdings.complete import complete

            complete(self._holdings, package, journey.deposit.agent, also)
        else:
            self._holdings.keep(package, also)


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


def _chunk_pages(journey: Journey, stage: Stage) -> int | None:
    if not is_paged(stage) or not journey.chunks:
        return None
    return sum(chunk.last_page - chunk.first_page + 1 for chunk in journey.chunks)


def _blame_chunks(journey: Journey, result: StageResult) -> StageResult:
    """A chunk that failed is why the whole is not there."""
    broken = next((chunk for chunk in journey.chunks if chunk.state == "failed"), None)
    if broken is None:
        return result
    values = {"first": broken.first_page, "last": broken.last_page}
    detail = Detail("pages_failed", "Les pages {first} à {last} n’ont pas pu être lues.", values)
    return replace(result, state="failed", detail=detail)


def _infected(journey: Journey) -> bool:
    virus = journey.facts.get("screen", {}).get("virus") or {}
    return bool(virus.get("verdict") == "infected")


def _malware(journey: Journey) -> dict[str, Any]:
    return problem(
        "malware",
        "Un logiciel malveillant a été trouvé dans ce fichier : {name}.",
        action="Le fichier n’est servi à personne. Prévenez le producteur ; un archiviste décide.",
        values={"name": journey.facts["screen"]["virus"].get("detail") or "?"},
    )


def _plain(values: dict[str, object]) -> dict[str, Any]:
    return {name: value if isinstance(value, str | int) else str(value) for name, value in values.items()}
