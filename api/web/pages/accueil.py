"""Route of the home page, from which a clerk starts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import PageNeeds
from api.web.home_page import home_page
from api.web.render import in_language, pages_of, system_of

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, person: Annotated[Caller, Depends(PageNeeds())]) -> Response:
    """Show the deposit form, what is left to do, and my last deposits."""
    with in_language(request):
        page = home_page(system_of(request), person)
    return pages_of(request).show(request, page)
