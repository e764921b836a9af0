"""Events that start retention: declare, correct, withdraw; and the days that they give a record.

An event is known by the identifier that its declarer gave, within a tenant; the same identifier
with the same content is the same declaration. A correction and a withdrawal are statements of their
own: all stay, the latest counts. It touches every record with its reference, kept before or after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import filing_plan, statements
from archive.catalogue.stale import mark_early, mark_late, of_case
from archive.catalogue.statements import Statement
from archive.database.retention_tables import RetentionEventRow, StatementRow
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.statement_kinds import StatementKind
from archive.retention.admission import Occurrence, admit_event
from archive.retention.civil import today_of
from signing.ground.errors import Refused

DECLARED: Final = "declared"
CORRECTED: Final = "corrected"
WITHDRAWN: Final = "withdrawn"
_SPACE: Final = UUID("6c4f0c3e-4f0a-5c0e-9c57-5d1f2a6f7b11")
"""Name space of the identifiers of events, for ever."""


@dataclass(frozen=True)
class Event:
    """An event as one statement gives it.

    Attributes:
        id: As its declarer gave it.
        number: Of the statement; the latest one is the tag that a change must name.
        change: ``declared``, ``corrected`` or ``withdrawn``.
        entry: Of the statement, in the journal.
    """

    id: str
    occurrence: Occurrence
    withdrawn: bool
    reason: str | None
    number: int
    change: str
    at: datetime
    agent: str
    entry: int


def subject_of(tenant: str, event_id: str) -> str:
    """Return the identifier of an event's statements: one tenant's never meets another's."""
    return str(uuid5(_SPACE, f"{tenant}:{event_id}"))


def declare(
    session: Session,
    ledger: Ledger,
    tenant: str,
    event_id: str,
    occurrence: Occurrence,
    *,
    agent: str,
    now: datetime,
    reason: str | None = None,
    expected: int | None = None,
) -> tuple[Event, bool]:
    """Declare an event in the caller's transaction; tell whether it is new.

    The same event under the same identifier is the same declaration.

    Args:
        expected: Number of the statement that the caller read, to correct its day.

    Raises:
        Refused: ``bad_event``; ``event_differs``: this identifier says something else;
            ``precondition_failed``.
    """
    admit_event(event_id, occurrence, today_of(session, tenant, now))
    before = find(session, tenant, event_id)
    if before is None:
        return _state(session, ledger, tenant, event_id, occurrence, DECLARED, reason, 0, agent, now), True
    same_case = replace(before.occurrence, occurred_on=occurrence.occurred_on) == occurrence
    if expected is not None and same_case:
        day = occurrence.occurred_on
        told = correct(
            session, ledger, tenant, event_id, occurred_on=day, reason=reason, expected=expected, agent=agent, now=now
        )
        return told, False
    if before.withdrawn or before.occurrence != occurrence:
        raise Refused(
            "event_differs",
            "Un autre événement a déjà été déclaré sous l’identifiant « {id} ».",
            kept="Aucun événement n’a été déclaré ni changé.",
            action="Pour corriger sa date, nommez sa version dans « If-Match » ; sinon, donnez un autre identifiant.",
            pointer="/id",
            id=event_id,
        )
    return before, False


def correct(
    session: Session,
    ledger: Ledger,
    tenant: str,
    event_id: str,
    *,
    occurred_on: date | None,
    reason: str | None,
    expected: int,
    agent: str,
    now: datetime,
) -> Event:
    """Correct the day of an event, or withdraw it, in the caller's transaction.

    A withdrawn event that gets a day counts again.

    Args:
        occurred_on: None withdraws it.
        expected: Number of the statement that the caller read.

    Raises:
        Refused: ``event_not_found``, ``bad_event``, ``precondition_failed``.
    """
    before = get(session, tenant, event_id)
    day = occurred_on or before.occurrence.occurred_on
    occurrence = Occurrence(before.occurrence.event, before.occurrence.reference, day)
    if occurred_on is not None:
        admit_event(event_id, occurrence, today_of(session, tenant, now))
    if before.number == expected and (before.occurrence, before.withdrawn) == (occurrence, occurred_on is None):
        return before
    change = CORRECTED if occurred_on is not None else WITHDRAWN
    return _state(session, ledger, tenant, event_id, occurrence, change, reason, expected, agent, now)


