"""Claim work: a worker claims a row, not a message.

Nothing here depends on the kind of work.

``attempts`` counts claims since the last progress. One that was released does not count; one whose
worker died does, unless the whole service died with it; one whose worker lives and could not renew
its lease, as on a full disk, does not. After ``MAX_CLAIMS`` of those the deposit is quarantined.
Errors of our own programs are counted apart, so that only killed workers are called killed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, cast

from sqlalchemy import CursorResult, exists, select, update
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.leases import runs
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from ingestion.deposits.states import LEASE_SECONDS, MAX_CLAIMS, UNFINISHED, DepositState, problem
from ingestion.processing.workers import died, died_alone, lives
from ingestion.tables import DepositRow, PageTaskRow
from signing.ground.clock import Clock
from signing.ground.errors import Unavailable

_BACK_OFF: Final = (1, 8, 20)
"""Seconds of rest after a worker died on a document, so that other documents go first."""
_LONGEST_REST: Final = timedelta(days=1)
"""No rest is as long; one that seems so was given by a wrong clock."""

ERRING: Final = "processing_failed"
"""Code of the problem of a deposit on which our own programs fail."""


class LeaseLost(Exception):
    """Error: the claim was taken over; nothing more may be written under it."""


@dataclass(frozen=True)
class Claim:
    """Claim: the right to write about a deposit, or about one chunk of its pages."""

    deposit_id: str
    first_page: int | None
    fence: int

    def touch(self, session: Session, **values: Any) -> None:
        """Write values into the claimed row, if the claim still holds.

        This is the first statement of every transaction under the claim.

        Raises:
            LeaseLost: It does not hold any more.
        """
        if self.first_page is None:
            statement = update(DepositRow).where(DepositRow.id == self.deposit_id, DepositRow.fence == self.fence)
        else:
            statement = update(PageTaskRow).where(
                PageTaskRow.deposit_id == self.deposit_id,
                PageTaskRow.first_page == self.first_page,
                PageTaskRow.fence == self.fence,
            )
        if cast("CursorResult[Any]", session.execute(statement.values(**values))).rowcount != 1:
            raise LeaseLost


def claim_deposit(database: Database, ledger: Ledger, deposit_id: str, owner: str, clock: Clock) -> Claim | None:
    """Claim a deposit; None unless work on it is due and no other worker has it."""
    with database.write() as session:
        row = session.scalar(select(DepositRow).where(DepositRow.id == deposit_id).with_for_update(skip_locked=True))
        if row is None or row.state not in UNFINISHED or _pages_open(session, deposit_id):
            return None
        now = clock()
        if not _free(row, now):
            return None
        if row.attempts >= MAX_CLAIMS:
            quarantine(session, ledger, row, now, killed())
            return None
        row.state = DepositState.WORKING
        row.version += 1
        row.updated_at = now
        _occupy(row, owner, now)
        return Claim(deposit_id, None, row.fence)


def claim_pages(
    database: Database, ledger: Ledger, deposit_id: str, first_page: int, owner: str, clock: Clock
) -> Claim | None:
    """Claim a chunk of pages; None unless it is still to do and no other worker has it."""
    with database.write() as session:
        row = session.scalar(
            select(PageTaskRow)
            .where(PageTaskRow.deposit_id == deposit_id, PageTaskRow.first_page == first_page)
            .with_for_update(skip_locked=True)
        )
        if row is None or row.state not in {"waiting", "running"}:
            return None
        deposit = session.get_one(DepositRow, deposit_id)
        now = clock()
        if deposit.state != DepositState.WORKING or not _free(row, now):
            return None
        if row.attempts >= MAX_CLAIMS:
            quarantine(session, ledger, deposit, now, killed())
            return None
        row.state = "running"
        _occupy(row, owner, now)
        return Claim(deposit_id, first_page, row.fence)


def release(session: Session, claim: Claim, now: datetime, *, after: float, counts: bool) -> None:
    """Release a claim without progress; the sweeper wakes a worker after a rest.

    Args:
        after: Seconds for which nobody may claim it.
        counts: Whether the claim counts as failed.
    """
    values: dict[str, Any] = {"lease_owner": None, "lease_until": now + timedelta(seconds=after)}
    column = DepositRow.attempts if claim.first_page is None else PageTaskRow.attempts
    if not counts:
        values["attempts"] = column - 1
    claim.touch(session, **values)


def note_error(session: Session, ledger: Ledger, claim: Claim, now: datetime, *, after: float) -> None:
    """Release a claim that an error of ours ended; after ``MAX_CLAIMS`` quarantine its deposit."""
    release(session, claim, now, after=after, counts=False)
    deposit = session.get_one(DepositRow, claim.deposit_id, populate_existing=True)
    deposit.version += 1
    deposit.updated_at = now
    if claim.first_page is None:
        deposit.problem = reason = _erring(deposit.problem)
    else:
        pages = session.get_one(PageTaskRow, (claim.deposit_id, claim.first_page), populate_existing=True)
        pages.detail = reason = _erring(pages.detail)
    if reason["values"]["times"] >= MAX_CLAIMS:
        quarantine(session, ledger, deposit, now, reason)


def _erring(before: dict[str, Any] | None) -> dict[str, Any]:
    """Return the problem of a deposit on which a program of ours failed once more."""
    same = before is not None and before["code"] == ERRING
    return problem(
        ERRING,
        "Nos programmes ont rencontré {times} fois une erreur imprévue sur ce document.",
        action="Les octets reçus sont conservés. Signalez l’erreur, puis relancez le traitement.",
        values={"times": 1 + (before["values"]["times"] if before is not None and same else 0)},
    )


def quarantine(session: Session, ledger: Ledger, row: DepositRow, now: datetime, reason: dict[str, Any]) -> None:
    """Quarantine a deposit: its bytes are kept and never served; an archivist decides."""
    row.state = DepositState.QUARANTINED
    row.problem = reason
    row.version += 1
    row.updated_at = now
    row.lease_owner = row.lease_until = None
    row.fence += 1
    ledger.append(
        session,
        type=EntryType.DEPOSIT_QUARANTINED,
        tenant=row.tenant_id,
        subject=f"deposit:{row.id}",
        agent="service:ingestion",
        facts={"reason": reason["code"]},
    )


def killed() -> dict[str, Any]:
    """Make the reason for the quarantine of a deposit that killed its workers."""
    return problem(
        "workers_killed",
        "Le traitement de ce document s’est interrompu brutalement {times} fois.",
        action="Les octets reçus sont conservés. Faites examiner le fichier, puis relancez le traitement.",
        values={"times": MAX_CLAIMS},
    )


def _pages_open(session: Session, deposit_id: str) -> bool:
    return bool(
        session.scalar(
            select(exists().where(PageTaskRow.deposit_id == deposit_id, PageTaskRow.state.in_(("waiting", "running"))))
        )
    )


def _free(row: DepositRow | PageTaskRow, now: datetime) -> bool:
    """Whether the row may be claimed; an abandoned claim is first ended and counted."""
    if row.lease_owner is None:
        return row.lease_until is None or not runs(row.lease_until, now, _LONGEST_REST)
    lease = timedelta(seconds=LEASE_SECONDS)
    if row.lease_until is not None and runs(row.lease_until, now, lease) and not died(row.lease_owner):
        return False
    alone = died_alone(row.lease_owner) and not lives(row.lease_owner)
    row.lease_owner = None
    if not alone:
        row.attempts = max(0, row.attempts - 1)
        row.lease_until = None
        return True
    if row.attempts >= MAX_CLAIMS:
        return True  # the caller puts it into quarantine
    row.lease_until = now + timedelta(seconds=_BACK_OFF[min(row.attempts, len(_BACK_OFF)) - 1])
    return False


def _occupy(row: DepositRow | PageTaskRow, owner: str, now: datetime) -> None:
    row.lease_owner = owner
    row.lease_until = now + timedelta(seconds=LEASE_SECONDS)
    row.fence += 1
    row.attempts += 1


class Heartbeat:
    """Heartbeat: extends a claim's lease from a thread of its own while a long call runs."""

    def __init__(self, database: Database, claim: Claim, clock: Clock) -> None:
        self._database = database
        self._claim = claim
        self._clock = clock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(LEASE_SECONDS / 3):
            try:
                with self._database.write() as session:
                    self._claim.touch(session, lease_until=self._clock() + timedelta(seconds=LEASE_SECONDS))
            except LeaseLost:
                return
            except Unavailable:
                continue
