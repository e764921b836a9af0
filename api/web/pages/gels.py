"""Routes that place and release holds from a record's page; they work without scripts too."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.views import hold as hold_views
from api.views.record import find_record
from api.web.hold_form import refused_hold, typed_end
from api.web.record_page import Visit, record_page
from api.web.render import in_language, pages_of, system_of
from archive.disposition.holds.terms import Terms, listed
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Holder = Annotated[Caller, Depends(PageNeeds("hold:write"))]


@router.post("/documents/{record_id}/geler")
async def place(request: Request, record_id: str, person: Holder) -> Response:
    """Hold this record."""
    return await run_in_threadpool(_placed, request, person, record_id, await typed_fields(request))


@router.post("/documents/{record_id}/gels/{hold_id}/lever")
async def release(request: Request, record_id: str, hold_id: str, person: Holder) -> Response:
    """Release a hold, for every record that it covers."""
    return await run_in_threadpool(_released, request, person, record_id, hold_id, await typed_fields(request))


def _placed(request: Request, person: Caller, record_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    _require(system, person, record_id)
    try:
        reason, until = form.get("reason", ""), typed_end(form)
        hold_views.place(
            system, person.tenant, listed([record_id]), reason=reason, terms=Terms(until), agent=person.agent
        )
    except Refused as error:
        return _refused(request, person, record_id, error, form)
    return RedirectResponse(f"/documents/{record_id}#gel", 303)


def _released(request: Request, person: Caller, record_id: str, hold_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    _require(system, person, record_id)
    try:
        hold_views.release(system, person.tenant, hold_id, reason=form.get("reason", ""), agent=person.agent)
    except Refused as error:
        if error.code == "hold_not_found":
            raise
        return _refused(request, person, record_id, error, form, hold_id)
    return RedirectResponse(f"/documents/{record_id}#gel", 303)


def _require(system: Any, person: Caller, record_id: str) -> None:
    with system.database.read() as session:
        find_record(session, person.tenant, record_id)


def _refused(
    request: Request, person: Caller, record_id: str, error: Refused, form: dict[str, str], hold_id: str = ""
) -> Response:
    with in_language(request):
        visit = Visit(hold=refused_hold(error, form, hold_id))
        page = record_page(system_of(request), person, record_id, visit)
    return pages_of(request).show(request, page, status=422)
