"""Routes of the due lists: the page, its CSV, a hold on the records chosen there."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.cursors import Cursors
from api.http.forms import read_form, texts_of
from api.views import hold as hold_views
from api.views.due_csv import csv_response
from api.web.due_page import asked_of, due_page, query_of
from api.web.faults import Fault, in_words
from api.web.render import in_language, pages_of, system_of
from archive.disposition.holds.terms import Terms, listed
from archive.retention.civil import today_of
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("record:read"))]
Holder = Annotated[Caller, Depends(PageNeeds("hold:write"))]


@router.get("/echeances")
def due(request: Request, person: Reader, geles: int = 0) -> Response:
    """Show what is due as of a day, and what stands in the way of the rest."""
    cursors: Cursors = request.app.state.cursors
    with in_language(request):
        page = due_page(system_of(request), person, dict(request.query_params), cursors, held=max(0, geles))
    return pages_of(request).show(request, page, status=422 if page.faults else 200)


@router.get("/echeances.csv")
def due_as_csv(request: Request, person: Reader) -> Response:
    """Deliver the same list as CSV, whole."""
    system = system_of(request)
    with system.database.read() as session:
        today = today_of(session, person.tenant, system.clock()).day
        narrowed = person.reader.is_narrowed(session)
    asked = asked_of(dict(request.query_params), today)
    query = replace(query_of(asked), read_by_all=narrowed)
    return csv_response(system.database, person.tenant, asked.day, query, asked.state)


@router.post("/echeances/geler")
async def hold(request: Request, person: Holder) -> Response:
    """Hold the records that were chosen in the list."""
    async with read_form(request) as given:
        return await run_in_threadpool(_held, request, person, given)


def _held(request: Request, person: Caller, form: FormData) -> Response:
    texts: dict[str, Any] = {**texts_of(form)}
    require_csrf(request, texts.get("csrf", ""))
    system = system_of(request)
    chosen = [str(one) for one in form.getlist("record")]
    with system.database.read() as session:
        today = today_of(session, person.tenant, system.clock()).day
    back = asked_of(texts, today)
    try:
        scope, reason = listed(chosen), texts.get("reason", "")
        hold_views.place(system, person.tenant, scope, reason=reason, terms=Terms(), agent=person.agent)
    except Refused as error:
        cursors: Cursors = request.app.state.cursors
        with in_language(request):
            page = due_page(system, person, back.given, cursors)
            href = "#motif" if chosen else "#lignes"
            page = page.refused(Fault(href, in_words(error)), texts.get("reason", ""), frozenset(chosen))
        return pages_of(request).show(request, page, status=422)
    return RedirectResponse(back.href(geles=str(len(set(chosen)))), 303)
