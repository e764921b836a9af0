"""What a tenant knows of agencies, agreements and rules, for the entry checks of a package."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy.orm import Session

from archive.catalogue.producers import agreement_rows, tree_of
from archive.catalogue.rule_queries import rules_of
from archive.exchange.seda.known import Known
from archive.exchange.seda.transfer import Transfer
from archive.model import services
from archive.model.final_actions import FinalAction
from archive.model.services import Service
from archive.retention.access import access_rules
from archive.retention.civil import today_of


def known_to(session: Session, tenant: str, transfer: Transfer, now: datetime) -> Known:
    """Return what a tenant knows of what a transfer names.

    Services and agreements are judged where the tenant has registered any.
    """
    tree = tree_of(session, tenant)
    agreements = agreement_rows(session, tenant)
    told = {unit.content.originating_agency for unit in transfer.units.values()}
    named = {transfer.originating_agency, *(one.identifier for one in told if one is not None)}
    day = today_of(session, tenant, now).day
    references = {row.reference: None for row in agreements.values() if row.reference}
    return Known(
        producers=frozenset(one for one in named if one and services.find(tree, one, day)) if tree else None,
        agreements=dict.fromkeys(agreements) | references if agreements else None,
        retention_rules={
            code: FinalAction(versions[-1].final_action) for code, versions in rules_of(session, tenant).items()
        },
        access_rules=frozenset(access_rules()),
    )


def producer_name(tree: Mapping[str, Service], told: str | None, day: date) -> str | None:
    """Return the name that a service has today, however the transfer names it."""
    service = services.find(tree, told, day)
    if service is None:
        return told
    name = service.name_on(day)
    return name if services.find(tree, name, day) is service else service.code
