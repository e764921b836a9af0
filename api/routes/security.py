"""Route ``/.well-known/security.txt``: the contact for security faults (RFC 9116)."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.access.permissions import Public
from ingestion.settings import ApiSettings

router = APIRouter(include_in_schema=False)

PATH = "/.well-known/security.txt"


@router.get(PATH, dependencies=[Depends(Public("whoever finds a fault must be able to tell; holds nothing else"))])
def security(request: Request) -> Response:
    """L’adresse à laquelle signaler une faille, si l’administration en a donné une.

    Raises:
        HTTPException: 404 while no address is set.
    """
    settings: ApiSettings = request.app.state.system.settings.api
    if settings.security is None:
        raise HTTPException(404)
    lines = [
        f"Contact: {settings.security.contact}",
        f"Expires: {settings.security.expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: fr, en",
    ]
    if settings.public_url.startswith("https://"):
        lines.append(f"Canonical: {settings.public_url}{PATH}")
    text = "".join(f"{line}\n" for line in lines)
    return Response(text, media_type="text/plain", headers={"Cache-Control": "max-age=3600"})
