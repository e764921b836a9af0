"""Routes of the pages of services: tree, one service, exchange; they work without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.deliveries import attachment
from api.http.forms import read_form, texts_of, typed_fields
from api.http.i18n import _
from api.views import producer as views
from api.web.faults import Fault, in_words
from api.web.producers_page import TypedProducer, anchor_of, service_given, service_page, services_page
from api.web.render import in_language, pages_of, system_of
from api.web.typed_date import typed_date
from archive.catalogue import producer_changes
from archive.model.services import read_day, read_service
from archive.retention.civil import today_of
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("record:read"))]
Archivist = Annotated[Caller, Depends(PageNeeds("retention:write"))]
_MOST_FAULTS = 50


@router.get("/services")
def show_services(request: Request, person: Reader) -> Response:
    """Show the tree by its names of a day."""
    asked = {name: value[:20] for name, value in request.query_params.items()}
    return _services(request, person, TypedProducer(), asked=asked)


@router.post("/services")
async def create(request: Request, person: Archivist) -> Response:
    """Create a service."""
    return await run_in_threadpool(_created, request, person, await typed_fields(request))


@router.get("/services/export")
def export(request: Request, person: Reader) -> Response:
    """Deliver every service as CSV."""
    content = views.exported(system_of(request), person.tenant)
    return Response(content, media_type="text/csv", headers={"Content-Disposition": attachment("services.csv")})


@router.post("/services/import")
async def take_in(request: Request, person: Archivist) -> Response:
    """Import a file of services, all or none."""
    async with read_form(request) as given:
        form = texts_of(given)
        file = given.get("file")
        content = await file.read() if isinstance(file, UploadFile) else b""
    return await run_in_threadpool(_taken_in, request, person, form, content)


@router.get("/services/{code}")
def show_service(request: Request, code: str, person: Reader) -> Response:
    """Show one service."""
    return _service(request, person, code, TypedProducer())


@router.post("/services/{code}")
async def change(request: Request, code: str, person: Archivist) -> Response:
    """Change a service, or remove one that nothing names."""
    return await run_in_threadpool(_changed, request, person, code, await typed_fields(request))


def _created(request: Request, person: Caller, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    try:
        service = read_service(service_given(form))
        producer_changes.create_service(views.change_of(system_of(request), person.tenant, person.agent), service)
    except Refused as error:
        return _services(request, person, TypedProducer(form, _faults(request, error)), status=422)
    return RedirectResponse(f"/services/{service.code}", 303)


def _changed(request: Request, person: Caller, code: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    made = views.change_of(system_of(request), person.tenant, person.agent)
    number = form.get("number", "")
    expected = int(number) if number.isdecimal() and len(number) < 7 else -1
    try:
        if "retirer" in form:
            producer_changes.remove_service(made, code, expected)
            return RedirectResponse("/services", 303)
        producer_changes.change_service(made, expected, read_service(service_given(form) | {"code": code}))
    except Refused as error:
        if error.code == "service_not_found":
            raise
        status = 412 if error.code == "precondition_failed" else 422
        kept = {} if "retirer" in form else form
        return _service(request, person, code, TypedProducer(kept, _faults(request, error)), status=status)
    return RedirectResponse(f"/services/{code}", 303)


def _taken_in(request: Request, person: Caller, form: dict[str, str], content: bytes) -> Response:
    require_csrf(request, form.get("csrf", ""))
    try:
        done = views.imported(system_of(request), person.tenant, person.agent, content, dry_run=False)
    except Refused as error:
        return _services(request, person, TypedProducer({}, _faults(request, error)), status=422)
    return _services(request, person, TypedProducer(done=done))


def _faults(request: Request, error: Refused) -> tuple[Fault, ...]:
    with in_language(request):
        told = [Fault(anchor_of(error.pointer), in_words(error))]
        lines = error.values.get("faults", ())
        for one in lines if isinstance(lines, tuple) else ():
            number, _slash, column = (one.pointer or "").removeprefix("/lines/").partition("/")
            text = _("Ligne {line}, colonne « {column} » : {what}", line=number, column=column, what=in_words(one))
            told.append(Fault("", text))
    return tuple(told[: _MOST_FAULTS + 1])


def _services(
    request: Request, person: Caller, typed: TypedProducer, *, asked: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    system, wrong = system_of(request), None
    with in_language(request), system.database.read() as session:
        day: date | None = None
        try:
            day = _day(asked or {})
        except Refused as error:
            typed, status, wrong = TypedProducer({}, (Fault("#jour-day", in_words(error)),)), 422, asked
        today = today_of(session, person.tenant, system.clock()).day
        page = services_page(session, person, day or today, typed, wrong)
    return pages_of(request).show(request, page, status=status)


def _day(asked: Mapping[str, str]) -> date | None:
    """Return the day asked for: as typed, else as a link has it; None for today.

    Raises:
        Refused: ``bad_service``.
    """
    written = typed_date(asked, code="bad_service", kept="", pointer="/jour")
    return read_day("jour", written or asked.get("jour", "").strip())


def _service(request: Request, person: Caller, code: str, typed: TypedProducer, *, status: int = 200) -> Response:
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        page = service_page(session, person, code, today_of(session, person.tenant, system.clock()).day, typed)
    return pages_of(request).show(request, page, status=status)
