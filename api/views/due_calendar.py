"""The due days as a calendar, for a caller with a key and for a calendar program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from api.views.due import calendar
from archive.catalogue.reading import Reader
from archive.database.tables import TenantRow
from archive.disposition.due_counts import falling_due
from archive.retention.civil import today_of

if TYPE_CHECKING:
    from ingestion.assembly import System

_YEARS: Final = 10


def calendar_response(system: System, reader: Reader) -> Response:
    """Answer with what falls due in ten years of what a reader may read: numbers, no title."""
    now, tenant = system.clock(), reader.tenant
    with system.database.read() as session:
        today = today_of(session, tenant, now).day
        until = today.replace(year=min(today.year + _YEARS, 9999), day=1)
        narrowed = reader.is_narrowed(session)
        found = falling_due(session, tenant, today.replace(day=1), until, read_by_all=narrowed)
        name = session.get_one(TenantRow, tenant).name
    content = calendar(tenant, name, found, stamp=f"{now:%Y%m%dT%H%M%SZ}")
    return Response(content, media_type="text/calendar; charset=utf-8")
