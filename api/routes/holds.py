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
from api.views.hold_schemas import HeldRecordPage, Hold, HoldPage, HoldReach
from api.views.schemas import Body
from archive.disposition.holds import listing as holds
from archive.disposition.holds.listing import HoldFilter
from archive.disposition.holds.terms import LONGEST_NAME, LONGEST_REASON, Authority, Scope, ScopeKind, Terms

router = APIRouter(tags=["gels"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]
Holder = Annotated[Caller, Depends(Needs("hold:write"))]


class HoldRequest(Body):
    """What to hold, and why: `records`, or `node`, or `query`. The reason is shown to whoever may
    read the record; the journal never has it.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "reason": "Contentieux du marché 2026-12",
                "query": {"document_type": ["marche"], "words": "gymnase"},
                "authority": "judge",
                "reference": "TA 2604117",
                "review_on": "2027-03-01",
                "until": None,
            }
        },
    )

    reason: str = Field(min_length=1, max_length=LONGEST_REASON)
    records: list[str] | None = Field(default=None, min_length=1, description="Ces documents, tous ou aucun.")
    node: str | None = Field(
        default=None, description="Une classe ou un dossier du plan : ce qu’il contient, et ce qui y viendra."
    )
    query: dict[str, Any] | str | None = Field(
        default=None, description="Ce qui répond à ces conditions, et ce qui y répondra ; un texte seul : des mots."
    )
    until: Day | None = Field(default=None, description="Dernier jour ; null : jusqu’à sa levée.")
    authority: Authority | None = Field(default=None, description="Qui le demande.")
    reference: str | None = Field(default=None, max_length=LONGEST_NAME, description="Référence de l’affaire.")
    owner: str | None = Field(default=None, max_length=LONGEST_NAME, description="Qui en répond.")
    review_on: Day | None = Field(default=None, description="Jour où le revoir ; rien ne finit ce jour-là.")
    forbids_move: bool = Field(default=False, description="Les documents restent à leur place dans le plan.")
    restricts_reading: bool = Field(default=False, description="Seuls ceux qui peuvent geler les lisent.")
    dry_run: bool = Field(default=False, description="Ne rien geler : dire combien de documents seraient tenus.")

    def scope(self) -> Scope:
        """Return what is asked to be held.

        Raises:
            Refused: ``bad_hold``, ``bad_hold_query``.
        """
        return hold_views.scope_of(self.records, self.node, self.query)

    def terms(self) -> Terms:
        """Return what else is said of the hold."""
        return Terms(
            self.until,
            self.authority,
            self.reference,
            self.owner,
            self.review_on,
            self.forbids_move,
            self.restricts_reading,
        )


class ReviewRequest(Body):
    """What was found, and when to look again."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"comment": "L’instruction continue", "review_on": "2027-09-01"}},
    )

    comment: str = Field(min_length=1, max_length=LONGEST_REASON)
    review_on: Day | None = Field(default=None, description="Prochaine revue ; null : plus aucune.")
    owner: str | None = Field(default=None, max_length=LONGEST_NAME, description="Qui répond du gel désormais.")


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
        200: {"description": "`dry_run` : ce qui serait tenu.", "model": HoldReach},
        404: examples.NOT_FOUND,
        422: examples.problem("Motif, documents, conditions ou date refusés.", "bad_hold"),
    },
)
def post_hold(wanted: HoldRequest, caller: Holder, system: Assembled) -> Response:
    """Tous ou aucun. La décision vaut dès la réponse ; `in_step` dit si le magasin la fait déjà.

    Un gel par `node` ou par `query` tient aussi ce qui y entrera, dès que cela y entre ; ce qu’il
    tient le reste jusqu’à sa levée.
    """
    scope = wanted.scope()
    if wanted.dry_run:
        return JSONResponse(hold_views.reach(system, caller.tenant, scope))
    hold_id = hold_views.place(
        system, caller.tenant, scope, reason=wanted.reason, terms=wanted.terms(), agent=caller.agent
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
    authority: Annotated[Authority | None, Query(description="Demandés par elle.")] = None,
    scope: Annotated[ScopeKind | None, Query(description="Par liste, sous-arbre ou requête.")] = None,
    owner: Annotated[str | None, Query(max_length=LONGEST_NAME, description="Dont cette personne répond.")] = None,
    reference: Annotated[str | None, Query(max_length=LONGEST_NAME, description="De cette affaire.")] = None,
    review_by: Annotated[Day | None, Query(description="À revoir ce jour-là ou avant.")] = None,
    record: Annotated[str | None, Query(description="Qui tiennent ce document.")] = None,
    cursor: Annotated[str | None, Query(description="Suite d’une page précédente.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Du plus récent au plus ancien."""
    cursors: Cursors = request.app.state.cursors
    purpose = f"holds {caller.tenant}"
    before = cursors.read(purpose, cursor)[0] if cursor is not None else None
    in_force = None if state is None else state == "active"
    wanted = HoldFilter(in_force, authority, scope, owner, reference, review_by, record)
    with system.database.read() as session:
        rows = holds.page(session, caller.tenant, wanted, before=before, limit=limit + 1)
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


@router.get(
    "/holds/{hold_id}/records",
    operation_id="listHeldRecords",
    summary="Les documents que tient un gel",
    response_model=HeldRecordPage,
    responses=_ONE,
)
def list_held_records(
    *,
    hold_id: str,
    request: Request,
    response: Response,
    caller: Reader,
    system: Assembled,
    cursor: Annotated[str | None, Query(description="Suite d’une page précédente.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """Leurs identifiants, dans l’ordre."""
    cursors: Cursors = request.app.state.cursors
    purpose = f"held {hold_id}"
    after = cursors.read(purpose, cursor)[0] if cursor is not None else None
    with system.database.read() as session:
        holds.get(session, caller.tenant, hold_id)
        found = holds.records_page(session, hold_id, after=after, limit=limit + 1)
    following = cursors.write(purpose, [found[limit - 1]]) if len(found) > limit else None
    link_next(request, response, following)
    return {"records": found[:limit], "next": following}


@router.post(
    "/holds/{hold_id}/reviews",
    operation_id="reviewHold",
    summary="Revoir un gel",
    response_model=Hold,
    responses=_ONE | {409: examples.problem("Déjà levé.", "hold_released")},
)
def post_review(hold_id: str, wanted: ReviewRequest, caller: Holder, system: Assembled) -> dict[str, Any]:
    """Dit ce qui a été constaté et quand le revoir ; le gel reste en vigueur."""
    hold_views.review(
        system,
        caller.tenant,
        hold_id,
        comment=wanted.comment,
        review_on=wanted.review_on,
        owner=wanted.owner,
        agent=caller.agent,
    )
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
