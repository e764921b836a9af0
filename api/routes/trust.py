"""Route ``/.well-known/chartrier.json``: the trust file of this installation."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from api.access.permissions import Public
from api.views.trust import trust_file_of

router = APIRouter(include_in_schema=False)

PATH = "/.well-known/chartrier.json"


@router.get(PATH, dependencies=[Depends(Public("whoever checks evidence must know whose it has to be; public facts"))])
def trust(request: Request) -> Response:
    """Qui doit avoir scellé et journalisé ici : le fichier que « verify.py --trust » demande."""
    content = trust_file_of(request.app.state.system) + b"\n"
    return Response(content, media_type="application/json", headers={"Cache-Control": "max-age=3600"})
