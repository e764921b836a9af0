"""Route of the administrator's page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import PageNeeds
from api.web.render import in_language, pages_of, system_of
from api.web.state_page import state_page

router = APIRouter(include_in_schema=False)


@router.get("/etat")
def state(request: Request, person: Annotated[Caller, Depends(PageNeeds("admin"))]) -> Response:
    """Show the state of the installation."""
    with in_language(request):
        page = state_page(system_of(request), request.app.state.health, person.tenant)
    return pages_of(request).show(request, page)
