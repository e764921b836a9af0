"""Routes of the form that removes what was entered by mistake; it needs no scripts."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.views import disposal as views
from api.views.removal import named_readers
from api.web.faults import Fault, in_words
from api.web.removal_page import READERS, draft_of, removal_page
from api.web.render import in_language, pages_of, system_of
from archive.database.disposal_tables import DisposalRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Archivist = Annotated[Caller, Depends(PageNeeds("disposal:write"))]
_FIELDS: Final = {"/title": "#titre", "/reason": "#motif", "/records": "#documents", "/readers": "#lecteur1"}


@router.get("/retraits/nouveau")
def show(request: Request, person: Archivist) -> Response:
    """Show the form, with the record from whose page it was asked for."""
    given = {name: value[:1000] for name, value in request.query_params.items()}
    with in_language(request):
        return pages_of(request).show(request, removal_page(system_of(request), person, given))


@router.post("/retraits")
async def draft(request: Request, person: Archivist) -> Response:
    """Draft the bordereau of a removal."""
    return await run_in_threadpool(_drafted, request, person, await typed_fields(request))


def _drafted(request: Request, person: Caller, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)

    def do(act: Act) -> DisposalRow:
        named = named_readers(act.session, act.tenant, [form[name] for name in READERS if form.get(name)])
        return bordereau.draft(act, replace(draft_of(form), readers=named))

    try:
        body = views.acting(system, person.tenant, person.agent, do)
    except Refused as error:
        with in_language(request):
            faults = (Fault(_FIELDS.get(error.pointer or "", "#documents"), in_words(error)),)
            page = removal_page(system, person, form, faults)
        return pages_of(request).show(request, page, status=422)
    return RedirectResponse(f"/bordereaux/{body['id']}", 303)
