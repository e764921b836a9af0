"""Routes of the pages on which an archivist invites guests, and of mails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.views import invitation as views
from api.web.faults import Fault, in_words
from api.web.invitations_page import invitations_page, mails_page
from api.web.render import in_language, pages_of, system_of
from archive.disposition import mails
from archive.disposition.disposals.population import bad_disposal
from archive.model.disposals import VisaStep
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Archivist = Annotated[Caller, Depends(PageNeeds("disposal:write"))]
Watcher = Annotated[Caller, Depends(PageNeeds("disposal:write", "admin"))]
_FIELDS: Final = {
    "/person": "#personne",
    "/quality": "#fonction",
    "/mail": "#adresse",
    "/heads": "#dirige",
    "/days": "#jours",
    "/step": "#etape",
}


@router.get("/bordereaux/{disposal_id}/invitations")
def show(request: Request, disposal_id: str, person: Archivist) -> Response:
    """Show whom one has invited, and the form."""
    with in_language(request):
        return pages_of(request).show(request, invitations_page(system_of(request), person, disposal_id, {}))


@router.post("/bordereaux/{disposal_id}/invitations")
async def invite(request: Request, disposal_id: str, person: Archivist) -> Response:
    """Invite a guest, and show the code this once."""
    return await run_in_threadpool(_invited, request, person, disposal_id, await typed_fields(request))


@router.post("/bordereaux/{disposal_id}/invitations/retirer")
async def revoke(request: Request, disposal_id: str, person: Archivist) -> Response:
    """Revoke an invitation."""
    return await run_in_threadpool(_revoked, request, person, disposal_id, await typed_fields(request))


@router.get("/courriels")
def show_mails(request: Request, person: Watcher, etat: str = "", avant: str | None = None) -> Response:
    """Show the mails of the tenant."""
    with in_language(request):
        return pages_of(request).show(request, mails_page(system_of(request), person, etat, avant))


@router.post("/courriels")
async def decide_mail(request: Request, person: Archivist) -> Response:
    """Try a mail again, or say that it was sent by hand."""
    return await run_in_threadpool(_mail_decided, request, person, await typed_fields(request))


def _invited(request: Request, person: Caller, disposal_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system, address = system_of(request), str(request.base_url).rstrip("/")
    try:
        made = views.invite(system, person.tenant, person.agent, disposal_id, _told(form), address)
    except Refused as error:
        if error.code == "disposal_not_found":
            raise
        with in_language(request):
            faults = (Fault(_FIELDS.get(error.pointer or "", "#inviter"), in_words(error)),)
            page = invitations_page(system, person, disposal_id, form, faults)
        return pages_of(request).show(request, page, status=422)
    with in_language(request):
        return pages_of(request).show(request, invitations_page(system, person, disposal_id, {}, made=made))


def _revoked(request: Request, person: Caller, disposal_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    views.revoke(system_of(request), person.tenant, person.agent, disposal_id, form.get("invitation", ""))
    return RedirectResponse(f"/bordereaux/{disposal_id}/invitations", 303)


def _mail_decided(request: Request, person: Caller, form: Mapping[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system, mail_id = system_of(request), form.get("courriel", "")
    do = mails.send_again if form.get("quoi") == "relancer" else mails.note_copied
    try:
        with system.database.write() as session:
            do(session, person.tenant, mail_id, system.clock())
    except Refused as error:
        if error.code == "mail_not_found":
            raise
        with in_language(request):
            page = mails_page(system, person, form.get("etat", ""), None, (Fault("", in_words(error)),))
        return pages_of(request).show(request, page, status=409)
    return RedirectResponse("/courriels", 303)


def _told(form: Mapping[str, str]) -> dict[str, Any]:
    """Return an invitation as the API takes it.

    Raises:
        Refused: ``bad_disposal``.
    """
    step, days = form.get("etape", ""), form.get("jours", "")
    if step not in set(VisaStep):
        raise bad_disposal("/step", "Dites pour quel visa.")
    if not days.isdecimal() or len(days) > 3:
        raise bad_disposal("/days", "Un lien vaut d’un à quatre-vingt-dix jours.")
    return {
        "step": step,
        "person": form.get("personne", ""),
        "quality": form.get("fonction", ""),
        "mail": form.get("adresse", ""),
        "heads": form.get("dirige", "") or None,
        "days": int(days),
        "by_mail": form.get("voie") == "courriel",
    }
