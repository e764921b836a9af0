"""Routes of the calendar of due days: addresses with a token, and the calendar behind one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.calendar_links import create_link, link_reader, note_link_use, revoke_link
from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds, Public
from api.http.forms import typed_fields
from api.views.due_calendar import calendar_response
from api.web.calendar_page import calendar_page
from api.web.faults import Fault, in_words
from api.web.render import in_language, pages_of, system_of
from archive.database.tenancy import EVERYTHING, acting_for, found_to_be
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("record:read"))]


@router.get("/echeances/calendrier")
def show(request: Request, person: Reader) -> Response:
    """Show the addresses of a person."""
    with in_language(request), system_of(request).database.read() as session:
        page = calendar_page(session, person)
    return pages_of(request).show(request, page)


@router.post("/echeances/calendrier")
async def make(request: Request, person: Reader) -> Response:
    """Make an address, and show it this once."""
    return await run_in_threadpool(_made, request, person, await typed_fields(request))


@router.post("/echeances/calendrier/retirer")
async def revoke(request: Request, person: Reader) -> Response:
    """Revoke an address."""
    return await run_in_threadpool(_revoked, request, person, await typed_fields(request))


@router.get("/calendrier/{token}.ics", dependencies=[Depends(Public("the address holds a secret of its own"))])
def calendar(request: Request, token: str) -> Response:
    """Deliver the calendar behind an address: numbers, no title."""
    system = system_of(request)
    now = system.clock()
    with acting_for(EVERYTHING):  # the tenant is found by this very look-up
        with system.database.read() as session:
            found = link_reader(session, token, now)
        if found is not None and found[1] is not None:
            with system.database.write() as session:
                note_link_use(session, found[1], now)
    if found is None:
        raise Refused(
            "calendar_not_found",
            "Cette adresse de calendrier n’existe pas, ou ne sert plus.",
            action="Faites-en une autre sur la page « Échéances ».",
        )
    found_to_be(found[0].tenant)
    answer = calendar_response(system, found[0])
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _made(request: Request, person: Caller, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    address = ""
    faults: tuple[Fault, ...] = ()
    try:
        with system.database.write() as session:
            token = create_link(session, person, system.clock())
        address = f"{str(request.base_url).rstrip('/')}/calendrier/{token}.ics"
    except Refused as error:
        with in_language(request):
            faults = (Fault("#adresses", in_words(error)),)
    with in_language(request), system.database.read() as session:
        page = calendar_page(session, person, address, faults)
    return pages_of(request).show(request, page, status=422 if faults else 200)


def _revoked(request: Request, person: Caller, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    with system.database.write() as session:
        revoke_link(session, person, form.get("adresse", ""), system.clock())
    return RedirectResponse("/echeances/calendrier", 303)
