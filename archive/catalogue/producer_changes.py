"""Changes of a tenant's services and deposit agreements; each is a change of the register.

So all of them come back from the store alone, and a change is whole or not made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import producers
from archive.catalogue.tenant_register import Register
from archive.database.producer_tables import DepositAgreementRow, ServiceRow
from archive.database.retention_tables import PlanNodeRow
from archive.database.tables import RecordRow, TenantRow
from archive.model import agreement_terms, services
from archive.model.agreement_terms import bad_agreement
from archive.model.deposit_agreements import Agreement
from archive.model.services import Service, bad_service, check_tree
from signing.ground.errors import Refused

MOST_SERVICES: Final = 5000
"""Of one tenant: the register says all of them at each change."""


@dataclass(frozen=True)
class ProducerChange:
    """A change of one tenant's services or agreements.

    Attributes:
        agent: Who makes it.
    """

    register: Register
    tenant: str
    agent: str


@dataclass
class Applied:
    """Number of services that a file made, changed, or found as they are."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0


# -- services


def create_service(change: ProducerChange, service: Service) -> None:
    """Add a service to the tree.

    Raises:
        Refused: ``service_exists``, ``bad_service``.
    """

    def make(session: Session) -> None:
        if session.get(ServiceRow, (change.tenant, service.code)) is not None:
            raise Refused(
                "service_exists",
                "Le code « {name} » est celui d’un service.",
                kept=services.UNCHANGED,
                action="Changez ce service, ou choisissez un autre code.",
                pointer="/code",
                name=service.code,
            )
        _put_services(session, change.tenant, [service])

    _made(change, make)


def change_service(change: ProducerChange, expected: int | None, service: Service) -> None:
    """Change a service; its code stays.

    Args:
        expected: Number that the caller read; None = whichever it is.

    Raises:
        Refused: ``service_not_found``, ``precondition_failed``, ``bad_service``.
    """

    def make(session: Session) -> None:
        _require(producers.get_service(session, change.tenant, service.code).number, expected)
        _put_services(session, change.tenant, [service])

    _made(change, make)


def remove_service(change: ProducerChange, code: str, expected: int | None) -> None:
    """Remove a service that nothing names; one that something names is closed instead.

    Raises:
        Refused: ``service_not_found``, ``precondition_failed``, ``service_used``.
    """

    def make(session: Session) -> None:
        row = producers.get_service(session, change.tenant, code)
        _require(row.number, expected)
        used = uses(session, change.tenant, code)
        if used:
            raise Refused(
                "service_used",
                "Le service « {name} » sert encore : {uses}.",
                kept=services.UNCHANGED,
                action="Fermez-le en disant depuis quel jour, et nommez son successeur.",
                name=code,
                uses=", ".join(used),
            )
        session.delete(row)
        session.flush()

    _made(change, make)


def apply_services(change: ProducerChange, lines: Sequence[tuple[int, Service]], *, dry_run: bool = False) -> Applied:
    """Make and change the services of a file, all or none; those that it lacks stay as they are.

    Args:
        lines: Each service with the number of its first line.

    Raises:
        Refused: ``bad_services``, with the line's error.
    """
    done = Applied()
    numbers = {service.code: number for number, service in lines}

    def make(session: Session) -> None:
        tree = producers.tree_of(session, change.tenant)
        wanted = [service for _, service in lines if tree.get(service.code) != service]
        done.created = sum(service.code not in tree for service in wanted)
        done.changed, done.unchanged = len(wanted) - done.created, len(lines) - len(wanted)
        faults = services.faults_of(tree | {one.code: one for one in wanted})
        for error in faults:
            number = numbers.get(str(error.values.get("name")), lines[0][0])
            error.pointer = f"/lines/{number}{error.pointer}"
        if faults:
            raise wrong_lines(faults)
        _put_services(session, change.tenant, wanted)
        if dry_run:
            raise _TriedOnly

    with suppress(_TriedOnly):
        _made(change, make)
    return done


def wrong_lines(faults: Sequence[Refused]) -> Refused:
    """Return the refusal of a file with wrong lines."""
    return Refused(
        "bad_services",
        "Le fichier a {count} erreurs : rien n’a été importé.",
        kept=services.UNCHANGED,
        action="Corrigez les lignes nommées dans « errors », puis recommencez.",
        count=len(faults),
        faults=tuple(faults),
    )


