"""Routes of the pages of events: list, declare, correct, withdraw; they work without scripts."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.views import event as event_views
from api.web.events_page import TypedEvent, event_page, events_page, refused_event
from api.web.render import in_language, pages_of, system_of
from api.web.typed_date import typed_date
from archive.catalogue import events
from archive.retention.admission import Occurrence
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("record:read"))]
Archivist = Annotated[Caller, Depends(PageNeeds("retention:write"))]
_KEPT = "Aucun événement n’a été déclaré ni changé."


@router.get("/evenements")
def show_events(request: Request, person: Reader, affaire: str = "", avant: int | None = None) -> Response:
    """List the tenant's events, the one stated last first."""
    return _events(request, person, affaire, avant, TypedEvent())


@router.post("/evenements")
async def declare(request: Request, person: Archivist) -> Response:
    """Declare an event: its effect is shown first, and then confirmed."""
    return await run_in_threadpool(_declared, request, person, await typed_fields(request))


@router.get("/evenements/{event_id}")
def show_event(request: Request, event_id: str, person: Reader) -> Response:
    """Show one event with all that was stated about it."""
    return _event(request, person, event_id, TypedEvent())


@router.post("/evenements/{event_id}")
async def change(request: Request, event_id: str, person: Archivist) -> Response:
    """Correct or withdraw an event: the effect is shown first, and then confirmed."""
    return await run_in_threadpool(_changed, request, person, event_id, await typed_fields(request))


def _declared(request: Request, person: Caller, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    try:
        day = typed_date(form, code="bad_event", kept=_KEPT, pointer="/occurred_on")
        if day is None:
            raise _without_day()
        given = Occurrence(form.get("event", ""), form.get("reference", ""), day)
        if "confirm" not in form:
            effect = event_views.foreseen(system, person.tenant, None, given)
            return _events(request, person, "", None, TypedEvent(form, effect=effect))
        done, _new = event_views.declare(
            system,
            person.tenant,
            form.get("id") or None,
            given,
            reason=form.get("reason"),
            expected=None,
            agent=person.agent,
        )
    except Refused as error:
        with in_language(request):
            typed = refused_event(error, form)
        return _events(request, person, "", None, typed, status=422)
    return RedirectResponse(f"/evenements?{urlencode({'affaire': done.occurrence.reference})}", 303)


def _changed(request: Request, person: Caller, event_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system, withdraws = system_of(request), form.get("withdraw") == "1"
    try:
        with system.database.read() as session:
            now = events.get(session, person.tenant, event_id)
        day = None if withdraws else typed_date(form, code="bad_event", kept=_KEPT, pointer="/occurred_on")
        if day is None and not withdraws:
            raise _without_day()
        if "confirm" not in form:
            given = Occurrence(now.occurrence.event, now.occurrence.reference, day or now.occurrence.occurred_on)
            effect = event_views.foreseen(system, person.tenant, event_id, given, withdrawn=withdraws)
            return _event(request, person, event_id, TypedEvent(form, effect=effect, withdraws=withdraws))
        number = form.get("number", "")
        event_views.correct(
            system,
            person.tenant,
            event_id,
            occurred_on=day,
            reason=form.get("reason"),
            expected=int(number) if number.isdecimal() and len(number) < 7 else -1,
            agent=person.agent,
        )
    except Refused as error:
        if error.code == "event_not_found":
            raise
        with in_language(request):
            typed = refused_event(error, form)
        return _event(request, person, event_id, typed, status=412 if error.code == "precondition_failed" else 422)
    return RedirectResponse(f"/evenements/{event_id}", 303)


def _without_day() -> Refused:
    return Refused(
        "bad_event",
        "La date de l’événement manque.",
        kept=_KEPT,
        action="Écrivez le jour, le mois et l’année, par exemple 31 12 2024.",
        pointer="/occurred_on",
    )


def _events(
    request: Request, person: Caller, reference: str, before: int | None, typed: TypedEvent, *, status: int = 200
) -> Response:
    with in_language(request), system_of(request).database.read() as session:
        page = events_page(
            session,
            person.tenant,
            may_declare=person.may("retention:write"),
            reference=reference.strip(),
            before=before,
            typed=typed,
        )
    return pages_of(request).show(request, page, status=status)


def _event(request: Request, person: Caller, event_id: str, typed: TypedEvent, *, status: int = 200) -> Response:
    with in_language(request), system_of(request).database.read() as session:
        page = event_page(session, person.tenant, event_id, may_change=person.may("retention:write"), typed=typed)
    return pages_of(request).show(request, page, status=status)
