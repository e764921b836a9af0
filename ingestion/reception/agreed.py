"""Deposit agreements at the door: the one under which a deposit is made, before it is received."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.catalogue.accessions import Month, month_of
from archive.catalogue.producers import agreement_of, agreement_rows, is_agreement_required, tree_of
from archive.database.producer_tables import DepositAgreementRow
from archive.model import services
from archive.model.deposit_agreements import (
    ALONE,
    Agreement,
    FoundFormat,
    Offered,
    bound,
    choose,
    require_room,
    understood_producer,
)
from archive.model.records import Digests
from archive.model.services import Service
from archive.retention.civil import today_of
from ingestion.reception.submission import AGREEMENT, Submission
from ingestion.tables import DepositRow
from signing.ground.errors import Unavailable

FormatFinder = Callable[[Path, Submission, Digests], Mapping[str, Any]]
"""Function that identifies received bytes: ``media_type`` and ``puid``, None where unknown."""


@dataclass(frozen=True)
class Agreed:
    """What an agreement makes of a deposit.

    Attributes:
        code: Of the agreement; None: no agreement binds the depositor.
        number: Of the agreement as it was read.
        fields: Those that the deposit lacks and the agreement gives.
    """

    code: str | None = None
    number: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Terms:
    """All that a tenant's agreements say on one day."""

    agreements: Mapping[str, Agreement]
    numbers: Mapping[str, int]
    received: Mapping[str, int]
    """Deposits of this month, by agreement."""
    tree: Mapping[str, Service]
    day: date
    required: bool


def terms_of(session: Session, tenant: str, now: datetime, *, count_all: bool = False) -> Terms:
    """Read a tenant's agreements, and how many deposits each had this month.

    Args:
        count_all: Whether those of agreements without a limit are counted too.
    """
    rows = agreement_rows(session, tenant)
    day = today_of(session, tenant, now).day
    month = month_of(session, tenant, day.year, day.month)
    limited = [code for code, row in rows.items() if count_all or row.max_per_month is not None]
    return Terms(
        {code: agreement_of(row) for code, row in rows.items()},
        {code: row.number for code, row in rows.items()},
        {code: _received(session, tenant, code, month) for code in limited},
        tree_of(session, tenant) if rows else {},
        day,
        is_agreement_required(session, tenant),
    )


def open_to(terms: Terms, agent: str, producer: str | None) -> list[Agreement]:
    """Return the agreements in force under which somebody may deposit for a service."""
    service = services.find(terms.tree, producer, terms.day)
    above = services.chain(terms.tree, service.code) if service is not None else ()
    fields = {"producer": producer} if producer else {}
    offered = Offered(
        agent, above, fields, 0, lambda: FoundFormat(None, None), lambda code: terms.received.get(code, 0)
    )
    return [one for one in bound(terms.agreements.values(), offered) if one.is_in_force(terms.day)]


def agree(terms: Terms, submission: Submission, size: int, identify: Callable[[], Mapping[str, Any]]) -> Agreed:
    """Return the agreement under which a submission is received.

    Args:
        identify: Finds the format by the bytes; called once at most, if an agreement limits it.

    Raises:
        Refused: See ``deposit_agreements.choose``.
    """
    given = {name: value for name, value in submission.fields.items() if value.strip()}
    producer = services.find(terms.tree, given.get("producer"), terms.day)

    @cache
    def found() -> FoundFormat:
        told = identify()
        return FoundFormat(told.get("media_type"), told.get("puid"))

    offered = Offered(
        submission.agent,
        services.chain(terms.tree, producer.code, terms.day) if producer is not None else (),
        given,
        size,
        found,
        lambda code: terms.received.get(code, 0),
    )
    named = given.get(AGREEMENT.name)
    agreement = choose(terms.agreements.values(), offered, named, terms.day, required=terms.required)
    if agreement is None:
        return Agreed()
    fields = {name: value for name, value in agreement.defaults.items() if name not in given}
    understood = understood_producer(agreement, given)
    if understood is not None:
        fields["producer"] = _name(terms, understood)
    return Agreed(agreement.code, terms.numbers[agreement.code], fields)


def require_still(session: Session, tenant: str, agreed: Agreed, now: datetime) -> None:
    """Refuse a deposit whose agreement was changed, or used up by others, since it was read.

    Called in the transaction that receives it: the row of the agreement makes deposits under it
    wait for each other.

    Raises:
        Refused: ``agreement_month_full``.
        Unavailable: ``agreement_changed``.
    """
    if agreed.code is None:
        return
    row = session.get(DepositAgreementRow, (tenant, agreed.code), with_for_update=True)
    if row is None or row.number != agreed.number:
        raise Unavailable(
            "agreement_changed",
            "La convention de versement vient de changer.",
            kept=ALONE,
            action="Réessayez.",
        )
    day = today_of(session, tenant, now).day
    month = month_of(session, tenant, day.year, day.month)
    require_room(agreement_of(row), lambda code: _received(session, tenant, code, month))


def _received(session: Session, tenant: str, code: str, month: Month) -> int:
    row = DepositRow
    query = select(func.count()).where(
        row.tenant_id == tenant,
        row.agreement == code,
        row.received_at >= month.begin,
        row.received_at < month.end,
    )
    return session.scalar(query) or 0


def _name(terms: Terms, code: str) -> str:
    """Return the name that a service has today, or its code where its name is not its own alone."""
    service = terms.tree.get(code)
    name = service.name_on(terms.day) if service is not None else code
    return name if services.find(terms.tree, name, terms.day) is service else code
