"""Refuse changes that a page of another site makes a browser send."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from starlette.requests import Request

from api.access.authentication import current_person
from signing.ground.errors import Refused


def same_origin(request: Request) -> bool:
    """Return whether the browser's headers show that a page of ours made the request.

    False when it sends neither ``Sec-Fetch-Site`` nor ``Origin``: every browser since 2020 sends
    ``Origin`` on POST.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host", "")


def require_same_origin(request: Request) -> None:
    """Refuse a request that a page of another site made a browser send.

    Raises:
        Refused: ``cross_site``.
    """
    if not same_origin(request):
        raise Refused(
            "cross_site",
            "Cette demande ne vient pas d’une page de ce service.",
            action="Rechargez la page puis recommencez.",
        )


def require_csrf(request: Request, token: str | None = None) -> None:
    """Refuse a change by a session without the proof that one of our pages asked for it.

    Args:
        request: Its ``X-CSRF-Token`` header counts when no token is given.
        token: The form's ``csrf`` field.

    Raises:
        Refused: ``cross_site``, ``csrf_refused``.
    """
    require_same_origin(request)
    person = current_person(request)
    given = token or request.headers.get("x-csrf-token") or ""
    if person is None or person.csrf is None or not secrets.compare_digest(given.encode(), person.csrf.encode()):
        raise Refused(
            "csrf_refused",
            "La page a expiré avant l’envoi : rien n’a été modifié.",
            action="Rechargez la page puis recommencez.",
        )
