"""Claim a deposit or a chunk of its pages, do the work, and commit how it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import structlog

from archive.database.engine import Database
from archive.journal.sequencer import Ledger
from archive.objects.port import ObjectStore
from ingestion.deposits.states import problem
from ingestion.processing.advance import advance, put_aside
from ingestion.processing.attempt import storable
from ingestion.processing.claims import Claim, Heartbeat, LeaseLost, claim_deposit, claim_pages, note_error, release
from ingestion.processing.context import RunContext
from ingestion.processing.pages import recognise_pages
from ingestion.processing.rest import Rest
from ingestion.processing.workers import this_worker
from ingestion.stages.port import Stage, checked
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt, Unavailable
from signing.ground.machine import MachineFault, machine_fault

if TYPE_CHECKING:
    from archive.holdings.stores import Stores

log = structlog.get_logger(__name__)

_REST: Final = 5.0
"""Seconds before another try after an unforeseen error."""


class Runner:
    """Runner: advances deposits. One a worker; safe to call with any id at any time.

    Args:
        stages: In order, up to ``keep``; one that is not in the registry is refused.
        work: Folder of workspaces.
        notify: Called after each commit that leaves something to send or to follow.
        owner: Name of the worker that claims.
        unpack: Takes the claimed deposit apart if it is a package; else returns False.

    Raises:
        ValueError: For a stage that may not start (see ``ingestion.stages.port.checked``).
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        store: ObjectStore,
        stores: Stores,
        stages: Sequence[Stage],
        work: Path,
        clock: Clock,
        *,
        notify: Callable[[], None] = lambda: None,
        owner: Callable[[], str] = this_worker,
        unpack: Callable[[Claim], bool] = lambda _claim: False,
    ) -> None:
        self._context = RunContext(database, ledger, store, stores, checked(stages), work, clock)
        self._rest = Rest(work)
        self._notify = notify
        self._owner = owner
        self._unpack = unpack

    def advance(self, deposit_id: str) -> bool:
        """Claim the deposit and advance it as far as possible; False if it can't be claimed.

        Raises:
            MachineFault: The machine can't work now; the claim was released and does not count.
        """
        self._rest.require_over()
        context = self._context
        claim = claim_deposit(context.database, context.ledger, deposit_id, self._owner(), context.clock)
        if claim is None:
            return False
        self._guarded(claim, lambda: None if self._unpack(claim) else advance(context, claim))
        return True

    def pages(self, deposit_id: str, first: int) -> bool:
        """Claim one chunk of pages and recognise it; False if it can't be claimed.

        Raises:
            MachineFault: As for ``advance``.
        """
        self._rest.require_over()
        context = self._context
        claim = claim_pages(context.database, context.ledger, deposit_id, first, self._owner(), context.clock)
        if claim is None:
            return False
        self._guarded(claim, lambda: recognise_pages(context, claim, first))
        return True

    def _guarded(self, claim: Claim, work: Callable[[], None]) -> None:
        """Run the work of a claim and end the claim as the outcome requires."""
        bound = log.bind(deposit_id=claim.deposit_id, first_page=claim.first_page, fence=claim.fence)
        try:
            with Heartbeat(self._context.database, claim, self._context.clock):
                work()
            self._rest.end()
        except LeaseLost:
            bound.warning("take_lost")
        except MachineFault as error:
            self._postpone(claim, error)
        except Unavailable as error:
            bound.warning("take_postponed", code=error.code)
            self._release(claim, after=error.retry_after, counts=False)
        except Corrupt as error:
            bound.error("take_corrupt", code=error.code)
            reason = problem(error.code, error.detail, action=error.action, values=storable(error.values))
            put_aside(self._context, claim, reason)
        except Exception as error:
            fault = machine_fault(error)
            if fault is not None:
                self._postpone(claim, fault, error)
            bound.exception("take_failed")
            self._failed(claim)
        self._notify()

    def _postpone(self, claim: Claim, fault: MachineFault, error: Exception | None = None) -> NoReturn:
        """Release a claim that met a fault of the machine, and rest.

        Raises:
            MachineFault: Always, for whoever serves messages.
        """
        self._release(claim, after=self._rest.begin(fault), counts=False)
        raise fault from error or fault.__cause__

    def _failed(self, claim: Claim) -> None:
        """Release a claim that an error of ours ended; too many quarantine the deposit."""
        try:
            with self._context.database.write() as session:
                note_error(session, self._context.ledger, claim, self._context.clock(), after=_REST)
        except (LeaseLost, Unavailable):
            log.warning("take_not_given_back", deposit_id=claim.deposit_id)

    def _release(self, claim: Claim, *, after: float, counts: bool) -> None:
        try:
            with self._context.database.write() as session:
                release(session, claim, self._context.clock(), after=after, counts=counts)
        except (LeaseLost, Unavailable):
            log.warning("take_not_given_back", deposit_id=claim.deposit_id)  # the lease will expire
