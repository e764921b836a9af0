"""Deliveries that were made: found, listed, and what their receivers took over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.seda_tables import SedaDeliveryRow
from archive.model.identifiers import is_id
from archive.model.seda_states import DeliveryState
from signing.ground.errors import Refused


def get(session: Session, tenant: str, delivery_id: str) -> SedaDeliveryRow:
    """Return a delivery of this tenant.

    Raises:
        Refused: ``delivery_not_found``.
    """
    row = session.get(SedaDeliveryRow, delivery_id) if is_id(delivery_id) else None
    if row is None or row.tenant_id != tenant:
        raise Refused("delivery_not_found", "Cet envoi n’existe pas.", action="Vérifiez son identifiant.")
    return row


def page(
    session: Session, tenant: str, *, disposal: str | None = None, before: str | None = None, limit: int = 50
) -> Sequence[SedaDeliveryRow]:
    """Return deliveries, the last made first."""
    row = SedaDeliveryRow
    asked = select(row).where(row.tenant_id == tenant)
    if disposal is not None:
        asked = asked.where(row.disposal_id == disposal)
    if before is not None:
        asked = asked.where(row.id < before)
    return session.scalars(asked.order_by(row.id.desc()).limit(limit)).all()


def of_disposal(session: Session, disposal_id: str) -> Sequence[Mapping[str, Any]]:
    """Return the bodies of a bordereau's deliveries, in the order in which they were made."""
    row = SedaDeliveryRow
    return list(session.scalars(select(row.content).where(row.disposal_id == disposal_id).order_by(row.id)))


def package_told(row: SedaDeliveryRow, number: int) -> Mapping[str, Any]:
    """Return what a delivery says of one package.

    Raises:
        Refused: ``delivery_not_found``.
    """
    found = next((one for one in row.content["packages"] if one["number"] == number), None)
    if found is None:
        raise Refused("delivery_not_found", "Cet envoi n’a pas ce paquet.", action="Vérifiez son numéro.")
    told: Mapping[str, Any] = found
    return told


def taken_over(bodies: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Return the records that a receiver took over: package and ``record.json`` sent, by id."""
    return {
        record: (one["identifier"], stated)
        for body in bodies
        for one in body["packages"]
        if DeliveryState(one["state"]).takes_over
        for record, stated in one["records"]
    }


def refused_by_all(bodies: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the records of which the last package was refused."""
    last: dict[str, str] = {}
    for body in bodies:
        for one in body["packages"]:
            last |= {record: one["state"] for record, _ in one["records"]}
    return {record for record, state in last.items() if state == DeliveryState.REFUSED}
