"""Routes of the files of certificates, and of the programs that check them offline."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import PageNeeds
from api.http.deliveries import attachment
from api.web.certificate_section import PROGRAMS
from api.web.render import system_of
from archive.disposition.disposals import bordereau
from archive.evidence.certificates import certificate_not_found
from archive.objects.layout import certificate_named

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("disposal:write", "disposal:visa"))]
_TYPES = {"json": "application/json", "pdf": "application/pdf"}


@router.get("/certificats/{program}")
def program(program: str, _person: Reader) -> Response:
    """Deliver a program that checks a certificate offline."""
    if program not in PROGRAMS:
        raise certificate_not_found()
    content = files("archive.evidence").joinpath(program).read_bytes()
    headers = {"Content-Disposition": attachment(program)}
    return Response(content, media_type="text/x-python; charset=utf-8", headers=headers)


@router.get("/bordereaux/{disposal_id}/certificats/{name}")
def certificate(request: Request, disposal_id: str, name: str, person: Reader) -> Response:
    """Deliver one file of a certificate."""
    system = system_of(request)
    with system.database.read() as session:
        row = bordereau.get(session, person.tenant, disposal_id)
    place = certificate_named(row.tenant_id, row.id, name)
    if place is None:
        raise certificate_not_found()
    name, content = system.certificates.read(row, place.supplement, place.form, public=place.public)
    headers = {"Content-Disposition": attachment(f"{row.reference}-{name}")}
    return Response(content, media_type=_TYPES[place.form], headers=headers)
