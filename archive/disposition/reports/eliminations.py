"""Eliminations of a span of time: what each bordereau destroyed, under which visas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.orm import Session

from archive.catalogue.accessions import span_of
from archive.database.batches import batches
from archive.database.disposal_tables import DisposalLineRow, DisposalRow, DisposalVisaRow
from archive.disposition.reports.words import day
from archive.model.disposals import DisposalAction, LineState
from archive.retention.civil import civil_day, zone_of

_TOGETHER = 200


@dataclass(frozen=True)
class Elimination:
    """What one bordereau destroyed, or handed over, in a span of time.

    Attributes:
        visas: Each with its quality, its person and its day.
        begun: Day of the first line.
        ended: Day of the last one.
    """

    disposal: str
    reference: str
    title: str
    producer: str | None
    visas: tuple[str, ...]
    earliest: str | None
    latest: str | None
    begun: date
    ended: date
    records: int
    bytes: int


def every(
    session: Session,
    tenant: str,
    first: date,
    last: date,
    actions: tuple[DisposalAction, ...] = (DisposalAction.DESTROY, DisposalAction.REMOVE),
) -> Iterator[Elimination]:
    """Return what was eliminated from one day to another, in the order of bordereaux."""
    line, row, when = DisposalLineRow, DisposalRow, span_of(session, tenant, first, last)
    size = cast(line.frozen["size"].as_string(), BigInteger)
    dated = line.frozen["document_date"].as_string()
    asked = (
        select(
            line.disposal_id,
            func.count().label("records"),
            func.coalesce(func.sum(size), 0).label("bytes"),
            func.min(dated).label("earliest"),
            func.max(dated).label("latest"),
            func.min(line.done_at).label("begun"),
            func.max(line.done_at).label("ended"),
        )
        .join(row, row.id == line.disposal_id)
        .where(row.tenant_id == tenant, row.action.in_([one.value for one in actions]))
        .where(line.state == LineState.DESTROYED, line.done_at >= when.begin, line.done_at < when.end)
        .group_by(line.disposal_id)
        .order_by(line.disposal_id)
    )
    found = {one.disposal_id: one for one in session.execute(asked)}
    zone = zone_of(session, tenant)
    for some in batches(list(found), _TOGETHER):
        visas = _visas(session, some)
        told = {one.id: one for one in session.scalars(select(row).where(row.id.in_(some)))}
        for disposal in some:
            one, about = found[disposal], told[disposal]
            yield Elimination(
                disposal,
                about.reference,
                about.title,
                about.producer,
                tuple(visas.get(disposal, ())),
                one.earliest,
                one.latest,
                civil_day(one.begun, zone),
                civil_day(one.ended, zone),
                one.records,
                int(one.bytes),
            )


def _visas(session: Session, disposals: object) -> dict[str, list[str]]:
    visa, found = DisposalVisaRow, dict[str, list[str]]()
    asked = select(visa).where(visa.disposal_id.in_(disposals), visa.state == "given")  # type: ignore[arg-type]
    for one in session.scalars(asked.order_by(visa.given_on, visa.id)):
        quality = one.content.get("quality") or ""
        found.setdefault(one.disposal_id, []).append(
            ", ".join(part for part in (one.person, quality, day(one.given_on)) if part)
        )
    return found
