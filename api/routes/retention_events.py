"""Routes of events that start retention: declare, list, show, correct, withdraw."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.conditions import none_match, require_match
from api.http.cursors import Cursors, link_next
from api.http.dependencies import Assembled
from api.http.i18n import speaking
from api.http.languages import preferred_language
from api.views import event as event_views
from api.views import examples
from api.views.event_schemas import EventChange, EventEffect, EventPage, EventRequest, EventView, StatedEvent
from archive.catalogue import events
from archive.catalogue.events import Event
from archive.retention.admission import Occurrence
from signing.ground.errors import Refused

router = APIRouter(tags=["conservation"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]
Archivist = Annotated[Caller, Depends(Needs("retention:write"))]
DryRun = Annotated[bool, Query(description="Dire ce qui changerait, ne rien déclarer.")]

_BAD = examples.problem("Événement, référence ou date refusés.", "bad_event")
_STALE: dict[int | str, dict[str, Any]] = {
    412: examples.problem("Quelqu’un l’a modifié entre-temps.", "precondition_failed"),
}


@router.post(
    "/retention/events",
    operation_id="declareRetentionEvent",
    summary="Déclarer un événement",
    status_code=201,
    response_model=StatedEvent,
    responses=_STALE
    | {
        200: {"description": "Déjà déclaré ainsi, corrigé, ou essai à blanc.", "model": StatedEvent | EventEffect},
        409: examples.problem("Cet identifiant dit autre chose.", "event_differs"),
        422: _BAD,
    },
)
def post_event(
    wanted: EventRequest, request: Request, caller: Archivist, system: Assembled, dry_run: DryRun = False
) -> Response:
    """Il touche tous les documents de l’affaire, aussi ceux versés plus tard. Avec `If-Match`, il
    corrige celui du même identifiant.
    """
    occurrence = Occurrence(wanted.event, wanted.reference, wanted.occurred_on)
    with speaking(preferred_language(request)):
        if dry_run:
            effect = event_views.foreseen(system, caller.tenant, wanted.id, occurrence)
            return JSONResponse(event_views.effect_view(effect))
        expected = None
        if wanted.id is not None and "if-match" in request.headers:
            expected = _matched(request, system, caller.tenant, wanted.id)
        done, is_new = event_views.declare(
            system, caller.tenant, wanted.id, occurrence, reason=wanted.reason, expected=expected, agent=caller.agent
        )
        return _answer(system, done, 201 if is_new else 200)


@router.get("/retention/events", operation_id="listRetentionEvents", summary="Les événements", response_model=EventPage)
def list_events(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    system: Assembled,
    reference: Annotated[str | None, Query(description="Référence de l’affaire.")] = None,
    event: Annotated[str | None, Query(description="Code de l’événement.")] = None,
    cursor: Annotated[str | None, Query(description="Suite d’une page précédente.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Tels qu’ils sont maintenant ; le dernier déclaré, corrigé ou retiré d’abord."""
    cursors: Cursors = request.app.state.cursors
    purpose = f"events {caller.tenant}"
    before = cursors.read(purpose, cursor)[0] if cursor is not None else None
    with speaking(preferred_language(request)), system.database.read() as session:
        found = events.page(session, caller.tenant, reference=reference, event=event, before=before, limit=limit + 1)
        shown = [event_views.view(session, one) for one in found[:limit]]
    following = cursors.write(purpose, [found[limit - 1].entry]) if len(found) > limit else None
    link_next(request, response, following)
    return {"events": shown, "next": following}


_ONE: dict[int | str, dict[str, Any]] = {404: examples.problem("Pas de tel événement.", "event_not_found")}


@router.get(
    "/retention/events/{event_id}",
    operation_id="getRetentionEvent",
    summary="Un événement",
    response_model=EventView,
    responses=_ONE | {304: {"description": "Même version."}},
)
def get_event(event_id: str, request: Request, caller: Reader, system: Assembled) -> Response:
    """Tel qu’il est maintenant, avec tout ce qui en a été dit. L’ETag est son numéro."""
    with speaking(preferred_language(request)), system.database.read() as session:
        latest = events.get(session, caller.tenant, event_id)
        told = events.history(session, caller.tenant, event_id)
        statements = [event_views.view(session, one) for one in told]
    headers = {"ETag": event_views.tag_of(latest)}
    if none_match(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return JSONResponse(statements[-1] | {"statements": statements}, headers=headers)


@router.patch(
    "/retention/events/{event_id}",
    operation_id="changeRetentionEvent",
    summary="Corriger ou retirer un événement",
    response_model=StatedEvent,
    responses=_ONE | _STALE | {422: _BAD, 428: examples.problem("`If-Match` manque.", "precondition_required")},
)
def patch_event(
    event_id: str,
    wanted: EventChange,
    request: Request,
    caller: Archivist,
    system: Assembled,
    dry_run: DryRun = False,
) -> Response:
    """Une déclaration de plus : les précédentes restent dans l’historique, la dernière compte."""
    if (wanted.occurred_on is None) != bool(wanted.withdrawn):
        raise Refused(
            "bad_event",
            "Une correction donne une date, un retrait dit « withdrawn » : l’un ou l’autre.",
            kept="Aucun événement n’a été déclaré ni changé.",
            action="Envoyez « occurred_on » seul, ou « withdrawn » à « true » seul.",
            pointer="/occurred_on",
        )
    with speaking(preferred_language(request)):
        if dry_run:
            with system.database.read() as session:
                now = events.get(session, caller.tenant, event_id).occurrence
            given = Occurrence(now.event, now.reference, wanted.occurred_on or now.occurred_on)
            effect = event_views.foreseen(system, caller.tenant, event_id, given, withdrawn=wanted.occurred_on is None)
            return JSONResponse(event_views.effect_view(effect))
        done = event_views.correct(
            system,
            caller.tenant,
            event_id,
            occurred_on=wanted.occurred_on,
            reason=wanted.reason,
            expected=_matched(request, system, caller.tenant, event_id),
            agent=caller.agent,
        )
        return _answer(system, done, 200)


def _matched(request: Request, system: Any, tenant: str, event_id: str) -> int:
    """Return the number of the event's latest statement, which the caller must have named."""
    with system.database.read() as session:
        latest = events.get(session, tenant, event_id)
    require_match(request, event_views.tag_of(latest))
    return latest.number


def _answer(system: Any, done: Event, status: int) -> Response:
    with system.database.read() as session:
        body = event_views.view(session, done)
    headers = {"Location": f"/api/v1/retention/events/{done.id}", "ETag": event_views.tag_of(done)}
    return JSONResponse(body, status_code=status, headers=headers)
