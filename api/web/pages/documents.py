"""Routes of a record's page: show, download, verify, describe."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.deliveries import attachment, deliver, require_confirmed
from api.http.forms import TypedFields, read_form, texts_of
from api.views.record import find_record, find_representation
from api.web.description_form import Kept, refused_description, typed_changes
from api.web.record_page import Visit, record_page
from api.web.render import in_language, pages_of, system_of
from archive.holdings import describe as holdings
from archive.retention.schedule import document_types
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)


@router.get("/documents/{record_id}")
def show(
    request: Request,
    record_id: str,
    person: Annotated[Caller, Depends(PageNeeds("record:read"))],
    page: int = 1,
    q: str = "",
) -> Response:
    """Show the page of a record."""
    return _shown(request, person, record_id, Visit(page, q), block="feuille")


def _shown(
    request: Request, person: Caller, record_id: str, visit: Visit, *, block: str | None = None, status: int = 200
) -> Response:
    with in_language(request):
        page = record_page(system_of(request), person, record_id, visit)
    return pages_of(request).show(request, page, block=block, status=status)


@router.get("/documents/{record_id}/telecharger/{kind}")
def download(
    request: Request,
    record_id: str,
    kind: str,
    person: Annotated[Caller, Depends(PageNeeds("record:read"))],
) -> Response:
    """Deliver the same bytes as the API, checked on the way; an error becomes a page."""
    system = system_of(request)
    if kind == "preuve":
        from api.views.evidence import evidence_response

        with system.database.read() as session:
            find_record(session, person.tenant, record_id)
        require_confirmed(request, system, record_id)
        return evidence_response(system, person.tenant, record_id, content=True)
    with system.database.read() as session:
        form = find_representation(session, person.tenant, record_id, kind)
        session.expunge_all()
    return deliver(request, system, form, {"Content-Disposition": attachment(form.filename)})


@router.post("/documents/{record_id}/verifier")
def verify(
    request: Request,
    record_id: str,
    person: Annotated[Caller, Depends(PageNeeds("record:read"))],
    form: TypedFields,
) -> Response:
    """Run every check now and show each."""
    require_csrf(request, form.get("csrf", ""))
    from api.views.verification import verify as run_checks

    system = system_of(request)
    with system.database.read() as session:
        find_record(session, person.tenant, record_id)
    checked = run_checks(system, person.tenant, record_id)
    return _shown(request, person, record_id, Visit(checked=checked["checks"]), block="verification")


@router.post("/documents/{record_id}/decrire")
async def describe(
    request: Request, record_id: str, person: Annotated[Caller, Depends(PageNeeds("record:describe"))]
) -> Response:
    """Complete or correct the description: a new revision and a new journal entry."""
    async with read_form(request) as given:
        form = texts_of(given)
    return await run_in_threadpool(_describe, request, person, record_id, form)


def _describe(request: Request, person: Caller, record_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    with system.database.read() as session:
        kept = Kept.of(find_record(session, person.tenant, record_id), document_types(session, person.tenant))
    try:
        changes = typed_changes(form, kept)
        revision = form.get("revision", "")
        holdings.describe(
            system.stores,
            person.tenant,
            record_id,
            changes,
            agent=person.agent,
            expected_revision=int(revision) if revision.isascii() and revision.isdigit() else 0,
        )
    except Refused as error:
        with in_language(request):
            typed = refused_description(error, form)
        return _shown(request, person, record_id, Visit(description=typed), status=422)
    system.notifier.notify()
    return RedirectResponse(f"/documents/{record_id}#decrire", 303)
