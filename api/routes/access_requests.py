"""Routes of the register of access requests, derogations and early openings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.conditions import expected_number
from api.http.cursors import Cursors, link_next
from api.http.dependencies import Assembled, Day
from api.http.negotiation import accepted
from api.http.numbered import made, numbered
from api.views import access_request as views
from api.views import examples
from api.views.access_schemas import (
    AccessRequestGiven,
    AccessRequestPage,
    AccessRequestView,
    AccessStepGiven,
    KindOfRequest,
    OpeningEffectView,
    StateOfRequest,
)
from api.views.due_csv import stream_response
from archive.catalogue import access_requests
from archive.catalogue.access_requests import AccessFilter
from archive.catalogue.access_steps import AccessStep, StepTaken
from archive.model.access_requests import AccessKind
from archive.retention.civil import today_of
from signing.ground.errors import Refused

router = APIRouter(tags=["communications"])

Archivist = Annotated[Caller, Depends(Needs("retention:write"))]

_NOT_FOUND = examples.problem("Pas de telle demande.", "access_request_not_found")
_BAD = examples.problem("Champ refusé.", "bad_access_request")


@router.get(
    "/access-requests",
    operation_id="listAccessRequests",
    summary="Le registre des communications et dérogations",
    response_model=AccessRequestPage,
    responses={
        200: {"description": "Une page ; en CSV, tout.", "content": {"text/csv": {"schema": {"type": "string"}}}},
        406: examples.problem("Ni JSON ni CSV.", "not_acceptable"),
    },
)
def list_access_requests(
    *,
    request: Request,
    caller: Archivist,
    system: Assembled,
    kind: KindOfRequest | None = None,
    state: StateOfRequest | Literal["open"] | None = None,
    q: Annotated[str, Query(max_length=200, description="Partie du nom ou de l’objet.")] = "",
    registered_from: Annotated[Day | None, Query(description="Inscrites depuis ce jour.")] = None,
    registered_to: Annotated[Day | None, Query(description="Inscrites jusqu’à ce jour.")] = None,
    cursor: Annotated[str | None, Query(description="Suite d’une page précédente.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """La dernière inscrite d’abord."""
    wanted = accepted(request, ("application/json", "text/csv"))
    which = AccessFilter(AccessKind(kind) if kind else None, state, q, registered_from, registered_to)
    cursors: Cursors = request.app.state.cursors
    purpose = f"access requests {caller.tenant}"
    before = cursors.read(purpose, cursor)[0] if cursor is not None else None
    if wanted == "text/csv":
        rows_of = views.every_row(system, caller.tenant, which)
        return stream_response("communications", views.COLUMNS, rows_of, delimiter=";")
    with system.database.read() as session:
        today = today_of(session, caller.tenant, system.clock()).day
        rows = access_requests.page(session, caller.tenant, which, before=before, limit=limit + 1)
        shown = [views.view(session, row, today) for row in rows[:limit]]
    following = cursors.write(purpose, [rows[limit - 1].id]) if len(rows) > limit else None
    answer = JSONResponse({"requests": shown, "next": following}, headers={"Vary": "Accept, Authorization, Cookie"})
    link_next(request, answer, following)
    return answer


@router.post(
    "/access-requests",
    operation_id="registerAccessRequest",
    summary="Inscrire une demande",
    status_code=201,
    response_model=AccessRequestView,
    responses={422: _BAD},
)
def post_access_request(given: AccessRequestGiven, caller: Archivist, system: Assembled) -> Response:
    """Une dérogation a sa réponse deux mois après son inscription au plus tard.

    Une ouverture anticipée nomme une classe, un dossier ou un service versant, et un jour.
    """
    values = given.model_dump(exclude={"kind"})

    body = views.change(system, caller.tenant, caller.agent, lambda desk: desk.register(AccessKind(given.kind), values))
    return made(body, f"/api/v1/access-requests/{body['id']}")


@router.get(
    "/access-requests/{request_id}",
    operation_id="getAccessRequest",
    summary="Une demande",
    response_model=AccessRequestView,
    responses={404: _NOT_FOUND},
)
def get_access_request(request_id: str, caller: Archivist, system: Assembled) -> Response:
    """Ses étapes, et celles qui peuvent suivre. L’ETag est son numéro."""
    with system.database.read() as session:
        row = access_requests.get(session, caller.tenant, request_id)
        body = views.view(session, row, today_of(session, caller.tenant, system.clock()).day)
    return numbered(body)


@router.get(
    "/access-requests/{opening_id}/effect",
    operation_id="foreseeEarlyOpening",
    summary="L’effet d’une ouverture anticipée",
    response_model=OpeningEffectView,
    responses={404: _NOT_FOUND},
)
def get_effect(opening_id: str, caller: Archivist, system: Assembled) -> dict[str, Any]:
    """Combien de documents, leur date d’aujourd’hui et la nouvelle ; rien ne change."""
    with system.database.read() as session:
        today = today_of(session, caller.tenant, system.clock()).day
        return views.effect(session, caller.tenant, opening_id, today)


@router.post(
    "/access-requests/{request_id}/steps",
    operation_id="takeAccessStep",
    summary="Inscrire une étape",
    response_model=AccessRequestView,
    responses={
        404: _NOT_FOUND,
        409: examples.problem("Cette étape ne suit pas.", "access_step_refused"),
        412: examples.problem("Modifiée entre-temps : `current` et `sent`.", "precondition_failed"),
        422: _BAD,
    },
)
def post_access_step(
    request_id: str, given: AccessStepGiven, request: Request, caller: Archivist, system: Assembled
) -> Response:
    """« If-Match » est obligatoire.

    Une dérogation et une ouverture anticipée ne s’accordent qu’avec l’accord du service d’origine.
    Accordée, une ouverture anticipée est en vigueur jusqu’à son retrait (`withdraw`) ; les dates
    des documents suivent par un travail de fond.
    """
    expected = expected_number(request)
    sent: dict[str, Any] = given.model_dump(mode="json")
    done = StepTaken(AccessStep(given.step), given.on, given.text, given.agreed, given.remedies)
    try:
        body = views.change(system, caller.tenant, caller.agent, lambda desk: desk.take(request_id, expected, done))
    except Refused as error:
        raise views.with_both_views(error, system, caller.tenant, request_id, sent) from None
    return numbered(body)
