"""Routes of guests: a link, a code, one bordereau, one visa; no account and no scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.authentication import set_aside_account
from api.access.callers import Caller
from api.access.csrf import require_same_origin
from api.access.guests import (
    COOKIE,
    LONGEST,
    PATH,
    SECURE_COOKIE,
    Guest,
    close_guest_sessions,
    current_guest,
    open_guest_session,
    require_guest_csrf,
    require_not_inviter,
)
from api.access.permissions import Public
from api.access.rates import check_rate
from api.http.forms import typed_fields
from api.web.faults import Fault, in_words
from api.web.guest_page import guest_page, is_target, place_of, read_page, whole_of
from api.web.render import in_language, pages_of, system_of
from archive.database.disposal_tables import DisposalRow
from archive.database.guest_tables import InvitationRow
from archive.database.tenancy import EVERYTHING, acting_for, found_to_be
from archive.disposition.act import Act
from archive.disposition.disposals import guest_visas, invitations
from archive.disposition.disposals.invitations import TRIES, Standing, agent_of, standing
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False, dependencies=[Depends(Public("the link holds a secret of its own"))])

_FIELDS: Final = {"/decision": "#reste", "/quality": "#qualite", "/not_before": "#pas-avant"}
_NO_SESSION: Final = "ended"


@router.get("/visa/bordereau")
def show(request: Request) -> Response:
    """Show a part of the bordereau to its guest."""
    set_aside_account(request)
    guest = current_guest(request)
    if guest is None:
        return _said(request, _NO_SESSION, 403)
    with in_language(request):
        return pages_of(request).show(request, guest_page(system_of(request), guest, place_of(request.query_params)))


@router.post("/visa/bordereau")
async def decide(request: Request) -> Response:
    """Keep what a page decides and go to another one, or give the visa."""
    return await run_in_threadpool(_decided, request, await typed_fields(request))


@router.post("/visa/quitter")
async def leave(request: Request) -> Response:
    """Close the session; what was decided stays."""
    return await run_in_threadpool(_left, request, await typed_fields(request))


@router.get("/visa/{token}")
def ask(request: Request, token: str) -> Response:
    """Ask for the code: programs that open links in mails open nothing."""
    set_aside_account(request)
    row = _invitation(request, token)
    if row is None:
        return _said(request, "unknown", 404)
    if standing(row, system_of(request).clock()) is Standing.USED:
        return _served(request, row)
    guest = current_guest(request)
    if guest is not None and guest.invitation.id == row.id:
        return RedirectResponse("/visa/bordereau", 303)
    return _asked(request)


@router.post("/visa/{token}")
async def enter(request: Request, token: str) -> Response:
    """Open the bordereau with link and code."""
    return await run_in_threadpool(_entered, request, token, await typed_fields(request))


def _entered(request: Request, token: str, form: Mapping[str, str]) -> Response:
    require_same_origin(request)
    check_rate(request, "guest")
    account = set_aside_account(request)
    row = _invitation(request, token)
    if row is None:
        return _said(request, "unknown", 404)
    system = system_of(request)
    if standing(row, system.clock()) is Standing.USED:
        return _served(request, row)
    found_to_be(row.tenant_id)
    _require_not_inviter(request, account, row)
    cookie = ""
    with system.database.write() as session:
        there = session.get_one(InvitationRow, row.id)
        act = Act(session, system.ledger, row.tenant_id, agent_of(row), system.clock())
        if invitations.enter(act, system.guest_secrets, there, form.get("code", "")):
            cookie = open_guest_session(session, there, act.now)
        left = TRIES - there.wrong
    system.notifier.notify()
    if not cookie:
        return _asked(request, left=left) if left > 0 else _said(request, "closed", 404)
    response = RedirectResponse("/visa/bordereau", 303)
    secure: bool = request.app.state.secure
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        cookie,
        max_age=int(LONGEST.total_seconds()),
        path=PATH,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response


def _decided(request: Request, form: dict[str, str]) -> Response:
    require_same_origin(request)
    account = set_aside_account(request)
    guest = current_guest(request)
    if guest is None:
        return _said(request, _NO_SESSION, 403)
    require_guest_csrf(request, guest, form.get("csrf", ""))
    system, place = system_of(request), place_of(form)
    try:
        with system.database.write() as session:
            act = Act(session, system.ledger, guest.tenant, guest.agent, system.clock())
            row = session.get_one(InvitationRow, guest.invitation.id, with_for_update=True)
            known = guest_visas.decided(session, row.id, {name for name in form if is_target(name)})
            guest_visas.decide(act, row, read_page(form, known))
            guest_visas.keep_typed(act, row, form)
        if form.get("suite") != "donner":
            return RedirectResponse(_next(form) or place.address, 303)
        given = _given(request, guest, account, form)
    except Refused as error:
        if error.code == "visa_link_not_found":
            return _said(request, _NO_SESSION, 403)
        with in_language(request):
            faults = (Fault(_FIELDS.get(error.pointer or "", "#lignes"), in_words(error)),)
            page = guest_page(system, guest, place, form, faults)
        return pages_of(request).show(request, page, status=409 if error.code == "precondition_failed" else 422)
    system.notifier.notify()
    return pages_of(request).answer(request, "invite_donne.html", help_anchor="invite", reference=given.reference)


def _given(request: Request, guest: Guest, account: Caller | None, form: Mapping[str, str]) -> DisposalRow:
    whole, system = whole_of(form), system_of(request)
    number = form.get("number", "")
    with system.database.write() as session:
        require_not_inviter(account, session, guest.invitation)
        act = Act(session, system.ledger, guest.tenant, guest.agent, system.clock())
        given = guest_visas.give(
            act,
            guest.invitation.id,
            int(number) if number.isdecimal() and len(number) < 9 else -1,
            whole=whole,
            quality=form.get("qualite", ""),
            reference=form.get("reference", ""),
            comment=form.get("remarque", ""),
        )
        close_guest_sessions(session, guest.invitation)
    return given


def _left(request: Request, form: Mapping[str, str]) -> Response:
    require_same_origin(request)
    set_aside_account(request)
    guest = current_guest(request)
    if guest is not None:
        require_guest_csrf(request, guest, form.get("csrf", ""))
        with system_of(request).database.write() as session:
            close_guest_sessions(session, guest.invitation)
    response = _said(request, "left", 200)
    for name in (COOKIE, SECURE_COOKIE):
        response.delete_cookie(name, path=PATH, secure=name == SECURE_COOKIE, httponly=True)
    return response


# -- parts


def _invitation(request: Request, token: str) -> InvitationRow | None:
    """Return the invitation of a link that opens something, or did; guesses are counted."""
    system = system_of(request)
    with acting_for(EVERYTHING), system.database.read() as session:  # the tenant is in the link's row
        row = invitations.by_token(session, token)
    if row is not None and standing(row, system.clock()) in {Standing.OPEN, Standing.USED}:
        return row
    check_rate(request, "guest")
    return None


def _require_not_inviter(request: Request, account: Caller | None, row: InvitationRow) -> None:
    """Refuse link and code in the browser of who invited; the try is in the journal.

    Raises:
        Refused: ``visa_by_drafter``.
    """
    system = system_of(request)
    try:
        with system.database.read() as session:
            require_not_inviter(account, session, row)
    except Refused:
        with system.database.write() as session:
            act = Act(session, system.ledger, row.tenant_id, agent_of(row), system.clock())
            invitations.note_refused(act, row)
        raise


def _served(request: Request, row: InvitationRow) -> Response:
    """Answer a link that has served, and note it."""
    system = system_of(request)
    found_to_be(row.tenant_id)
    with system.database.write() as session:
        act = Act(session, system.ledger, row.tenant_id, agent_of(row), system.clock())
        invitations.note_knock(act, session.get_one(InvitationRow, row.id))
    return _said(request, "used", 410)


def _next(form: Mapping[str, str]) -> str:
    """Return where to go after a page was kept; empty: there again."""
    group, _sep, after = form.get("vers", "").partition(" ")
    if not group:
        return ""
    return place_of({"ligne": group, "apres": after}).address


def _asked(request: Request, left: int | None = None) -> Response:
    return pages_of(request).answer(
        request,
        "invite_code.html",
        status=200 if left is None else 422,
        help_anchor="invite",
        action=request.scope["path"],
        left=left,
    )


def _said(request: Request, what: str, status: int) -> Response:
    return pages_of(request).answer(request, "invite_dit.html", status=status, help_anchor="invite", what=what)
