"""Routes of disposals: draft a bordereau, decide its lines, submit it, stop it, give a visa."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import Needs, NeedsPerson
from api.http.cursors import page_answer, place_in
from api.http.dependencies import Assembled
from api.http.numbered import made, numbered
from api.views import disposal as views
from api.views import examples
from api.views.disposal_change import BAD, CHANGE, NOT_FOUND, changed
from api.views.disposal_schemas import (
    DecidedLineView,
    DisposalGiven,
    DisposalPage,
    DisposalView,
    GroupPage,
    LineDecided,
    LinePage,
    LinesDecided,
    QueryGiven,
    ReasonGiven,
    State,
    StateOfLine,
    VisaGivenBody,
    VisaList,
)
from api.views.disposal_visa import give_visa
from api.views.removal import named_readers
from archive.database.disposal_tables import DisposalRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, listing
from archive.disposition.disposals.bordereau import Draft
from archive.disposition.due_query import DueQuery
from archive.model.disposals import Direction, DisposalState, LineState

router = APIRouter(tags=["bordereaux"])

Reader = Annotated[Caller, Depends(Needs("disposal:write", "disposal:visa"))]
Archivist = Annotated[Caller, Depends(Needs("disposal:write"))]
LineDecider = Annotated[Caller, Depends(Needs("disposal:write", gone=True))]
Signatory = Annotated[Caller, Depends(NeedsPerson("disposal:visa", "disposal:write"))]

_ONE: dict[int | str, dict[str, Any]] = {404: NOT_FOUND}
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(description="Suite d’une page précédente.")]


@router.get(
    "/disposals", operation_id="listDisposals", summary="Les bordereaux", response_model=DisposalPage, responses={}
)
def list_disposals(
    request: Request,
    caller: Reader,
    system: Assembled,
    state: Annotated[list[State] | None, Query(description="Dans ces états seulement.")] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Le dernier dressé d’abord."""
    states = [DisposalState(one) for one in state or ()]
    purpose = f"disposals {caller.tenant} {sorted(states)}"
    before = place_in(request, purpose, cursor)
    with system.database.read() as session:
        rows = listing.page(session, caller.tenant, states, before=before, limit=limit + 1)
        act = views.reading(system, session, caller.tenant)
        shown = views.shorts(act, rows[:limit])
    return page_answer(request, purpose, "disposals", shown, rows[limit - 1].id if len(rows) > limit else None)


@router.post(
    "/disposals",
    operation_id="draftDisposal",
    summary="Dresser un bordereau",
    status_code=201,
    response_model=DisposalView,
    responses={
        404: examples.problem("Pas de tel document.", "record_not_found"),
        409: examples.problem("Un document est dans un autre bordereau.", "record_in_disposal"),
        422: BAD,
    },
)
def post_disposal(given: DisposalGiven, caller: Archivist, system: Assembled) -> Response:
    """Un brouillon : ses documents ne sont dans aucun autre bordereau.

    Un retrait (`remove`) dit pourquoi, et nomme les deux comptes qui lisent encore ses documents :
    dès qu’il est soumis, la lecture en est fermée à tous les autres.

    Par une recherche, tout ce qui est prêt, et ce qui n’attend plus que le verrou du coffre. Par
    des documents nommés, chacun est une ligne ; ce qui s’oppose à l’une est dit.
    """
    asked = Draft(
        action=given.action,
        direction=Direction(given.direction),
        title=given.title,
        producer=given.producer,
        authority=given.authority,
        records=given.records,
        query=_query(given.query) if given.query is not None else None,
        reason=given.reason,
    )

    def do(act: Act) -> DisposalRow:
        named = named_readers(act.session, act.tenant, given.readers or ())
        return bordereau.draft(act, replace(asked, readers=named))

    body = views.acting(system, caller.tenant, caller.agent, do)
    return made(body, f"/api/v1/disposals/{body['id']}")


@router.get(
    "/disposals/{disposal_id}",
    operation_id="getDisposal",
    summary="Un bordereau",
    response_model=DisposalView,
    responses=_ONE,
)
def get_disposal(disposal_id: str, caller: Reader, system: Assembled) -> Response:
    """Ses visas dans l’ordre, ses lignes en nombre, ce qui bloque. L’ETag est son numéro."""
    with system.database.read() as session:
        row = bordereau.get(session, caller.tenant, disposal_id)
        return numbered(views.view(views.reading(system, session, caller.tenant), row))


