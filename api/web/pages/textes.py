"""Routes of the fixed texts: help for each page, and the accessibility statement."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from api.access.permissions import Public
from api.web.render import pages_of

router = APIRouter(include_in_schema=False)

_ANYBODY = Depends(Public("words about the service itself, the same for everybody"))


@router.get("/aide", dependencies=[_ANYBODY])
def help_page(request: Request) -> Response:
    """Show the help, with one section for each page."""
    return pages_of(request).answer(request, "aide.html")


@router.get("/accessibilite", dependencies=[_ANYBODY])
def accessibility(request: Request) -> Response:
    """Show what was checked about accessibility, and what was not."""
    return pages_of(request).answer(request, "accessibilite.html")
