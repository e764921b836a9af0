"""Access requests, derogations and early openings as JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session

from archive.catalogue import access_requests, openings
from archive.catalogue.access_requests import AccessFilter, Desk
from archive.catalogue.access_steps import AccessStep, steps_open, warned
from archive.database.access_tables import AccessRequestRow
from archive.model.access_requests import AccessKind, AccessState
from archive.retention.civil import today_of
from signing.ground.clock import iso
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingestion.assembly import System

COLUMNS: Final = (
    "id",
    "kind",
    "state",
    "registered_on",
    "answer_by",
    "requester",
    "subject",
    "motive",
    "sent_on",
    "agreed",
    "decided_on",
    "decision",
    "remedies",
    "consulted",
    "closed_on",
    "opened",
    "opens_on",
    "withdrawn_on",
)


_OPENS: Final = ("node", "code", "title", "producer", "opens_on")


def view(session: Session, row: AccessRequestRow, today: date) -> dict[str, Any]:
    """Return a request as the API shows it."""
    body = row.content
    pressed = warned(AccessState(row.state), row.registered_on, row.answer_by, today)
    return {
        "id": row.id,
        **{name: body[name] for name in ("kind", "state", "requester", "contact", "subject", "motive", "records")},
        "registered_on": row.registered_on.isoformat(),
        "answer_by": iso(row.answer_by),
        "warning": pressed.value if pressed is not None else None,
        "steps": [{"agreed": None, "remedies": None} | step for step in body["steps"]],
        "next_steps": [step.value for step in steps_open(body)],
        "opening": _opening(session, row),
        "number": row.number,
    }


def _opening(session: Session, row: AccessRequestRow) -> dict[str, Any] | None:
    told = row.content.get("opening")
    if told is None:
        return None
    return {name: told.get(name) for name in _OPENS} | {"records": openings.opened_by(session, row.tenant_id, row.id)}


def effect(session: Session, tenant: str, request_id: str, today: date) -> dict[str, Any]:
    """Return what an early opening would do if it were decided today.

    Raises:
        Refused: ``access_request_not_found``: also for a request that is none.
    """
    row = access_requests.get(session, tenant, request_id)
    if row.kind != AccessKind.EARLY_OPENING:
        row = access_requests.get(session, tenant, "")
    found = asdict(openings.effect_of(session, tenant, row.content, today))
    return {name: iso(value) if isinstance(value, date) else value for name, value in found.items()}


def change(system: System, tenant: str, agent: str, act: Callable[[Desk], AccessRequestRow]) -> dict[str, Any]:
    """Change the register and return the request; the store follows by its own job.

    Raises:
        Refused: As the act.
    """
    now = system.clock()
    with system.database.write() as session:
        row = act(Desk(session, system.ledger, tenant, agent, now))
        body = view(session, row, today_of(session, tenant, now).day)
    system.notifier.notify()
    return body


def with_both_views(error: Refused, system: System, tenant: str, request_id: str, sent: Mapping[str, Any]) -> Refused:
    """Add to a failed precondition the request as it is in place, and what was sent."""
    if error.code == "precondition_failed":
        with system.database.read() as session:
            row = access_requests.get(session, tenant, request_id)
            current = view(session, row, today_of(session, tenant, system.clock()).day)
        error.values |= {"current": current, "sent": dict(sent)}
    return error


def every_row(system: System, tenant: str, wanted: AccessFilter) -> Iterator[list[Any]]:
    """Return the whole register as rows of ``COLUMNS``, the one registered last first."""
    with system.database.read() as session:
        today = today_of(session, tenant, system.clock()).day
        for row in access_requests.every(session, tenant, wanted):
            one = view(session, row, today)
            line = {**one, **_of_steps(one["steps"]), **_of_opening(one["opening"])}
            yield [line.get(name) for name in COLUMNS]


def _of_opening(told: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"opened": told["code"] or told["producer"], "opens_on": told["opens_on"]} if told is not None else {}


def _of_steps(steps: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    told: dict[str, Any] = {"consulted": None}
    consulted = []
    for step in steps:
        match AccessStep(step["step"]):
            case AccessStep.SEND:
                told["sent_on"] = step["on"]
            case AccessStep.ANSWER:
                told["agreed"] = step["agreed"]
            case AccessStep.GRANT | AccessStep.REFUSE:
                told |= {"decided_on": step["on"], "decision": step["step"], "remedies": step["remedies"]}
            case AccessStep.CONSULT:
                consulted.append(f"{step['on']} {step['text']}")
            case AccessStep.CLOSE:
                told["closed_on"] = step["on"]
            case AccessStep.WITHDRAW:
                told["withdrawn_on"] = step["on"]
    return told | {"consulted": " ; ".join(consulted) or None}