@router.get(
    "/disposals/{disposal_id}/groups",
    operation_id="listDisposalGroups",
    summary="Les lignes d’un bordereau, groupées",
    response_model=GroupPage,
    responses=_ONE,
)
def list_groups(
    disposal_id: str,
    request: Request,
    caller: Reader,
    system: Assembled,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Règle, typologie, dates extrêmes, durée, nombre, volume, remarques."""
    purpose = f"disposal groups {caller.tenant} {disposal_id}"
    after = place_in(request, purpose, cursor) or 0
    with system.database.read() as session:
        row = bordereau.get(session, caller.tenant, disposal_id)
        found = listing.groups(session, row.id, after=after, limit=limit + 1)
        shown = [views.group_view(session, caller.tenant, one) for one in found[:limit]]
    return page_answer(request, purpose, "groups", shown, found[limit - 1].number if len(found) > limit else None)


@router.get(
    "/disposals/{disposal_id}/lines",
    operation_id="listDisposalLines",
    summary="Les documents d’un bordereau",
    response_model=LinePage,
    responses=_ONE,
)
def list_lines(
    disposal_id: str,
    request: Request,
    caller: Reader,
    system: Assembled,
    group: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
    state: StateOfLine | None = None,
    reason: Annotated[str | None, Query(max_length=40, description="Retenues ou refusées pour cela.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Chaque document tel qu’il a été figé, et où il en est."""
    purpose = f"disposal lines {caller.tenant} {disposal_id} {group} {state} {reason}"
    after = place_in(request, purpose, cursor) or 0
    wanted = LineState(state) if state is not None else None
    with system.database.read() as session:
        row = bordereau.get(session, caller.tenant, disposal_id)
        found = listing.lines(session, row.id, group=group, state=wanted, reason=reason, after=after, limit=limit + 1)
        shown = views.line_views(session, views.signing(session, caller, row), found[:limit])
    return page_answer(request, purpose, "lines", shown, found[limit - 1].position if len(found) > limit else None)


@router.patch(
    "/disposals/{disposal_id}/lines/{record_id}",
    operation_id="decideDisposalLine",
    summary="Retirer une ligne, ou la remettre",
    response_model=DecidedLineView,
    responses=CHANGE,
)
def patch_line(
    disposal_id: str, record_id: str, given: LineDecided, request: Request, caller: LineDecider, system: Assembled
) -> Response:
    """« If-Match » est obligatoire. Un bordereau soumis ne reprend aucune ligne."""
    told = [given.model_dump() | {"record_id": record_id}]
    body = changed(
        request,
        caller,
        system,
        disposal_id,
        given.model_dump(),
        lambda act, expected: views.decide_lines(act, disposal_id, expected, told),
    )
    with system.database.read() as session:
        (line,) = views.line_views(session, caller.reader, [listing.line(session, disposal_id, record_id)])
    return numbered(line | {"number": body["number"]})


@router.patch(
    "/disposals/{disposal_id}/lines",
    operation_id="decideDisposalLines",
    summary="Décider de plusieurs lignes",
    response_model=DisposalView,
    responses=CHANGE,
)
def patch_lines(
    disposal_id: str, given: LinesDecided, request: Request, caller: Archivist, system: Assembled
) -> Response:
    """De toutes, ou d’aucune. « If-Match » est obligatoire."""
    told = [one.model_dump() for one in given.lines]
    return numbered(
        changed(
            request,
            caller,
            system,
            disposal_id,
            given.model_dump(),
            lambda act, expected: views.decide_lines(act, disposal_id, expected, told),
        )
    )


@router.post(
    "/disposals/{disposal_id}/submit",
    operation_id="submitDisposal",
    summary="Soumettre un bordereau aux visas",
    response_model=DisposalView,
    responses=CHANGE,
)
def post_submit(disposal_id: str, request: Request, caller: Archivist, system: Assembled) -> Response:
    """Fige la population, les dates, les règles et les empreintes. « If-Match » est obligatoire."""
    return numbered(
        changed(
            request, caller, system, disposal_id, {}, lambda act, expected: bordereau.submit(act, disposal_id, expected)
        )
    )


@router.post(
    "/disposals/{disposal_id}/withdraw",
    operation_id="withdrawDisposal",
    summary="Arrêter un bordereau",
    response_model=DisposalView,
    responses=CHANGE,
)
def post_withdraw(
    disposal_id: str, given: ReasonGiven, request: Request, caller: Archivist, system: Assembled
) -> Response:
    """Jusqu’au dernier jour du délai de repentir. « If-Match » est obligatoire."""
    return numbered(
        changed(
            request,
            caller,
            system,
            disposal_id,
            given.model_dump(),
            lambda act, expected: bordereau.withdraw(act, disposal_id, expected, given.reason),
        )
    )


@router.get(
    "/disposals/{disposal_id}/visas",
    operation_id="listDisposalVisas",
    summary="Les visas d’un bordereau",
    response_model=VisaList,
    responses=_ONE,
)
def list_visas(disposal_id: str, caller: Reader, system: Assembled) -> dict[str, Any]:
    """Qui, en quelle qualité, quand, comment la personne a été reconnue, et sa réponse."""
    with system.database.read() as session:
        row = bordereau.get(session, caller.tenant, disposal_id)
        return {"visas": views.visa_views(session, row.id)}


@router.post(
    "/disposals/{disposal_id}/visas",
    operation_id="giveVisa",
    summary="Donner un visa",
    response_model=DisposalView,
    responses=CHANGE | {403: examples.problem("Pas à cette personne, ou pas à une clé.", "visa_by_drafter")},
)
def post_visa(
    disposal_id: str, given: VisaGivenBody, request: Request, caller: Signatory, system: Assembled
) -> Response:
    """Revient à une personne qui n’a pas préparé le bordereau, et n’y a pas encore donné de visa.

    Le dernier visa décide de chaque ligne : le délai de repentir commence. « If-Match » est
    obligatoire. `means: paper` saisit un visa signé sur papier, par un archiviste.
    """
    told = given.model_dump()
    return numbered(
        changed(
            request,
            caller,
            system,
            disposal_id,
            given.model_dump(mode="json"),
            lambda act, expected: give_visa(act, disposal_id, expected, caller, told),
        )
    )


def _query(given: QueryGiven) -> DueQuery:
    return DueQuery(
        rule=given.rule or None,
        producer=given.producer or None,
        document_type=given.document_type or None,
        node=given.node or None,
        text=given.q or None,
    )
