"""Accession register (*registre des entrées*): what was received and kept, month by month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.catalogue import producers
from archive.catalogue.reading import Reader
from archive.catalogue.service_names import name_on, receptions, texts_of
from archive.database.tables import RecordRow, RepresentationRow
from archive.model.records import Kind
from archive.model.services import Tree
from archive.retention.civil import civil_day, zone_of

_AT_ONCE: Final = 1000


@dataclass(frozen=True)
class Accession:
    """One line of the register.

    Attributes:
        number: Of the journal entry that says that the record is kept; lines are in its order.
        received_at: When the deposit was received; None where the journal does not tell.
        title: None, like all that describes it, where a hold keeps the record from the reader.
        bytes: Of what was received.
        agreement: Deposit agreement under which it was received, as the journal tells.
        service: The producer's name on the day of the deposit, below those above it; None where
            the producer names no service of the tree.
    """

    number: int
    record: str
    deposit: str
    received_at: datetime | None
    kept_at: datetime
    producer: str | None
    title: str | None
    document_type: str | None
    file: str | None
    bytes: int
    agreement: str | None = None
    service: str | None = None


@dataclass(frozen=True)
class Share:
    """What one producer handed over in a month; ``producer`` is None where none was named."""

    producer: str | None
    records: int
    bytes: int


@dataclass(frozen=True)
class Month:
    """Days of a tenant's civil calendar, as moments; the last one no longer belongs to them."""

    begin: datetime
    end: datetime


def month_of(session: Session, tenant: str, year: int, month: int) -> Month:
    """Return a month where the tenant lives."""
    following = date(year + month // 12, month % 12 + 1, 1)
    return span_of(session, tenant, date(year, month, 1), following - timedelta(days=1))


def span_of(session: Session, tenant: str, first: date, last: date) -> Month:
    """Return the days from one to another, both counted, where the tenant lives."""
    try:
        zone = ZoneInfo(zone_of(session, tenant))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no time zone database on this machine
        zone = ZoneInfo("UTC")
    midnights = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in (first, last + timedelta(days=1)))
    return Month(*(moment.astimezone(UTC) for moment in midnights))


def every(session: Session, reader: Reader, when: Month, *, producer: str | None = None) -> Iterator[Accession]:
    """Return all lines of a span of time, a page at a time."""
    tree, after = producers.tree_of(session, reader.tenant), -1
    while found := page(session, reader, when, producer=producer, after=after, limit=_AT_ONCE, tree=tree):
        yield from found
        after = found[-1].number
        session.expunge_all()  # a register of a million lines does not stay in memory


def page(
    session: Session,
    reader: Reader,
    month: Month,
    *,
    producer: str | None = None,
    after: int = -1,
    limit: int = 50,
    tree: Tree | None = None,
) -> Sequence[Accession]:
    """Return the lines of a month after a number; of one producer if it is named.

    Args:
        tree: The tenant's services, where page after page is asked for.
    """
    kept, tenant = RecordRow.kept_at, reader.tenant
    query = select(RecordRow).where(RecordRow.tenant_id == tenant, kept >= month.begin, kept < month.end)
    query = query.where(RecordRow.kept_entry > after)
    if producer is not None:
        named = RecordRow.producer.in_(texts_of(session, tenant, producer))
        query = query.where(named, *reader.conditions(session))
    rows = session.scalars(query.order_by(RecordRow.kept_entry).limit(limit)).all()
    received, form = receptions(session, tenant, [row.deposit_id for row in rows]), RepresentationRow
    sizes = select(form.record_id, form.size).where(
        form.record_id.in_([row.id for row in rows]), form.kind == Kind.ORIGINAL.value
    )
    hidden = reader.hidden_among(session, [row.id for row in rows])
    volume = {record: size for record, size in session.execute(sizes)}  # noqa: C416 - no pairs to mypy
    lines = [
        Accession(
            row.kept_entry,
            row.id,
            row.deposit_id,
            received[row.deposit_id].at if row.deposit_id in received else None,
            row.kept_at,
            row.producer,
            row.title,
            row.document_type,
            row.file,
            volume.get(row.id, 0),
            received[row.deposit_id].agreement if row.deposit_id in received else None,
        )
        for row in rows
    ]
    lines = _with_services(session, tenant, lines, tree)
    return [
        replace(one, producer=None, title=None, document_type=None, file=None, agreement=None, service=None)
        if one.record in hidden
        else one
        for one in lines
    ]


def _with_services(session: Session, tenant: str, lines: Sequence[Accession], tree: Tree | None) -> list[Accession]:
    """Return lines with the name that each producer had on the day of its deposit."""
    if tree is None:
        tree = producers.tree_of(session, tenant) if any(one.producer for one in lines) else {}
    zone, named = zone_of(session, tenant), list[Accession]()
    for one in lines:
        day = civil_day(one.received_at or one.kept_at, zone)
        named.append(replace(one, service=name_on(tree, one.producer, day)))
    return named


def shares(session: Session, reader: Reader, month: Month) -> list[Share]:
    """Return what each producer handed over in a month, the largest number first."""
    form = RepresentationRow
    query = (
        select(RecordRow.producer, func.count(), func.sum(form.size))
        .outerjoin(form, (form.record_id == RecordRow.id) & (form.kind == Kind.ORIGINAL.value))
        .where(RecordRow.tenant_id == reader.tenant, RecordRow.kept_at >= month.begin, RecordRow.kept_at < month.end)
        .where(*reader.conditions(session))
        .group_by(RecordRow.producer)
    )
    found = [Share(producer, number, int(volume or 0)) for producer, number, volume in session.execute(query)]
    return sorted(found, key=lambda one: (-one.records, one.producer or ""))


def before(day: date) -> tuple[int, int]:
    """Return year and month before the month of a day."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.year, last.month
