"""Routes of the filing plan: list, show, create, change, move and remove its nodes."""

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
from api.http.numbered import numbered
from api.views import examples, plan_answers
from api.views import plan_node as nodes
from api.views.plan_schemas import NodeChange, NodeGiven, PlanEffect, PlanNodePage, PlanNodeView, ReasonBody
from archive.catalogue import plan_changes, plan_queries
from archive.catalogue.plan_nodes import NodeKind
from signing.ground.errors import Refused

router = APIRouter(tags=["plan de classement"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]
Planner = Annotated[Caller, Depends(Needs("retention:write"))]
DryRun = Annotated[bool, Query(description="Dire ce qui changerait, ne rien changer.")]

_NOT_FOUND = examples.problem("Pas de tel élément du plan.", "node_not_found")
_STALE = examples.problem("Modifié entre-temps : `current` et `sent` disent les deux états.", "precondition_failed")
_BAD = examples.problem("Champ refusé.", "bad_node")
_EFFECT = {"description": "Effet du changement (`dry_run`), ou élément modifié."}


@router.get(
    "/classification/nodes", operation_id="listNodes", summary="Le plan de classement", response_model=PlanNodePage
)
def list_nodes(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    system: Assembled,
    parent: Annotated[str | None, Query(description="Identifiant d’une classe ; vide : le haut du plan.")] = None,
    kind: Annotated[Literal["class", "file"] | None, Query(description="Classes ou dossiers.")] = None,
    code: Annotated[str | None, Query(description="Ce code.")] = None,
    q: Annotated[str, Query(max_length=200, description="Début du code, ou mots de l’intitulé.")] = "",
    cursor: Annotated[str | None, Query(description="Suite d’une page précédente.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Par code. Sans `parent`, tout le plan."""
    wanted = plan_queries.NodeFilter(parent=parent, kind=NodeKind(kind) if kind else None, text=q, code=code)
    cursors: Cursors = request.app.state.cursors
    purpose = f"nodes {caller.tenant}"
    after = cursors.read(purpose, cursor)[0] if cursor is not None else None
    with system.database.read() as session:
        rows = plan_queries.page(session, caller.tenant, wanted, after=after, limit=limit + 1)
        shown = nodes.views(session, rows[:limit], caller.reader)
    following = cursors.write(purpose, [rows[limit - 1].code]) if len(rows) > limit else None
    link_next(request, response, following)
    return {"nodes": shown, "next": following}


@router.post(
    "/classification/nodes",
    operation_id="createNode",
    summary="Créer une classe ou un dossier",
    status_code=201,
    response_model=PlanNodeView,
    responses={
        200: {"description": "Effet (`dry_run`).", "model": PlanEffect},
        409: examples.problem("Code déjà pris.", "node_code_used"),
        422: _BAD,
    },
)
def post_node(given: NodeGiven, caller: Planner, system: Assembled, dry_run: DryRun = False) -> Response:
    """Les documents qui nomment déjà ce code y sont rangés. Un code ne sert jamais deux fois."""
    values = given.model_dump(mode="json", exclude_unset=True, by_alias=True)
    return plan_answers.created(system, caller, values, "/api/v1/classification/nodes", dry_run=dry_run)


@router.get(
    "/classification/nodes/{node_id}",
    operation_id="getNode",
    summary="Une classe ou un dossier",
    response_model=PlanNodeView,
    responses={404: _NOT_FOUND},
)
def get_node(node_id: str, caller: Reader, system: Assembled) -> Response:
    """Ce qu’il déclare, ce qu’il contient. L’ETag est son numéro."""
    with system.database.read() as session:
        row = plan_changes.get(session, caller.tenant, node_id)
        body = nodes.view(session, row, caller.reader)
    return numbered(body)


@router.patch(
    "/classification/nodes/{node_id}",
    operation_id="changeNode",
    summary="Changer ou déplacer une classe, un dossier",
    response_model=PlanNodeView | PlanEffect,
    responses={200: _EFFECT, 404: _NOT_FOUND, 412: _STALE, 422: _BAD},
)
def patch_node(
    *,
    node_id: str,
    wanted: NodeChange,
    request: Request,
    caller: Planner,
    system: Assembled,
    dry_run: DryRun = False,
) -> Response:
    """« If-Match » est obligatoire. Les dates des documents concernés sont recalculées ensuite ;
    jusque-là rien n’est exécuté sur eux. Un verrou du magasin n’est jamais raccourci.
    """
    values = wanted.model_dump(mode="json", exclude_unset=True, by_alias=True)
    act = nodes.amending(node_id, expected_number(request), values)
    return plan_answers.changed(system, caller, node_id, act, values, dry_run=dry_run)


@router.post(
    "/classification/nodes/{node_id}/remove",
    operation_id="removeNode",
    summary="Retirer une classe ou un dossier vide",
    status_code=204,
    responses={
        404: _NOT_FOUND,
        409: examples.problem("Il contient encore quelque chose.", "node_not_empty"),
        412: _STALE,
        422: _BAD,
    },
)
def remove_node(node_id: str, wanted: ReasonBody, request: Request, caller: Planner, system: Assembled) -> Response:
    """« If-Match » est obligatoire. Son code ne sert plus jamais ; le journal en garde la trace."""
    expected = expected_number(request)
    try:
        nodes.removed(system, caller.tenant, caller.agent, node_id, expected, wanted.reason)
    except Refused as error:
        raise nodes.with_both_views(error, system, caller.tenant, node_id, {"reason": wanted.reason}) from None
    return Response(status_code=204)
