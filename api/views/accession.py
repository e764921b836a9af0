"""Views of the accession register."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from archive.catalogue import accessions
from archive.catalogue.accessions import Accession
from archive.catalogue.reading import Reader
from archive.retention.civil import today_of
from signing.ground.clock import stamp

if TYPE_CHECKING:
    from ingestion.assembly import System

COLUMNS: Final = (
    "number",
    "received_at",
    "kept_at",
    "producer",
    "title",
    "document_type",
    "file",
    "bytes",
    "record",
    "deposit",
    "agreement",
    "service",
)


def month_named(system: System, tenant: str, month: str | None) -> tuple[int, int]:
    """Return year and month of ``2026-03``; without one, those of today where the tenant lives."""
    if month is not None:
        return int(month[:4]), int(month[5:])
    with system.database.read() as session:
        today = today_of(session, tenant, system.clock()).day
    return today.year, today.month


def line(one: Accession) -> dict[str, Any]:
    """Return the JSON of a line."""
    told = {name: getattr(one, name) for name in COLUMNS}
    received = stamp(one.received_at) if one.received_at is not None else None
    return told | {"received_at": received, "kept_at": stamp(one.kept_at)}


def page(
    system: System, reader: Reader, year: int, month: int, producer: str | None, *, after: int, limit: int
) -> tuple[dict[str, Any], int | None]:
    """Return one page of a month's lines with every producer's share, and where it goes on."""
    with system.database.read() as session:
        when = accessions.month_of(session, reader.tenant, year, month)
        found = accessions.page(session, reader, when, producer=producer, after=after, limit=limit + 1)
        shares = accessions.shares(session, reader, when)
    body = {
        "month": f"{year:04}-{month:02}",
        "accessions": [line(one) for one in found[:limit]],
        "producers": [{"producer": one.producer, "records": one.records, "bytes": one.bytes} for one in shares],
    }
    return body, found[limit - 1].number if len(found) > limit else None


def whole(system: System, reader: Reader, year: int, month: int, producer: str | None) -> Iterator[dict[str, Any]]:
    """Return every line of a month, one after another."""
    with system.database.read() as session:
        when = accessions.month_of(session, reader.tenant, year, month)
        for one in accessions.every(session, reader, when, producer=producer):
            yield line(one)