def _state(
    session: Session,
    ledger: Ledger,
    tenant: str,
    event_id: str,
    occurrence: Occurrence,
    change: str,
    reason: str | None,
    expected: int,
    agent: str,
    now: datetime,
) -> Event:
    """State an event, repeat it in its row, and mark the records that it touches."""
    mark_early(session, of_case(tenant, occurrence.reference), now)
    statement, entry = statements.state(
        session,
        ledger,
        tenant=tenant,
        kind=StatementKind.EVENT,
        subject=subject_of(tenant, event_id),
        expected=expected,
        change=change,
        body={
            "id": event_id,
            "event": occurrence.event,
            "reference": occurrence.reference,
            "occurred_on": occurrence.occurred_on.isoformat(),
            "withdrawn": change == WITHDRAWN,
            "reason": (reason or "").strip() or None,
        },
        entry_type=EntryType.RETENTION_EVENT_STATED,
        agent=agent,
        now=now,
    )
    filing_plan.project(session, statement, entry)
    # after the entry, which makes writers wait for each other: a record that is kept meanwhile
    # either is here already or will see this event
    mark_late(session, of_case(tenant, occurrence.reference), now)
    return _event(statement, agent, entry)


# -- questions


def find(session: Session, tenant: str, event_id: str) -> Event | None:
    """Return the latest statement about an event of this tenant; None if there is none."""
    told = history(session, tenant, event_id)
    return told[-1] if told else None


def get(session: Session, tenant: str, event_id: str) -> Event:
    """Return the latest statement about an event.

    Raises:
        Refused: ``event_not_found``.
    """
    found = find(session, tenant, event_id)
    if found is None:
        raise Refused("event_not_found", "Cet événement n’existe pas.", action="Vérifiez son identifiant.")
    return found


def history(session: Session, tenant: str, event_id: str) -> list[Event]:
    """Return every statement about an event, oldest first."""
    told = statements.history(session, tenant, StatementKind.EVENT, subject_of(tenant, event_id))
    return [_event(statement, agent, entry) for statement, agent, entry in told]


def page(
    session: Session,
    tenant: str,
    *,
    reference: str | None = None,
    event: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Event]:
    """Return a tenant's events as they are now, the one stated last first.

    Args:
        before: Entry of the last one of the page before.
    """
    row = RetentionEventRow
    query = select(StatementRow).join(row, (row.id == StatementRow.subject) & (row.number == StatementRow.number))
    query = query.where(StatementRow.kind == StatementKind.EVENT, row.tenant_id == tenant)
    if reference is not None:
        query = query.where(row.reference == reference)
    if event is not None:
        query = query.where(row.event == event)
    if before is not None:
        query = query.where(row.entry < before)
    found = session.scalars(query.order_by(row.entry.desc()).limit(limit))
    return [_event(statements.read(one.content), one.agent, one.entry) for one in found]


def told_about(session: Session, tenant: str, reference: str | None) -> list[Event]:
    """Return every statement about the events of a reference, oldest first."""
    if not reference:
        return []
    mine = select(RetentionEventRow.id).where(
        RetentionEventRow.tenant_id == tenant, RetentionEventRow.reference == reference
    )
    query = select(StatementRow).where(StatementRow.kind == StatementKind.EVENT, StatementRow.subject.in_(mine))
    rows = session.scalars(query.order_by(StatementRow.entry))
    return [_event(statements.read(row.content), row.agent, row.entry) for row in rows]


def days_if(
    session: Session, tenant: str, event_id: str, reference: str, occurrence: Occurrence | None
) -> dict[str, tuple[date, ...]]:
    """Return the days of a business case as a statement about one of its events would make them.

    Args:
        occurrence: None = withdrawn.
    """
    latest = {one.id: one for one in told_about(session, tenant, reference)}
    rest = [one for one in latest.values() if one.id != event_id and not one.withdrawn]
    found: dict[str, tuple[date, ...]] = {}
    for told in [*(one.occurrence for one in sorted(rest, key=lambda one: one.entry)), occurrence]:
        if told is not None:
            found[told.event] = (*found.get(told.event, ()), told.occurred_on)
    return found


def _event(statement: Statement, agent: str, entry: int) -> Event:
    body: Mapping[str, Any] = statement.body
    return Event(
        id=body.get("id", statement.subject),
        occurrence=Occurrence(body["event"], body["reference"], date.fromisoformat(body["occurred_on"])),
        withdrawn=bool(body.get("withdrawn")),
        reason=body.get("reason"),
        number=statement.number,
        change=statement.change,
        at=statement.at,
        agent=agent,
        entry=entry,
    )