def uses(session: Session, tenant: str, code: str) -> list[str]:
    """Return what names a service, each as ``kind code``: services, agreements, plan, documents."""
    tree = producers.tree_of(session, tenant)
    texts = [code, *(one.name for one in tree[code].names)] if code in tree else [code]
    found = [f"service « {one.code} »" for one in tree.values() if code in _named_by(one)][:3]
    rows = producers.agreement_rows(session, tenant).values()
    found += [f"convention « {row.code} »" for row in rows if code in row.services][:3]
    nodes = select(PlanNodeRow.code).where(
        PlanNodeRow.tenant_id == tenant, PlanNodeRow.removed.is_(False), PlanNodeRow.producer.in_(texts)
    )
    records = select(RecordRow.id).where(RecordRow.tenant_id == tenant, RecordRow.producer.in_(texts))
    found += [f"« {one} » du plan" for one in session.scalars(nodes.order_by(PlanNodeRow.code).limit(3))]
    return found + [f"document {one}" for one in session.scalars(records.limit(3))]


def _named_by(service: services.Service) -> set[str | None]:
    """Return the codes that a service names: above it, now and before, and its successors."""
    return {service.parent, *service.successors, *(one.parent for one in service.former_places)}


# -- deposit agreements


def create_agreement(change: ProducerChange, agreement: Agreement) -> None:
    """Add a deposit agreement.

    Raises:
        Refused: ``agreement_exists``, ``bad_agreement``.
    """

    def make(session: Session) -> None:
        if session.get(DepositAgreementRow, (change.tenant, agreement.code)) is not None:
            raise Refused(
                "agreement_exists",
                "Le code « {agreement} » est celui d’une convention.",
                kept=agreement_terms.UNCHANGED,
                action="Changez cette convention, ou choisissez un autre code.",
                pointer="/code",
                agreement=agreement.code,
            )
        _put_agreement(session, change.tenant, agreement, 1)

    _made(change, make)


def change_agreement(change: ProducerChange, expected: int | None, agreement: Agreement) -> None:
    """Change a deposit agreement; its code stays.

    It counts for deposits from then on.

    Raises:
        Refused: ``agreement_not_found``, ``precondition_failed``, ``bad_agreement``.
    """

    def make(session: Session) -> None:
        row = producers.get_agreement(session, change.tenant, agreement.code)
        _require(row.number, expected)
        if producers.agreement_of(row) != agreement:
            _put_agreement(session, change.tenant, agreement, row.number + 1)

    _made(change, make)


def require_agreements(change: ProducerChange, *, required: bool) -> None:
    """Choose whether the tenant takes deposits that no agreement covers."""

    def make(session: Session) -> None:
        session.get_one(TenantRow, change.tenant, with_for_update=True).agreement_required = required

    _made(change, make)


# -- what they share


class _TriedOnly(Exception):
    """A file that was only tried."""


def _made(change: ProducerChange, make: Callable[[Session], None]) -> None:
    change.register.change(change.tenant, make, agent=change.agent)


def _require(number: int, expected: int | None) -> None:
    if expected is not None and number != expected:
        raise Refused(
            "precondition_failed",
            "Quelqu’un d’autre l’a modifié entre-temps.",
            kept="Votre modification n’a pas été enregistrée.",
            action="Relisez ce qui est en place, puis recommencez.",
        )


def _put_services(session: Session, tenant: str, wanted: Sequence[Service]) -> None:
    rows = producers.service_rows(session, tenant)
    tree: Mapping[str, Service] = {code: producers.service_of(row) for code, row in rows.items()} | {
        one.code: one for one in wanted
    }
    if len(tree) > MOST_SERVICES:
        raise bad_service("code", "L’arbre aurait plus de {most} services.", most=MOST_SERVICES)
    check_tree(tree)
    for one in wanted:
        row = rows.get(one.code)
        if row is None or producers.service_of(row) != one:
            line: dict[str, Any] = one.as_json() | {"number": row.number + 1 if row is not None else 1}
            producers.enter_service(session, tenant, line)
    session.flush()


def _put_agreement(session: Session, tenant: str, agreement: Agreement, number: int) -> None:
    tree = producers.service_rows(session, tenant)
    missing = next((one for one in agreement.services if one not in tree), None)
    if missing is not None:
        raise bad_agreement("services", "Aucun service n’a le code « {other} ».", other=missing)
    producers.enter_agreement(session, tenant, agreement.as_json() | {"number": number})
    session.flush()
