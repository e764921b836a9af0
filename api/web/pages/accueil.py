"""Routes of the home page, of a clerk and of an archivist, and of the figures on it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import PageNeeds
from api.views.due_csv import table_response
from api.web.archivist_page import archivist_page, chart
from api.web.home_page import home_page
from api.web.render import in_language, pages_of, system_of

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, person: Annotated[Caller, Depends(PageNeeds())]) -> Response:
    """Show what is to be done: to an archivist for the whole tenant, else for this person."""
    system = system_of(request)
    with in_language(request):
        if person.role == "archivist":
            return pages_of(request).show(request, archivist_page(system, person))
        return pages_of(request).show(request, home_page(system, person))


@router.get("/chiffres/{name}.csv")
def figures(request: Request, name: str, person: Annotated[Caller, Depends(PageNeeds("retention:write"))]) -> Response:
    """Deliver the figures behind a chart as CSV."""
    with in_language(request):
        found = chart(system_of(request), person.tenant, name)
        if found is None:
            raise HTTPException(404)
        return table_response(name, found.head, found.rows)
