"""Route of the accession register's page."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import PageNeeds
from api.views import accession as views
from api.web.render import in_language, pages_of, system_of
from archive.catalogue.accessions import before

router = APIRouter(include_in_schema=False)

PAGE = 50


@router.get("/entrees")
def register(
    request: Request,
    person: Annotated[Caller, Depends(PageNeeds("record:read"))],
    mois: str = "",
    service: str = "",
    apres: str = "",
) -> Response:
    """Show one month: each producer's share, then the lines."""
    system = system_of(request)
    named = mois if re.fullmatch("[1-8][0-9]{3}-(0[1-9]|1[0-2])", mois) else None
    year, month = views.month_named(system, person.tenant, named)
    after = int(apres) if apres.isascii() and apres.isdigit() and len(apres) < 16 else -1
    with in_language(request):
        told, last = views.page(system, person.reader, year, month, service or None, after=after, limit=PAGE)
        here = "/entrees?" + urlencode({"mois": told["month"], **({"service": service} if service else {})})
        earlier = before(date(year, month, 1))
        return pages_of(request).answer(
            request,
            "entrees.html",
            tab="plan",
            help_anchor="plan",
            json_href="/api/v1/accessions?"
            + urlencode({"month": told["month"], **({"producer": service} if service else {})}),
            told=told,
            first=date(year, month, 1),
            service=service,
            earlier=f"/entrees?mois={earlier[0]:04}-{earlier[1]:02}",
            links={
                "previous": after >= 0,
                "first": here if after >= 0 else None,
                "next": f"{here}&apres={last}" if last is not None else None,
            },
        )
