"""Claim a deposit or a chunk of its pages, do the work, and commit how it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from archive.database.engine import Database
from archive.journal.sequencer import Ledger
from archive.objects.port import ObjectStore
from ingestion.deposits.states import problem
from ingestion.processing.advance import advance, put_aside
from ingestion.processing.attempt import storable
from ingestion.processing.claims import Claim, Heartbeat, LeaseLost, claim_deposit, claim_pages, release
from ingestion.processing.context import RunContext
from ingestion.processing.pages import recognise_pages
from ingestion.processing.workers import this_worker
from ingestion.stages.port import Stage, checked
from signing.ground.clock import Clock
from signing.ground.errors import Corrupt, Unavailable

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
    ) -> None:
        self._context = RunContext(database, ledger, store, stores, checked(stages), work, clock)
        self._notify = notify
        self._owner = owner

    def advance(self, deposit_id: str) -> bool:
        """Claim the deposit and advance it as far as possible; False if it can't be claimed."""
        context = self._context
        claim = claim_deposit(context.database, context.ledger, deposit_id, self._owner(), context.clock)
        if claim is None:
            return False
        self._guarded(claim, lambda: advance(context, claim))
        return True

    def pages(self, deposit_id: str, first: int) -> bool:
        """Claim one chunk of pages and recognise it; False if it can't be claimed."""
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
        except LeaseLost:
            bound.warning("take_lost")
        except Unavailable as error:
            bound.warning("take_postponed", code=error.code)
            self._release(claim, after=error.retry_after, counts=False)
        except Corrupt as error:
            bound.error("take_corrupt", code=error.code)
            reason = problem(error.code, error.detail, action=error.action, values=storable(error.values))
            put_aside(self._context, claim, reason)
        except Exception:
            bound.exception("take_failed")
            self._release(claim, after=_REST, counts=True)
        self._notify()

    def _release(self, claim: Claim, *, after: float, counts: bool) -> None:
        try:
            with self._context.database.write() as session:
                release(session, claim, self._context.clock(), after=after, counts=counts)
        except (LeaseLost, Unavailable):
            log.warning("take_not_given_back", deposit_id=claim.deposit_id)  # the lease will expire
