"""Register the pages of the service in the application."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.authentication import current_person
from api.access.permissions import Public
from api.web.assets import PREFIX, Assets
from api.web.gone_page import GonePage, gone_page
from api.web.pages import (
    accueil,
    avis,
    bordereaux,
    calendrier,
    certificats,
    communications,
    connexion,
    conventions,
    depots,
    documents,
    echeances,
    entrees,
    etat,
    evenements,
    executions,
    gels,
    invitations,
    occulter,
    papier,
    paquets,
    plan,
    plan_echange,
    recherche,
    registres,
    regles,
    retraits,
    services,
    textes,
    tous_les_gels,
    tri,
    types,
    verifier,
    versements,
    visa_invite,
)
from api.web.render import Pages, in_language, pages_of, system_of
from archive.database.tenancy import acting_for

OPEN_MOUNTS: tuple[str, ...] = ()
GONE: Final = 410
LARGE_BODIES: tuple[str, ...] = ("/depots", "/verifier", "/versements", "/bordereaux/*/paquets/*/reponse")
SCANS: tuple[str, ...] = ("/api/v1/disposals/*/scans", "/bordereaux/*/papier")
"""Where the scan of a bordereau arrives."""
LISTS: tuple[str, ...] = ("/api/v1/disposals/*/lines.csv", "/bordereaux/*/avis")
"""Where the annotated list of one arrives."""

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
    registres.router,
    services.router,
    conventions.router,
    plan_echange.router,
    plan.router,
    calendrier.router,
    echeances.router,
    tri.router,
    bordereaux.router,
    executions.router,
    certificats.router,
    retraits.router,
    paquets.router,
    versements.router,
    papier.router,
    invitations.router,
    visa_invite.router,
    avis.router,
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
    if body["status"] == GONE and (page := _gone(request)) is not None:
        return pages_of(request).show(request, page, status=GONE)
    return pages_of(request).answer(request, "erreur.html", status=body["status"], problem=body)


def _gone(request: Request) -> GonePage | None:
    """Return the page of the record that a request asks for, where it is gone."""
    person, record_id = current_person(request), request.path_params.get("record_id")
    if person is None or record_id is None:
        return None
    with in_language(request), acting_for(person.tenant):
        return gone_page(system_of(request), person, record_id)
