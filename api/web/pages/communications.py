"""Routes of the pages of access requests and derogations; they work without scripts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.views import access_request as views
from api.views.due_csv import stream_response
from api.web.communications_page import (
    KINDS,
    STATES,
    TypedRequest,
    communications_page,
    refused_request,
    request_page,
)
from api.web.render import in_language, pages_of, system_of
from api.web.typed_date import typed_date
from archive.catalogue import access_requests, filing_plan
from archive.catalogue.access_requests import AccessFilter
from archive.catalogue.access_steps import UNCHANGED, AccessStep, StepTaken, bad_access
from archive.model.access_requests import AccessKind
from archive.retention.civil import today_of
from ingestion.assembly import System
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Archivist = Annotated[Caller, Depends(PageNeeds("retention:write"))]


@router.get("/communications")
def register(
    request: Request, person: Archivist, nature: str = "", etat: str = "", q: str = "", avant: str | None = None
) -> Response:
    """List the register, the request registered last first."""
    return _list(request, person, _filter(nature, etat, q), avant, TypedRequest())


@router.get("/communications/registre.csv")
def download(request: Request, person: Archivist, nature: str = "", etat: str = "", q: str = "") -> Response:
    """Download the register for a spreadsheet."""
    rows = views.every_row(system_of(request), person.tenant, _filter(nature, etat, q))
    return stream_response("communications", views.COLUMNS, rows, delimiter=";")


@router.post("/communications")
async def enter(request: Request, person: Archivist) -> Response:
    """Register a request."""
    return await run_in_threadpool(_entered, request, person, await typed_fields(request))


@router.get("/communications/{request_id}")
def show(request: Request, request_id: str, person: Archivist) -> Response:
    """Show one request with its steps."""
    return _one(request, person, request_id, TypedRequest())


@router.post("/communications/{request_id}")
async def take(request: Request, request_id: str, person: Archivist) -> Response:
    """Take a step of a request."""
    return await run_in_threadpool(_taken, request, person, request_id, await typed_fields(request))


def _filter(kind: str, state: str, text: str) -> AccessFilter:
    known = {one.value for one in STATES} | {"open"}
    return AccessFilter(
        AccessKind(kind) if kind in {one.value for one in KINDS} else None,
        state if state in known else None,
        text[:200],
    )


def _entered(request: Request, person: Caller, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    try:
        day = typed_date(form, code="bad_access_request", kept=UNCHANGED, pointer="/registered_on")
        kind = _kind(form.get("kind", ""))
        given = {name: form.get(name, "")[:2000] for name in ("requester", "contact", "subject", "motive")}
        values: dict[str, Any] = {**given, "registered_on": day, "records": form.get("records", "").split()[:500]}
        if kind is AccessKind.EARLY_OPENING:
            values["opening"] = _opening(system, person.tenant, form)
        body = views.change(system, person.tenant, person.agent, lambda desk: desk.register(kind, values))
    except Refused as error:
        with in_language(request):
            typed = refused_request(error, form)
        return _list(request, person, AccessFilter(), None, typed, status=422)
    return RedirectResponse(f"/communications/{body['id']}", 303)


def _kind(name: str) -> AccessKind:
    return AccessKind(name) if name in {one.value for one in AccessKind} else AccessKind.COMMUNICATION


def _opening(system: System, tenant: str, form: dict[str, str]) -> dict[str, Any]:
    """Read what an early opening opens: the code of a class or a file, or a producer."""
    opens_on = typed_date(form, "opens_", code="bad_access_request", kept=UNCHANGED, pointer="/opening/opens_on")
    code, node = form.get("place", "").strip()[:100], None
    if code:
        with system.database.read() as session:
            found = filing_plan.nodes_by_code(session, tenant, [code])
        if not found:
            raise bad_access("/opening/node", "Aucune classe et aucun dossier du plan n’a ce code.")
        node = found[0].id
    return {"node": node, "producer": form.get("producer", "")[:200], "opens_on": opens_on}


def _taken(request: Request, person: Caller, request_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system, number, name = system_of(request), form.get("number", ""), form.get("step", "")
    with system.database.read() as session:
        access_requests.get(session, person.tenant, request_id)
    try:
        day = typed_date(form, code="bad_access_request", kept=UNCHANGED, pointer="/on")
        if day is None or name not in {one.value for one in AccessStep}:
            raise Refused(
                "bad_access_request",
                "L’étape ou sa date manque.",
                kept=UNCHANGED,
                action="Choisissez l’étape, puis écrivez le jour, le mois et l’année.",
                pointer="/on" if day is None else "/step",
            )
        step = AccessStep(name)
        agreed = form.get("agreed") == "yes" if step is AccessStep.ANSWER and form.get("agreed") else None
        done = StepTaken(step, day, form.get("text", "")[:2000], agreed, form.get("remedies", "")[:2000] or None)
        expected = int(number) if number.isdecimal() and len(number) < 7 else -1
        views.change(system, person.tenant, person.agent, lambda desk: desk.take(request_id, expected, done))
    except Refused as error:
        with in_language(request):
            typed = refused_request(error, form)
        return _one(request, person, request_id, typed, status=412 if error.code == "precondition_failed" else 422)
    return RedirectResponse(f"/communications/{request_id}", 303)


def _list(
    request: Request,
    person: Caller,
    wanted: AccessFilter,
    before: str | None,
    typed: TypedRequest,
    *,
    status: int = 200,
) -> Response:
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        today = today_of(session, person.tenant, system.clock()).day
        page = communications_page(session, person.tenant, wanted, before, today, typed)
    return pages_of(request).show(request, page, status=status)


def _one(request: Request, person: Caller, request_id: str, typed: TypedRequest, *, status: int = 200) -> Response:
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        today = today_of(session, person.tenant, system.clock()).day
        page = request_page(session, person.tenant, request_id, today, typed)
    return pages_of(request).show(request, page, status=status)
