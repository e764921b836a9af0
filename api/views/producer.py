"""Views of services and deposit agreements, and the changes that a caller asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access.tables import ApiKeyRow, UserRow
from archive.catalogue import producer_changes, producers
from archive.catalogue.producer_changes import ProducerChange
from archive.exchange.services_csv import read_services, write_services
from archive.model import services
from archive.model.agreement_terms import bad_agreement, read_agreement
from archive.model.deposit_agreements import Agreement
from archive.model.services import Service, ServiceOnDay
from archive.retention.civil import today_of
from ingestion.reception.agreed import terms_of
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System


def change_of(system: System, tenant: str, agent: str) -> ProducerChange:
    """Return what a change by this agent needs."""
    return ProducerChange(system.register, tenant, agent)


# -- services


def service_views(session: Session, tenant: str, on: date) -> list[dict[str, Any]]:
    """Return the JSON of every service by its name of a day, each below the one above it."""
    rows = producers.service_rows(session, tenant)
    tree = {code: producers.service_of(row) for code, row in rows.items()}
    return [_service(tree, one, on, rows[one.code].number, depth) for depth, one in services.ordered(tree, on)]


def service_view(session: Session, tenant: str, code: str, on: date) -> dict[str, Any]:
    """Return the JSON of a service.

    Raises:
        Refused: ``service_not_found``.
    """
    number, tree = producers.get_service(session, tenant, code).number, producers.tree_of(session, tenant)
    return _service(tree, tree[code], on, number, len(services.chain(tree, code, on)) - 1)


def _service(tree: Mapping[str, Service], one: Service, on: date, number: int, depth: int) -> dict[str, Any]:
    shown = services.on_day(tree, one, on)
    told = {"name": shown.name, "rank_on": shown.rank, "above": list(shown.above), "depth": depth}
    return one.as_json() | {"number": number} | told


def producers_on(session: Session, tenant: str, told: Sequence[tuple[str | None, date]]) -> list[ServiceOnDay | None]:
    """Return the service that each producer's text names, by its name of the day beside it."""
    tree = producers.tree_of(session, tenant) if any(text for text, _ in told) else {}
    found = [(services.find(tree, text, day), day) for text, day in told]
    return [services.on_day(tree, one, day) if one is not None else None for one, day in found]


def made_service(
    system: System, tenant: str, code: str, act: Callable[[], None], sent: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Make a change and return the JSON of its service.

    Raises:
        Refused: As the change itself; a failed precondition has both views.
    """

    def view() -> dict[str, Any]:
        with system.database.read() as session:
            return service_view(session, tenant, code, today_of(session, tenant, system.clock()).day)

    return _made(act, view, sent)


def exported(system: System, tenant: str) -> bytes:
    """Return every service as CSV, each below the one above it."""
    with system.database.read() as session:
        tree, today = producers.tree_of(session, tenant), today_of(session, tenant, system.clock()).day
    return write_services(one for _, one in services.ordered(tree, today))


def imported(system: System, tenant: str, agent: str, content: bytes, *, dry_run: bool) -> dict[str, Any]:
    """Apply a file of services as a whole; return what it made, or would make.

    Raises:
        Refused: ``bad_service_file``; ``bad_services``, with the error of each wrong line.
    """
    with system.database.read() as session:
        there = producers.tree_of(session, tenant)
    lines, faults = read_services(content, there)
    if faults:
        raise producer_changes.wrong_lines(faults)
    done = producer_changes.apply_services(change_of(system, tenant, agent), lines, dry_run=dry_run)
    return {"dry_run": dry_run, "created": done.created, "changed": done.changed, "unchanged": done.unchanged}


# -- deposit agreements


def agreement_views(system: System, session: Session, tenant: str) -> list[dict[str, Any]]:
    """Return the JSON of every deposit agreement by code."""
    terms = terms_of(session, tenant, system.clock(), count_all=True)
    return [
        one.as_json()
        | {
            "number": terms.numbers[code],
            "in_force": one.is_in_force(terms.day),
            "received_this_month": terms.received[code],
        }
        for code, one in terms.agreements.items()
    ]


def agreement_view(system: System, session: Session, tenant: str, code: str) -> dict[str, Any]:
    """Return the JSON of a deposit agreement.

    Raises:
        Refused: ``agreement_not_found``.
    """
    producers.get_agreement(session, tenant, code)
    return next(one for one in agreement_views(system, session, tenant) if one["code"] == code)


def made_agreement(
    system: System, tenant: str, code: str, act: Callable[[], None], sent: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Make a change and return the JSON of its agreement.

    Raises:
        Refused: As the change itself; a failed precondition has both views.
    """

    def view() -> dict[str, Any]:
        with system.database.read() as session:
            return agreement_view(system, session, tenant, code)

    return _made(act, view, sent)


def agreement_given(system: System, tenant: str, given: Mapping[str, Any]) -> Agreement:
    """Return the agreement that a caller gives, with depositors whom the tenant has.

    Raises:
        Refused: ``bad_agreement``.
    """
    agreement = read_agreement(given)
    with system.database.read() as session:
        known = {agent for agent, _ in depositors(session, tenant)}
        try:
            before = set(producers.agreement_of(producers.get_agreement(session, tenant, agreement.code)).depositors)
        except Refused:
            before = set()
    missing = next((one for one in agreement.depositors if one not in known | before), None)
    if missing is not None:
        raise bad_agreement("depositors", "Aucun déposant n’est « {wrong} ».", wrong=missing)
    return agreement


def depositors(session: Session, tenant: str) -> list[tuple[str, str]]:
    """Return who may deposit, as ``kind:id`` with the name: people, then keys."""
    people = select(UserRow.id, UserRow.name).where(UserRow.tenant_id == tenant, UserRow.disabled_at.is_(None))
    keys = select(ApiKeyRow.id, ApiKeyRow.name).where(ApiKeyRow.tenant_id == tenant, ApiKeyRow.revoked_at.is_(None))
    found = [(f"user:{one}", name) for one, name in session.execute(people.order_by(UserRow.name))]
    return found + [(f"key:{one}", name) for one, name in session.execute(keys.order_by(ApiKeyRow.name))]


def _made(
    act: Callable[[], None], view: Callable[[], dict[str, Any]], sent: Mapping[str, Any] | None
) -> dict[str, Any]:
    try:
        act()
    except Refused as error:
        if error.code == "precondition_failed" and sent is not None:
            error.values |= {"current": view(), "sent": dict(sent)}
        raise
    return view()
