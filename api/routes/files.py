"""Routes of files (dossiers): list, show, create, change, close, reopen, fill."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.conditions import expected_number
from api.http.cursors import Cursors, link_next
from api.http.dependencies import Assembled
from api.http.i18n import translate
from api.http.languages import preferred_language
from api.http.numbered import numbered
from api.views import examples, plan_answers
from api.views import plan_node as nodes
from api.views.plan_schemas import (
    ClosingBody,
    FiledRecords,
    FileGiven,
    FilePage,
    FileRecords,
    FilingBody,
    NodeChange,
    PlanEffect,
    PlanNodeView,
    ReasonBody,
)
from archive.catalogue import plan_changes, plan_queries
from archive.catalogue.plan_nodes import NodeKind

router = APIRouter(tags=["dossiers"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]
Planner = Annotated[Caller, Depends(Needs("retention:write"))]
Describer = Annotated[Caller, Depends(Needs("record:describe"))]
DryRun = Annotated[bool, Query(description="Dire ce qui changerait, ne rien changer.")]
Cursor = Annotated[str | None, Query(description="Suite d’une page précédente.")]

_NOT_FOUND = examples.problem("Pas de tel dossier.", "node_not_found")
_STALE = examples.problem("Modifié entre-temps : `current` et `sent` disent les deux états.", "precondition_failed")
_BAD = examples.problem("Champ refusé.", "bad_node")
_EFFECT = {"description": "Le dossier modifié, ou l’effet du changement (`dry_run`)."}


@router.get("/files", operation_id="listFiles", summary="Les dossiers", response_model=FilePage)
def list_files(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    system: Assembled,
    parent: Annotated[str | None, Query(description="Identifiant d’une classe.")] = None,
    state: Annotated[Literal["open", "closed"] | None, Query(description="Ouverts ou clos.")] = None,
    code: Annotated[str | None, Query(description="Ce code.")] = None,
    producer: Annotated[str | None, Query(description="Ce service producteur.")] = None,
    q: Annotated[str, Query(max_length=200, description="Début du code, ou mots de l’intitulé.")] = "",
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Par code."""
    closed = None if state is None else state == "closed"
    wanted = plan_queries.NodeFilter(parent, NodeKind.FILE, closed, q, code, producer)
    cursors: Cursors = request.app.state.cursors
    purpose = f"files {caller.tenant}"
    after = cursors.read(purpose, cursor)[0] if cursor is not None else None
    with system.database.read() as session:
        rows = plan_queries.page(session, caller.tenant, wanted, after=after, limit=limit + 1)
        shown = nodes.views(session, rows[:limit], caller.reader)
    following = cursors.write(purpose, [rows[limit - 1].code]) if len(rows) > limit else None
    link_next(request, response, following)
    return {"files": shown, "next": following}


@router.post(
    "/files",
    operation_id="createFile",
    summary="Ouvrir un dossier",
    status_code=201,
    response_model=PlanNodeView,
    responses={
        200: {"description": "Effet (`dry_run`).", "model": PlanEffect},
        409: examples.problem("Code déjà pris.", "node_code_used"),
        422: _BAD,
    },
)
def post_file(given: FileGiven, caller: Planner, system: Assembled, dry_run: DryRun = False) -> Response:
    """Les documents qui nomment déjà ce dossier y sont rangés."""
    values = given.model_dump(mode="json", exclude_unset=True, by_alias=True) | {"kind": NodeKind.FILE.value}
    return plan_answers.created(system, caller, values, "/api/v1/files", dry_run=dry_run)


@router.get(
    "/files/{node_id}",
    operation_id="getFile",
    summary="Un dossier",
    response_model=PlanNodeView,
    responses={404: _NOT_FOUND},
)
def get_file(node_id: str, caller: Reader, system: Assembled) -> Response:
    """Ouvert ou clos, ses dates extrêmes, son volume. L’ETag est son numéro."""
    with system.database.read() as session:
        row = plan_changes.get_file(session, caller.tenant, node_id)
        body = nodes.view(session, row, caller.reader)
    return numbered(body)


@router.patch(
    "/files/{node_id}",
    operation_id="changeFile",
    summary="Changer ou déplacer un dossier",
    response_model=PlanNodeView | PlanEffect,
    responses={200: _EFFECT, 404: _NOT_FOUND, 412: _STALE, 422: _BAD},
)
def patch_file(
    *,
    node_id: str,
    wanted: NodeChange,
    request: Request,
    caller: Planner,
    system: Assembled,
    dry_run: DryRun = False,
) -> Response:
    """« If-Match » est obligatoire. Un dossier se clôt et se rouvre par des actes à part."""
    values = wanted.model_dump(mode="json", exclude_unset=True, by_alias=True)
    act = nodes.amending(node_id, expected_number(request), values)
    return _answer(system, caller, node_id, act, values, dry_run=dry_run)


