"""Register of access requests: register one, take a step, list, warn.

Who asks and what for is in the statement and its row; the journal has the digest alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import filing_plan, openings, rows, stale, statements
from archive.catalogue.access_steps import AccessStep, StepTaken, Warned, registered, taken, warned
from archive.catalogue.statements import Statement
from archive.database.access_tables import AccessRequestRow
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.access_requests import AccessKind, AccessState
from archive.model.identifiers import is_id, new_id
from archive.model.statement_kinds import StatementKind
from archive.retention.civil import today_of
from signing.ground.errors import Refused

OPEN: Final = tuple(state.value for state in AccessState if state not in {AccessState.CLOSED, AccessState.WITHDRAWN})
_OPENING_STEPS: Final = frozenset({AccessStep.GRANT, AccessStep.WITHDRAW})
"""Steps of an early opening that give other days to what it covers."""
_AT_ONCE: Final = 500
_UNDECIDED: Final = (AccessState.REGISTERED.value, AccessState.SENT.value, AccessState.ANSWERED.value)


@dataclass(frozen=True)
class Desk:
    """Desk: where one person changes the register of a tenant, in the caller's transaction."""

    session: Session
    ledger: Ledger
    tenant: str
    agent: str
    now: datetime

    def register(self, kind: AccessKind, given: Mapping[str, Any]) -> AccessRequestRow:
        """Register a request.

        Args:
            given: ``requester, contact, subject, motive, records, registered_on`` (None: today),
                and of an early opening what it opens: ``node`` or ``producer``, and ``opens_on``.

        Raises:
            Refused: ``bad_access_request``, ``record_not_found``, ``node_not_found``.
        """
        for record in given["records"]:
            rows.get(self.session, self.tenant, record)
        today = today_of(self.session, self.tenant, self.now)
        body = registered(
            kind,
            requester=given["requester"],
            contact=given["contact"],
            subject=given["subject"],
            motive=given["motive"],
            records=given["records"],
            registered_on=given["registered_on"] or today.day,
            today=today,
            opening=openings.named(self.session, self.tenant, given.get("opening")),
        )
        return self._state(new_id(), 0, "registered", body)

    def take(self, request_id: str, expected: int | None, done: StepTaken) -> AccessRequestRow:
        """Take a step of a request.

        Args:
            expected: Number that the caller read; None: whatever it is.

        Raises:
            Refused: ``access_request_not_found``, ``precondition_failed``, ``access_step_refused``,
                ``bad_access_request``.
        """
        row = get(self.session, self.tenant, request_id)
        number = row.number if expected is None else expected
        today = today_of(self.session, self.tenant, self.now)
        body = taken(row.content, done, today) if number == row.number else row.content
        if done.step not in _OPENING_STEPS or row.kind != AccessKind.EARLY_OPENING:
            return self._state(request_id, number, done.step.value, body)
        covered = openings.covered(self.tenant, row.content["opening"])
        stale.mark_early(self.session, covered, self.now)
        stated = self._state(request_id, number, done.step.value, body)
        stale.mark_late(self.session, covered, self.now)
        return stated

    def _state(self, request_id: str, expected: int, change: str, body: Mapping[str, Any]) -> AccessRequestRow:
        statement, entry = statements.state(
            self.session,
            self.ledger,
            tenant=self.tenant,
            kind=StatementKind.REQUEST,
            subject=request_id,
            expected=expected,
            change=change,
            body=body,
            entry_type=EntryType.ACCESS_REQUEST_STATED,
            agent=self.agent,
            now=self.now,
        )
        filing_plan.project(self.session, statement, entry)
        return self.session.get_one(AccessRequestRow, request_id)


@dataclass(frozen=True)
class AccessFilter:
    """Which requests are wanted; what is None or empty is not asked.

    Attributes:
        state: A state; ``open`` for all that are not closed.
        text: A part of the requester's name or of the subject.
    """

    kind: AccessKind | None = None
    state: str | None = None
    text: str = ""
    registered_from: date | None = None
    registered_to: date | None = None


def get(session: Session, tenant: str, request_id: str) -> AccessRequestRow:
    """Return a request of this tenant.

    Raises:
        Refused: ``access_request_not_found``.
    """
    row = session.get(AccessRequestRow, request_id) if is_id(request_id) else None
    if row is None or row.tenant_id != tenant:
        raise Refused(
            "access_request_not_found", "Cette demande n’est pas au registre.", action="Vérifiez son identifiant."
        )
    return row


def history(session: Session, tenant: str, request_id: str) -> list[tuple[Statement, str, int]]:
    """Return every statement about a request, oldest first, with its agent and entry."""
    return statements.history(session, tenant, StatementKind.REQUEST, request_id)


def page(
    session: Session, tenant: str, wanted: AccessFilter, *, before: str | None = None, limit: int = 50
) -> Sequence[AccessRequestRow]:
    """Return a tenant's requests, the one registered last first.

    Args:
        before: Identifier of the last one of the page before.
    """
    row = AccessRequestRow
    query = select(row).where(row.tenant_id == tenant)
    if wanted.kind is not None:
        query = query.where(row.kind == wanted.kind.value)
    if wanted.state == "open":
        query = query.where(row.state.in_(OPEN))
    elif wanted.state:
        query = query.where(row.state == wanted.state)
    if wanted.registered_from is not None:
        query = query.where(row.registered_on >= wanted.registered_from)
    if wanted.registered_to is not None:
        query = query.where(row.registered_on <= wanted.registered_to)
    if wanted.text.strip():
        part = wanted.text.strip()
        query = query.where(row.requester.icontains(part, autoescape=True) | row.asked.icontains(part, autoescape=True))
    if before is not None:
        query = query.where(row.id < before)
    return session.scalars(query.order_by(row.id.desc()).limit(limit)).all()


def every(session: Session, tenant: str, wanted: AccessFilter) -> Iterator[AccessRequestRow]:
    """Return all of a tenant's requests that are wanted, a page at a time."""
    before: str | None = None
    while found := page(session, tenant, wanted, before=before, limit=_AT_ONCE):
        before = found[-1].id
        yield from found
        session.expunge_all()  # a register of any length does not stay in memory


def pressing(session: Session, tenant: str, today: date, *, limit: int = 50) -> list[tuple[AccessRequestRow, Warned]]:
    """Return the derogations whose clock warns, the nearest last day first: for the home page."""
    row = AccessRequestRow
    query = select(row).where(row.tenant_id == tenant, row.state.in_(_UNDECIDED), row.answer_by.is_not(None))
    query = query.where(row.answer_by <= today + timedelta(days=31))
    found = session.scalars(query.order_by(row.answer_by, row.id).limit(limit))
    told = [(one, warned(AccessState(one.state), one.registered_on, one.answer_by, today)) for one in found]
    return [(one, what) for one, what in told if what is not None]
