"""Routes of the pages of all holds; they work without scripts too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.views import hold as hold_views
from api.web.faults import Fault, in_words
from api.web.holds_page import CONDITIONS, holds_page, new_hold_page, one_hold_page
from api.web.render import in_language, pages_of, system_of
from api.web.typed_date import typed_date
from archive.database.retention_tables import PlanNodeRow
from archive.disposition.holds import listing
from archive.disposition.holds.terms import Authority, Scope, Terms, bad_hold
from archive.retention.civil import today_of
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("record:read"))]
Holder = Annotated[Caller, Depends(PageNeeds("hold:write"))]
_KEPT = "Rien n’a été changé."
_FIELDS = {"/until": "#terme-day", "/review_on": "#revue-day", "/reason": "#motif", "/node": "#noeud"}


@router.get("/gels")
def show_all(request: Request, person: Reader) -> Response:
    """Show the list of holds."""
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        today = today_of(session, person.tenant, system.clock()).day
        page = holds_page(session, person, request.query_params, today)
    return pages_of(request).show(request, page)


@router.get("/gels/nouveau")
def show_form(request: Request, person: Holder) -> Response:
    """Show the form of a new hold; the address may fill it in."""
    given = {name: value for name, value in request.query_params.items() if len(value) < 5000}
    with in_language(request), system_of(request).database.read() as session:
        page = new_hold_page(session, person, {"portee": "list"} | given)
    return pages_of(request).show(request, page)


@router.post("/gels")
async def place(request: Request, person: Holder) -> Response:
    """Say what a hold would cover, then place it once that was seen."""
    return await run_in_threadpool(_place, request, person, await typed_fields(request))


@router.get("/gels/{hold_id}")
def show_one(request: Request, hold_id: str, person: Reader, apres: str = "") -> Response:
    """Show one hold."""
    return _one(request, person, hold_id, after=apres)


@router.post("/gels/{hold_id}/revoir")
async def review(request: Request, hold_id: str, person: Holder) -> Response:
    """State the review of a hold."""
    return await run_in_threadpool(_reviewed, request, person, hold_id, await typed_fields(request))


@router.post("/gels/{hold_id}/lever")
async def release(request: Request, hold_id: str, person: Holder) -> Response:
    """Release a hold."""
    return await run_in_threadpool(_released, request, person, hold_id, await typed_fields(request))


@router.post("/gels/{hold_id}/retablir")
async def reinstate(request: Request, hold_id: str, person: Holder) -> Response:
    """Reinstate a hold that a wrong clock ended."""
    return await run_in_threadpool(_reinstated, request, person, hold_id, await typed_fields(request))


def _place(request: Request, person: Caller, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    try:
        with system.database.read() as session:
            scope = _scope(session, person.tenant, form)
        terms = _terms(form)
        reach = hold_views.reach(system, person.tenant, scope)
        if form.get("suite") == "geler" and form.get("vu") == str(reach["record_count"]):
            reason = form.get("reason", "")
            made = hold_views.place(system, person.tenant, scope, reason=reason, terms=terms, agent=person.agent)
            return RedirectResponse(f"/gels/{made}", 303)
        if not form.get("reason", "").strip():
            raise bad_hold("/reason", "Dites pourquoi ces documents doivent être gelés.")
    except Refused as error:
        with in_language(request), system.database.read() as session:
            page = new_hold_page(session, person, form, faults=[_fault(error)])
        return pages_of(request).show(request, page, status=422)
    with in_language(request), system.database.read() as session:
        page = new_hold_page(session, person, form, reach=reach)
    return pages_of(request).show(request, page)


def _scope(session: Session, tenant: str, form: Mapping[str, str]) -> Scope:
    """Return the scope that was typed.

    Raises:
        Refused: ``bad_hold``, ``bad_hold_query``, ``node_not_found``.
    """
    kind = form.get("portee", "list")
    if kind == "subtree":
        code = form.get("noeud", "").strip()
        query = select(PlanNodeRow.id).where(PlanNodeRow.tenant_id == tenant, PlanNodeRow.code == code)
        node = session.scalar(query.where(PlanNodeRow.removed.is_(False)))
        return hold_views.scope_of(None, node or "", None)
    if kind == "query":
        conditions: dict[str, Any] = {name: form.get(name, "").strip() for name in CONDITIONS}
        for name in ("date_from", "date_to"):
            day = typed_date(form, f"{name}-", code="bad_hold_query", kept=_KEPT, pointer=f"/query/{name}")
            conditions[name] = day.isoformat() if day is not None else None
        return hold_views.scope_of(None, None, conditions)
    return hold_views.scope_of(form.get("documents", "").replace(",", " ").split(), None, None)


def _terms(form: Mapping[str, str]) -> Terms:
    authority = form.get("demande", "")
    return Terms(
        until=typed_date(form, "terme-", code="bad_hold", kept=_KEPT, pointer="/until"),
        authority=Authority(authority) if authority in set(Authority) else None,
        reference=form.get("reference"),
        owner=form.get("owner"),
        review_on=typed_date(form, "revue-", code="bad_hold", kept=_KEPT, pointer="/review_on"),
        forbids_move=form.get("forbids_move") == "1",
        restricts_reading=form.get("restricts_reading") == "1",
    )


def _fault(error: Refused) -> Fault:
    pointer = error.pointer or ""
    href = _FIELDS.get(pointer, "")
    if pointer.startswith("/query/"):
        name = pointer.removeprefix("/query/")
        href = f"#{name}-day" if name.startswith("date_") else f"#{name}"
    elif pointer == "/records":
        href = "#documents"
    return Fault(href, in_words(error))


def _one(
    request: Request,
    person: Caller,
    hold_id: str,
    *,
    after: str = "",
    fault: Refused | None = None,
    form: Mapping[str, str] | None = None,
) -> Response:
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        hold = listing.get(session, person.tenant, hold_id)
        now = system.clock()
        page = one_hold_page(
            session,
            person,
            hold,
            now,
            today_of(session, person.tenant, now).day,
            after=after,
            faults=[_fault(fault)] if fault is not None else [],
            form=form,
        )
    return pages_of(request).show(request, page, status=422 if fault is not None else 200)


def _reviewed(request: Request, person: Caller, hold_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    try:
        hold_views.review(
            system_of(request),
            person.tenant,
            hold_id,
            comment=form.get("comment", ""),
            review_on=typed_date(form, "revue-", code="bad_hold", kept=_KEPT, pointer="/review_on"),
            owner=form.get("owner"),
            agent=person.agent,
        )
    except Refused as error:
        return _shown_again(request, person, hold_id, error, form)
    return RedirectResponse(f"/gels/{hold_id}", 303)


def _released(request: Request, person: Caller, hold_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    try:
        hold_views.release(
            system_of(request), person.tenant, hold_id, reason=form.get("reason", ""), agent=person.agent
        )
    except Refused as error:
        return _shown_again(request, person, hold_id, error, form)
    return RedirectResponse(f"/gels/{hold_id}", 303)


def _reinstated(request: Request, person: Caller, hold_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    try:
        made = hold_views.reinstate(system_of(request), person.tenant, hold_id, agent=person.agent)
    except Refused as error:
        return _shown_again(request, person, hold_id, error, form)
    return RedirectResponse(f"/gels/{made}", 303)


def _shown_again(request: Request, person: Caller, hold_id: str, error: Refused, form: dict[str, str]) -> Response:
    if error.code == "hold_not_found":
        raise error
    return _one(request, person, hold_id, fault=error, form=form)
