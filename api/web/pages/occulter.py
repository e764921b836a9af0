"""Routes of the page that makes a redacted copy; it works without scripts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import read_form
from api.web.redaction_page import boxes_before, boxes_of, redaction_page, words_of
from api.web.render import in_language, pages_of, system_of
from archive.catalogue import rows as catalogue
from archive.holdings.redact import report_of
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Archivist = Annotated[Caller, Depends(PageNeeds("retention:write"))]


@router.get("/documents/{record_id}/occulter")
def choose(request: Request, record_id: str, person: Archivist, page: int = 1) -> Response:
    """Show one page with its words, to be ticked."""
    with in_language(request):
        view = redaction_page(system_of(request), person.tenant, record_id, page)
    return pages_of(request).show(request, view)


@router.post("/documents/{record_id}/occulter")
async def cover(request: Request, record_id: str, person: Archivist) -> Response:
    """Make the copy that covers the ticked words."""
    async with read_form(request, most=6000) as form:
        return await run_in_threadpool(_covered, request, person, record_id, form)


def _covered(request: Request, person: Caller, record_id: str, form: FormData) -> Response:
    from ingestion.processing.redaction import RedactionOrder

    require_csrf(request, str(form.get("csrf", "")))
    system, reason = system_of(request), str(form.get("reason", ""))
    page = _number(form.get("page")) or 1
    ticked = [_number(one) for one in form.getlist("word")]
    with system.database.read() as session:
        row = catalogue.get(session, person.tenant, record_id)
    words = words_of(system, person.tenant, record_id, page)
    boxes = boxes_of(words, ticked, page)
    if form.get("again") == "1":
        boxes += boxes_before(report_of(system.stores, row))
    try:
        order = RedactionOrder(tuple(dict.fromkeys(boxes)), reason)
        system.redactions.redact(person.tenant, record_id, order, person.agent)
    except Refused as error:
        with in_language(request):
            view = redaction_page(system, person.tenant, record_id, page, ticked=ticked, reason=reason, error=error)
        return pages_of(request).show(request, view, status=422)
    system.notifier.notify()
    return RedirectResponse(f"/documents/{record_id}#telecharger", 303)


def _number(text: object) -> int:
    given = str(text or "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 7 else -1
