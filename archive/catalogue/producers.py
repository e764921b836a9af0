"""Producers of a tenant: its tree of services and its deposit agreements, as the rows have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.producer_tables import DepositAgreementRow, ServiceRow
from archive.database.tables import TenantRow
from archive.model.agreement_terms import read_agreement
from archive.model.days import iso_day
from archive.model.deposit_agreements import Agreement
from archive.model.services import Service, read_service
from signing.ground.errors import Refused

_SERVICE: Final = ("code", "parent", "rank", "opened_on", "closed_on", "names", "successors", "former_places")
_AGREEMENT: Final = (
    "code",
    "title",
    "reference",
    "services",
    "depositors",
    "document_types",
    "formats",
    "max_bytes",
    "max_per_month",
    "defaults",
    "valid_from",
    "valid_until",
    "suspended",
)
_DAYS: Final = frozenset({"opened_on", "closed_on", "valid_from", "valid_until"})


def service_of(row: ServiceRow) -> Service:
    """Return the service of a row."""
    return read_service({name: getattr(row, name) for name in _SERVICE})


def agreement_of(row: DepositAgreementRow) -> Agreement:
    """Return the agreement of a row."""
    return read_agreement({name: getattr(row, name) for name in _AGREEMENT})


def service_rows(session: Session, tenant: str) -> dict[str, ServiceRow]:
    """Return the rows of a tenant's services by code."""
    query = select(ServiceRow).where(ServiceRow.tenant_id == tenant)
    return {row.code: row for row in session.scalars(query.order_by(ServiceRow.code))}


def tree_of(session: Session, tenant: str) -> dict[str, Service]:
    """Return a tenant's services by code."""
    return {code: service_of(row) for code, row in service_rows(session, tenant).items()}


def agreement_rows(session: Session, tenant: str) -> dict[str, DepositAgreementRow]:
    """Return the rows of a tenant's deposit agreements by code."""
    query = select(DepositAgreementRow).where(DepositAgreementRow.tenant_id == tenant)
    return {row.code: row for row in session.scalars(query.order_by(DepositAgreementRow.code))}


def is_agreement_required(session: Session, tenant: str) -> bool:
    """Whether a tenant takes no deposit without an agreement."""
    row = session.get(TenantRow, tenant)
    return row is not None and row.agreement_required


def get_service(session: Session, tenant: str, code: str) -> ServiceRow:
    """Return the row of a service.

    Raises:
        Refused: ``service_not_found``.
    """
    row = session.get(ServiceRow, (tenant, code))
    if row is None:
        raise Refused("service_not_found", "Aucun service n’a le code « {name} ».", action="Vérifiez-le.", name=code)
    return row


def get_agreement(session: Session, tenant: str, code: str) -> DepositAgreementRow:
    """Return the row of a deposit agreement.

    Raises:
        Refused: ``agreement_not_found``.
    """
    row = session.get(DepositAgreementRow, (tenant, code))
    if row is None:
        raise Refused(
            "agreement_not_found",
            "Aucune convention de versement n’a la référence « {agreement} ».",
            action="Vérifiez-la.",
            agreement=code,
        )
    return row


def service_line(row: ServiceRow) -> dict[str, Any]:
    """Return what a register says of a service; former places where it has some."""
    told = _line(row, _SERVICE)
    if not told["former_places"]:  # a register that was written before them says none
        del told["former_places"]
    return told


def agreement_line(row: DepositAgreementRow) -> dict[str, Any]:
    """Return what a register says of a deposit agreement."""
    return _line(row, _AGREEMENT)


def enter_service(session: Session, tenant: str, line: Mapping[str, Any]) -> None:
    """Write the row of a service as the API and the register say it."""
    _enter(session, ServiceRow, tenant, read_service(line).as_json(), line["number"])


def enter_agreement(session: Session, tenant: str, line: Mapping[str, Any]) -> None:
    """Write the row of a deposit agreement as the API and the register say it."""
    _enter(session, DepositAgreementRow, tenant, read_agreement(line).as_json(), line["number"])


def _line(row: ServiceRow | DepositAgreementRow, names: tuple[str, ...]) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in ("number", *names)}
    return {name: value.isoformat() if name in _DAYS and value else value for name, value in told.items()}


def _enter(
    session: Session,
    table: type[ServiceRow] | type[DepositAgreementRow],
    tenant: str,
    told: Mapping[str, Any],
    number: int,
) -> None:
    values = {name: iso_day(value) if name in _DAYS and value else value for name, value in told.items()}
    row: Any = session.get(table, (tenant, told["code"]))
    if row is None:
        session.add(table(tenant_id=tenant, number=number, **values))
        return
    row.number = number
    for name, value in values.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
