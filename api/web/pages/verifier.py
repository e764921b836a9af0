"""Public verification."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from api.permissions import Public
from api.web.render import pages_of

router = APIRouter(include_in_schema=False)


@router.get("/verifier", dependencies=[Depends(Public("whoever holds a document may ask about it"))])
def ask(request: Request) -> Response:
    """The form."""
    return pages_of(request).answer(
        request, "verifier.html", help_anchor="verifier", opinion=None, fault=None
    )
