"""Routes of the pages of deposit agreements; they work without scripts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.views import producer as views
from api.web.faults import Fault, in_words
from api.web.producers_page import TypedProducer, agreement_given, agreement_page, agreements_page, anchor_of
from api.web.render import in_language, pages_of, system_of
from archive.catalogue import producer_changes
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Archivist = Annotated[Caller, Depends(PageNeeds("retention:write"))]


@router.get("/conventions")
def show_agreements(request: Request, person: Archivist) -> Response:
    """Show the list of deposit agreements."""
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        page = agreements_page(system, session, person)
    return pages_of(request).show(request, page)


@router.post("/conventions")
async def require(request: Request, person: Archivist) -> Response:
    """Choose whether deposits need an agreement."""
    return await run_in_threadpool(_required, request, person, await typed_fields(request))


@router.get("/conventions/nouvelle")
def show_new(request: Request, person: Archivist) -> Response:
    """Show the form of an agreement to be made."""
    return _agreement(request, person, None, TypedProducer())


@router.post("/conventions/nouvelle")
async def create(request: Request, person: Archivist) -> Response:
    """Create a deposit agreement."""
    return await run_in_threadpool(_made, request, person, None, await typed_fields(request))


@router.get("/conventions/{code}")
def show_agreement(request: Request, code: str, person: Archivist) -> Response:
    """Show one deposit agreement with its form."""
    return _agreement(request, person, code, TypedProducer())


@router.post("/conventions/{code}")
async def change(request: Request, code: str, person: Archivist) -> Response:
    """Change a deposit agreement."""
    return await run_in_threadpool(_made, request, person, code, await typed_fields(request))


def _required(request: Request, person: Caller, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    change = views.change_of(system_of(request), person.tenant, person.agent)
    producer_changes.require_agreements(change, required=form.get("required") == "1")
    return RedirectResponse("/conventions", 303)


def _made(request: Request, person: Caller, code: str | None, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system, number = system_of(request), form.get("number", "")
    change = views.change_of(system, person.tenant, person.agent)
    try:
        given = agreement_given(form) | ({"code": code} if code is not None else {})
        agreement = views.agreement_given(system, person.tenant, given)
        if code is None:
            producer_changes.create_agreement(change, agreement)
        else:
            expected = int(number) if number.isdecimal() and len(number) < 7 else -1
            producer_changes.change_agreement(change, expected, agreement)
    except Refused as error:
        if error.code == "agreement_not_found":
            raise
        with in_language(request):
            typed = TypedProducer(form, (Fault(anchor_of(error.pointer), in_words(error)),))
        status = 412 if error.code == "precondition_failed" else 422
        return _agreement(request, person, code, typed, status=status)
    return RedirectResponse(f"/conventions/{agreement.code}", 303)


def _agreement(
    request: Request, person: Caller, code: str | None, typed: TypedProducer, *, status: int = 200
) -> Response:
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        page = agreement_page(system, session, person, code, typed)
    return pages_of(request).show(request, page, status=status)
