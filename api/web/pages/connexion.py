"""Routes to log in with a one-time link, log out and choose the language."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.authentication import current_person, session_token
from api.access.csrf import require_csrf, require_same_origin
from api.access.permissions import PageNeeds, Public
from api.access.rates import check_rate
from api.access.sessions import COOKIE, SECURE_COOKIE, SESSION_LONGEST, close_session, link_is_good, use_login_link
from api.http.forms import TypedFields
from api.http.i18n import LANGUAGES
from api.web.render import pages_of, system_of
from archive.database.tenancy import EVERYTHING, acting_for
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

_STRANGERS = Depends(Public("whoever logs in is a stranger until then"))


@router.get("/connexion", dependencies=[_STRANGERS])
def ask(request: Request) -> Response:
    """Explain how to log in; redirect a person already logged in to the home page."""
    if current_person(request) is not None:
        return RedirectResponse("/", 303)
    return pages_of(request).answer(request, "connexion.html", help_anchor="connexion", fault=None)


@router.post("/connexion", dependencies=[_STRANGERS])
def follow_pasted_link(request: Request, form: TypedFields) -> Response:
    """Accept a link that was pasted instead of clicked."""
    require_same_origin(request)
    token = urlsplit(form.get("link", "").strip()).path.rstrip("/").rpartition("/")[2]
    if not token or not token.replace("-", "").replace("_", "").isalnum():
        return pages_of(request).answer(
            request, "connexion.html", status=422, help_anchor="connexion", fault="unreadable"
        )
    return RedirectResponse(f"/connexion/{token}", 303)


@router.get("/connexion/{token}", dependencies=[_STRANGERS])
def confirm(request: Request, token: str) -> Response:
    """Ask for one click more: programs that open links in mails must not spend them."""
    system = system_of(request)
    with (
        acting_for(EVERYTHING),
        system.database.read() as session,
    ):  # the tenant is in the link's row
        good = link_is_good(session, token, system.clock())
    return pages_of(request).answer(
        request,
        "connexion_lien.html",
        status=200 if good else 404,
        help_anchor="connexion",
        good=good,
        action=request.scope["path"],
    )


@router.post("/connexion/{token}", dependencies=[_STRANGERS])
def enter(request: Request, token: str) -> Response:
    """Open a session with the link, once."""
    require_same_origin(request)
    check_rate(request, "login")
    system = system_of(request)
    try:
        with acting_for(EVERYTHING), system.database.write() as session:
            opened = use_login_link(session, token, system.clock())
    except Refused:
        return pages_of(request).answer(
            request,
            "connexion_lien.html",
            status=404,
            help_anchor="connexion",
            good=False,
            action=request.scope["path"],
        )
    response = RedirectResponse("/", 303)
    secure: bool = request.app.state.secure
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        opened.token,
        max_age=int(SESSION_LONGEST.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response


@router.post("/deconnexion", dependencies=[Depends(PageNeeds())])
def leave(request: Request, form: TypedFields) -> Response:
    """Close the session, in the browser and on the server."""
    require_csrf(request, form.get("csrf", ""))
    token = session_token(request)
    if token is not None:
        with system_of(request).database.write() as session:
            close_session(session, token)
    response = RedirectResponse("/connexion", 303)
    for name in (COOKIE, SECURE_COOKIE):
        response.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@router.post("/langue", dependencies=[Depends(Public("strangers read too; sets a cookie, changes nothing here"))])
def choose_language(request: Request, form: TypedFields) -> Response:
    """Remember the language of pages in this browser."""
    require_same_origin(request)
    lang, retour = form.get("lang", "fr"), form.get("retour", "/")
    target = urlsplit(retour)
    inside = retour.startswith("/") and not retour.startswith(("//", "/\\")) and not target.netloc
    response = RedirectResponse(retour if inside else "/", 303)
    if lang in LANGUAGES:
        response.set_cookie(
            "lang",
            lang,
            max_age=365 * 86400,
            path="/",
            samesite="lax",
            httponly=True,
            secure=request.app.state.secure,
        )
    return response
