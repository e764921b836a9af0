"""Routes of the administrator's page: the state, and the clock confirmed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import TypedFields
from api.web.render import in_language, pages_of, system_of
from api.web.state_page import state_page
from archive.journal.corrections import confirm

router = APIRouter(include_in_schema=False)


@router.get("/etat")
def state(request: Request, person: Annotated[Caller, Depends(PageNeeds("admin"))]) -> Response:
    """Show the state of the installation."""
    with in_language(request):
        page = state_page(system_of(request), request.app.state.health, person.tenant)
    return pages_of(request).show(request, page)


@router.post("/etat/horloge")
def confirm_clock(
    request: Request, person: Annotated[Caller, Depends(PageNeeds("admin"))], form: TypedFields
) -> Response:
    """Confirm that the machine's clock is right: what waited goes on."""
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    confirm(system.database, system.ledger, system.clock, system.time_sense, agent=person.agent)
    system.notifier.notify()
    return RedirectResponse("/etat", 303)
