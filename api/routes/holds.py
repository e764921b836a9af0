"""Routes of holds: place, list, show, release."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.cursors import Cursors, link_next
from api.http.dependencies import Assembled, Day
from api.views import examples
from api.views import hold as hold_views
from api.views.schemas import Body, Hold, HoldPage
from archive.disposition.holds import decisions as holds
from archive.disposition.holds.decisions import LONGEST_REASON, MOST_RECORDS
from signing.ground.errors import Refused

router = APIRouter(tags=["gels"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]
Holder = Annotated[Caller, Depends(Needs("hold:write"))]


class HoldRequest(Body):
    """What to hold, and why. The reason is shown to whoever may read the record.

    The journal never has it.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "reason": "Contentieux du marché 2026-12",
                "records": ["0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01"],
                "until": None,
            }
        },
    )

    reason: str = Field(min_length=1, max_length=LONGEST_REASON)
    records: list[str] | None = Field(default=None, min_length=1, max_length=MOST_RECORDS)
    query: str | None = Field(default=None, description="Pas encore proposé : nommez les documents.")
    until: Day | None = Field(default=None, description="Dernier jour ; null : jusqu’à sa levée.")


class ReleaseRequest(Body):
    """Why the hold ends."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "Jugement définitif"}})

    reason: str = Field(min_length=1, max_length=LONGEST_REASON)


@router.post(
    "/holds",
    operation_id="placeHold",
    summary="Geler des documents",
    status_code=201,
    response_model=Hold,
    responses={
        404: examples.NOT_FOUND,
        422: examples.problem("Motif, documents ou date refusés.", "bad_hold"),
        501: examples.problem("Geler ce que trouve une recherche.", "not_available"),
    },
)
def post_hold(wanted: HoldRequest, caller: Holder, system: Assembled) -> Response:
    """Tous ou aucun. La décision vaut dès la réponse ; `in_step` dit si le magasin la fait déjà."""
    if wanted.query is not None:
        raise Refused(
            "not_available",
            "Geler ce que trouve une recherche n’est pas encore proposé.",
            kept="Rien n’a été changé.",
            action="Nommez les documents dans « records ».",
            pointer="/query",
        )
    hold_id = hold_views.place(
        system, caller.tenant, wanted.records or [], reason=wanted.reason, until=wanted.until, agent=caller.agent
    )
    with system.database.read() as session:
        body = hold_views.view(session, holds.get(session, caller.tenant, hold_id), system.clock())
    return JSONResponse(body, status_code=201, headers={"Location": f"/api/v1/holds/{hold_id}"})


@router.get("/holds", operation_id="listHolds", summary="Les gels", response_model=HoldPage)
def list_holds(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    system: Assembled,
    state: Annotated[Literal["active", "ended"] | None, Query(description="En vigueur, ou finis.")] = None,
    cursor: Annotated[str | None, Query(description="Suite d’une page précédente.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Du plus récent au plus ancien."""
    cursors: Cursors = request.app.state.cursors
    purpose = f"holds {caller.tenant}"
    before = cursors.read(purpose, cursor)[0] if cursor is not None else None
    in_force = None if state is None else state == "active"
    with system.database.read() as session:
        rows = holds.page(session, caller.tenant, in_force=in_force, before=before, limit=limit + 1)
        shown = [hold_views.view(session, row, system.clock()) for row in rows[:limit]]
    following = cursors.write(purpose, [rows[limit - 1].id]) if len(rows) > limit else None
    link_next(request, response, following)
    return {"holds": shown, "next": following}


_ONE: dict[int | str, dict[str, Any]] = {404: examples.problem("Pas de tel gel.", "hold_not_found")}


@router.get("/holds/{hold_id}", operation_id="getHold", summary="Un gel", response_model=Hold, responses=_ONE)
def get_hold(hold_id: str, caller: Reader, system: Assembled) -> dict[str, Any]:
    """Ce qu’il tient, depuis quand, pourquoi."""
    with system.database.read() as session:
        return hold_views.view(session, holds.get(session, caller.tenant, hold_id), system.clock())


@router.post(
    "/holds/{hold_id}/release",
    operation_id="releaseHold",
    summary="Lever un gel",
    response_model=Hold,
    responses=_ONE | {409: examples.problem("Déjà levé.", "hold_released")},
)
def post_release(hold_id: str, wanted: ReleaseRequest, caller: Holder, system: Assembled) -> dict[str, Any]:
    """Un document reste gelé tant qu’un autre gel le tient."""
    hold_views.release(system, caller.tenant, hold_id, reason=wanted.reason, agent=caller.agent)
    with system.database.read() as session:
        return hold_views.view(session, holds.get(session, caller.tenant, hold_id), system.clock())


@router.post(
    "/holds/{hold_id}/reinstate",
    operation_id="reinstateHold",
    summary="Rétablir un gel qu’une horloge fausse a fait finir",
    status_code=201,
    response_model=Hold,
    responses=_ONE | {409: examples.problem("Rien à rétablir.", "hold_not_reinstatable")},
)
def post_reinstatement(hold_id: str, caller: Holder, system: Assembled) -> Response:
    """Les mêmes documents, le même motif, le même terme : un nouveau gel, qui nomme l’ancien au
    journal.
    """
    made = hold_views.reinstate(system, caller.tenant, hold_id, agent=caller.agent)
    with system.database.read() as session:
        body = hold_views.view(session, holds.get(session, caller.tenant, made), system.clock())
    return JSONResponse(body, status_code=201, headers={"Location": f"/api/v1/holds/{made}"})
