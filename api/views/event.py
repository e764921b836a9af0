"""State events for a caller, and write the JSON of an event and of its effect."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from api.http.i18n import said
from api.views.history import name_of
from archive.catalogue import event_effects, events
from archive.catalogue.event_effects import Effect
from archive.catalogue.events import Event
from archive.model.identifiers import new_id
from archive.retention.admission import Occurrence, admit_event
from archive.retention.civil import today_of
from archive.retention.dates import START_EVENTS
from signing.ground.clock import iso, stamp

if TYPE_CHECKING:
    from ingestion.assembly import System


def declare(
    system: System,
    tenant: str,
    event_id: str | None,
    occurrence: Occurrence,
    *,
    reason: str | None,
    expected: int | None,
    agent: str,
) -> tuple[Event, bool]:
    """Declare an event, or correct the one of this identifier; tell whether it is new.

    Args:
        event_id: None = one of ours.
        expected: Number of the statement that a correction starts from; None for a declaration.

    Raises:
        Refused: ``bad_event``, ``event_differs``, ``event_not_found``, ``precondition_failed``.
    """
    given = replace(occurrence, reference=occurrence.reference.strip())
    with system.database.write() as session:
        done, is_new = events.declare(
            session,
            system.ledger,
            tenant,
            event_id or new_id(),
            given,
            reason=reason,
            expected=expected,
            agent=agent,
            now=system.clock(),
        )
    system.notifier.notify()
    return done, is_new


def correct(
    system: System,
    tenant: str,
    event_id: str,
    *,
    occurred_on: date | None,
    reason: str | None,
    expected: int,
    agent: str,
) -> Event:
    """Correct the day of an event; None withdraws it.

    Raises:
        Refused: ``bad_event``, ``event_not_found``, ``precondition_failed``.
    """
    with system.database.write() as session:
        done = events.correct(
            session,
            system.ledger,
            tenant,
            event_id,
            occurred_on=occurred_on,
            reason=reason,
            expected=expected,
            agent=agent,
            now=system.clock(),
        )
    system.notifier.notify()
    return done


def foreseen(
    system: System, tenant: str, event_id: str | None, given: Occurrence, *, withdrawn: bool = False
) -> Effect:
    """Return what a statement would do, without making it.

    Raises:
        Refused: ``bad_event``.
    """
    named = event_id or new_id()
    occurrence = replace(given, reference=given.reference.strip())
    with system.database.read() as session:
        now = system.clock()
        if not withdrawn:
            admit_event(named, occurrence, today_of(session, tenant, now))
        wanted = None if withdrawn else occurrence
        return event_effects.effect_of_event(session, tenant, named, occurrence.reference, wanted, now)


def view(session: Session, event: Event) -> dict[str, Any]:
    """Return the JSON of an event as one statement gives it."""
    occurrence = event.occurrence
    return {
        "id": event.id,
        "event": occurrence.event,
        "label": str(label_of(occurrence.event)),
        "reference": occurrence.reference,
        "occurred_on": occurrence.occurred_on.isoformat(),
        "withdrawn": event.withdrawn,
        "number": event.number,
        "change": event.change,
        "reason": event.reason,
        "stated_at": stamp(event.at),
        "stated_by": name_of(session, event.agent),
        "entry": event.entry,
    }


def label_of(event: str) -> Any:
    """Return an event in words, in the reader's language."""
    return said(START_EVENTS[event].phrase if event in START_EVENTS else event)


def effect_view(effect: Effect) -> dict[str, Any]:
    """Return the JSON of an effect."""
    return {
        "records": effect.records,
        "changed": effect.changed,
        "earliest_due_on": iso(effect.earliest_due_on),
        "without_end": effect.without_end,
    }


def tag_of(event: Event) -> str:
    """Return the strong ETag of an event: the number of its latest statement."""
    return f'"{event.number}"'
