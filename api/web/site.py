"""Register the pages of the service in the application."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.permissions import Public
from api.web.assets import PREFIX, Assets
from api.web.pages import (
    accueil,
    bordereaux,
    calendrier,
    communications,
    connexion,
    conventions,
    depots,
    documents,
    echeances,
    entrees,
    etat,
    evenements,
    gels,
    occulter,
    plan,
    plan_echange,
    recherche,
    regles,
    services,
    textes,
    tous_les_gels,
    tri,
    types,
    verifier,
)
from api.web.render import Pages, pages_of

OPEN_MOUNTS: tuple[str, ...] = ()
LARGE_BODIES: tuple[str, ...] = ("/depots", "/verifier")

_static = APIRouter(include_in_schema=False)


@_static.get(PREFIX + "/{path:path}", dependencies=[Depends(Public("our own style, icons and scripts"))])
def static(request: Request, path: str) -> Response:
    """Serve a static file, under the name that carries its digest."""
    return pages_of(request).assets.answer(request, path)


@_static.get("/favicon.ico", dependencies=[Depends(Public("browsers ask for it by themselves"))])
def favicon(request: Request) -> Response:
    """Redirect to the icon; browsers ask here on answers that are not pages."""
    return RedirectResponse(pages_of(request).assets.url("favicon.svg"), 308)


ROUTERS: Final = (
    _static,
    connexion.router,
    accueil.router,
    depots.router,
    recherche.router,
    documents.router,
    evenements.router,
    communications.router,
    regles.router,
    types.router,
    occulter.router,
    gels.router,
    tous_les_gels.router,
    entrees.router,
    services.router,
    conventions.router,
    plan_echange.router,
    plan.router,
    calendrier.router,
    echeances.router,
    tri.router,
    bordereaux.router,
    verifier.router,
    etat.router,
    textes.router,
)


def register(app: FastAPI) -> None:
    """Add what shows pages and static files, and the page form of errors."""
    app.state.pages = _pages()
    app.state.problem_page = problem_page


@cache
def _pages() -> Pages:
    """Read the static files and templates, which know no system, once a process."""
    return Pages(Assets())


def problem_page(request: Request, body: dict[str, Any]) -> Response:
    """Answer with a problem as a page; redirect to the login page if nobody is logged in."""
    if body["code"] == "not_authenticated":
        if request.headers.get("hx-request") == "true":
            return Response(status_code=401, headers={"HX-Redirect": "/connexion"})
        return RedirectResponse("/connexion", 303)
    return pages_of(request).answer(request, "erreur.html", status=body["status"], problem=body)
