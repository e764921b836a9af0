"""Review holds: somebody looked at one again, and says what was found and when to look next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from archive.catalogue import filing_plan, statements
from archive.database.engine import Database
from archive.database.hold_tables import HoldReviewRow
from archive.database.tables import HoldRow
from archive.disposition.holds.listing import get
from archive.disposition.holds.terms import check_day, check_name, check_reason
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.statement_kinds import StatementKind
from archive.retention.civil import today_of
from signing.ground.clock import Clock, iso
from signing.ground.errors import Refused


@dataclass(frozen=True)
class Review:
    """State of a hold's review.

    Attributes:
        owner: Who answers for the hold.
        review_on: Day of the next review; None: none is wanted.
        comment: What the latest review found; None: there was none.
    """

    owner: str | None
    review_on: date | None
    comment: str | None = None


def latest(session: Session, hold: HoldRow) -> Review:
    """Return what the latest review of a hold says, else what the hold itself says."""
    row = session.get(HoldReviewRow, hold.id)
    if row is None:
        return Review(hold.owner, hold.review_on)
    return Review(row.owner, row.review_on, row.comment)


def review(
    database: Database,
    ledger: Ledger,
    clock: Clock,
    tenant: str,
    hold_id: str,
    *,
    comment: str,
    review_on: date | None,
    owner: str | None,
    agent: str,
) -> None:
    """State a review; the hold stays in force.

    Args:
        owner: Who answers for it from now on; None: as before.

    Raises:
        Refused: ``hold_not_found``, ``hold_released``, ``bad_hold``.
    """
    comment = check_reason(comment, "/comment")
    with database.write() as session:
        hold = get(session, tenant, hold_id)
        session.refresh(hold, with_for_update=True)
        if hold.released_at is not None:
            raise Refused(
                "hold_released",
                "Ce gel est déjà levé.",
                kept="Rien n’a été changé.",
                action="Relisez le document : il dit quels gels le tiennent encore.",
            )
        today = today_of(session, tenant, clock())
        check_day(review_on, [today], "/review_on", "Le jour de la revue est déjà passé.")
        body = {
            "hold": hold.id,
            "comment": comment,
            "review_on": iso(review_on),
            "owner": check_name(owner, "/owner") or latest(session, hold).owner,
        }
        made, entry = statements.state(
            session,
            ledger,
            tenant=tenant,
            kind=StatementKind.REVIEW,
            subject=hold.id,
            expected=statements.latest_number(session, StatementKind.REVIEW, hold.id),
            change="reviewed",
            body=body,
            entry_type=EntryType.HOLD_REVIEWED,
            agent=agent,
            now=clock(),
        )
        filing_plan.project(session, made, entry)