@router.post(
    "/files/{node_id}/close",
    operation_id="closeFile",
    summary="Clore un dossier",
    response_model=PlanNodeView | PlanEffect,
    responses={
        200: _EFFECT,
        404: _NOT_FOUND,
        409: examples.problem("Déjà clos.", "file_already_closed"),
        412: _STALE,
        422: examples.problem("Date à venir, ou avant un document, qui est nommé.", "bad_closing"),
    },
)
def close_file(
    *,
    node_id: str,
    wanted: ClosingBody,
    request: Request,
    caller: Planner,
    system: Assembled,
    dry_run: DryRun = False,
) -> Response:
    """Ses documents comptent leur durée depuis ce jour. « If-Match » est obligatoire."""
    act = nodes.closing(node_id, expected_number(request), wanted.closed_on)
    return _answer(system, caller, node_id, act, wanted.model_dump(mode="json"), dry_run=dry_run)


@router.post(
    "/files/{node_id}/reopen",
    operation_id="reopenFile",
    summary="Rouvrir un dossier",
    response_model=PlanNodeView | PlanEffect,
    responses={
        200: _EFFECT,
        404: _NOT_FOUND,
        409: examples.problem("Il est ouvert.", "file_not_closed"),
        412: _STALE,
        422: _BAD,
    },
)
def reopen_file(
    *,
    node_id: str,
    wanted: ReasonBody,
    request: Request,
    caller: Planner,
    system: Assembled,
    dry_run: DryRun = False,
) -> Response:
    """Ses documents n’ont plus d’échéance jusqu’à ce qu’il soit clos de nouveau."""
    act = nodes.reopening(node_id, expected_number(request), wanted.reason)
    return _answer(system, caller, node_id, act, wanted.model_dump(mode="json"), dry_run=dry_run)


def _answer(
    system: Assembled, caller: Caller, node_id: str, act: nodes.Act, sent: dict[str, Any], *, dry_run: bool
) -> Response:
    """Make a change of a file, or foresee it."""
    with system.database.read() as session:
        plan_changes.get_file(session, caller.tenant, node_id)
    return plan_answers.changed(system, caller, node_id, act, sent, dry_run=dry_run)


@router.get(
    "/files/{node_id}/records",
    operation_id="listFileRecords",
    summary="Les documents d’un dossier",
    response_model=FileRecords,
    responses={404: _NOT_FOUND},
)
def list_file_records(
    *,
    node_id: str,
    request: Request,
    response: Response,
    caller: Reader,
    system: Assembled,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Dans l’ordre de leur arrivée."""
    cursors: Cursors = request.app.state.cursors
    purpose = f"records of {node_id} {caller.tenant}"
    after = cursors.read(purpose, cursor)[0] if cursor is not None else None
    with system.database.read() as session:
        plan_changes.get_file(session, caller.tenant, node_id)
        rows = plan_queries.records_in(session, node_id, caller.reader, after=after, limit=limit + 1)
        shown = [nodes.record_line(row) for row in rows[:limit]]
    following = cursors.write(purpose, [rows[limit - 1].id]) if len(rows) > limit else None
    link_next(request, response, following)
    return {"records": shown, "next": following}


@router.post(
    "/files/{node_id}/records",
    operation_id="fileRecords",
    summary="Ranger des documents dans un dossier",
    response_model=FiledRecords,
    responses={404: _NOT_FOUND, 422: examples.problem("Le dossier est clos.", "file_closed")},
)
def post_file_records(
    node_id: str, wanted: FilingBody, request: Request, caller: Describer, system: Assembled
) -> dict[str, Any]:
    """Chacun par une révision de sa description ; les refus sont nommés, les autres sont rangés.

    Un document garde ses autres dossiers.
    """
    language = preferred_language(request)
    told = []
    for record, error in nodes.put_into_file(system, caller.tenant, node_id, wanted.records, caller.agent):
        detail = translate(error.detail, language).format(**error.values) if error is not None else None
        code = error.code if error is not None else None
        told.append({"record": record, "filed": error is None, "code": code, "detail": detail})
    return {"records": told}
