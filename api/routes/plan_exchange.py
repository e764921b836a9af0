"""Routes that export the filing plan and import one, as CSV or SKOS."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.deliveries import attachment
from api.http.dependencies import Assembled
from api.http.negotiation import accepted, sent_type
from api.views import examples
from api.views import plan_node as nodes
from api.views.plan_schemas import PlanImport

router = APIRouter(tags=["plan de classement"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]
Planner = Annotated[Caller, Depends(Needs("retention:write"))]

_FILE: dict[str, Any] = {one: {"schema": {"type": "string"}} for one in nodes.FORMATS}


@router.get(
    "/classification/plan",
    operation_id="exportPlan",
    summary="Exporter le plan de classement",
    response_class=Response,
    responses={
        200: {"description": "Le plan entier.", "content": _FILE},
        406: examples.problem("Ni CSV ni SKOS.", "not_acceptable"),
    },
)
def export_plan(request: Request, caller: Reader, system: Assembled) -> Response:
    """En CSV, ou en SKOS (RDF/XML) par « Accept ». Importé de nouveau, il ne change rien."""
    wanted = accepted(request, nodes.FORMATS)
    name = "plan.rdf" if wanted == nodes.SKOS else "plan.csv"
    content = nodes.exported(system, caller.tenant, wanted)
    headers = {"Content-Disposition": attachment(name), "Vary": "Accept, Authorization, Cookie"}
    return Response(content, media_type=wanted, headers=headers)


@router.post(
    "/classification/plan",
    operation_id="importPlan",
    summary="Importer un plan de classement",
    response_model=PlanImport,
    responses={
        415: examples.problem("Ni CSV ni SKOS.", "unsupported_media_type"),
        422: examples.problem("Des lignes sont fausses ; chacune est nommée dans `errors`.", "bad_plan"),
    },
    openapi_extra={"requestBody": {"required": True, "content": _FILE}},
)
async def import_plan(
    request: Request,
    caller: Planner,
    system: Assembled,
    dry_run: Annotated[bool, Query(description="Dire ce qui changerait, ne rien changer.")] = False,
) -> Response:
    """Tout ou rien. Ce que le fichier ne nomme pas reste. Au plus 2000 lignes."""
    media_type = sent_type(request, nodes.FORMATS, "Envoyez du « text/csv » ou de l’« application/rdf+xml ».")
    content = await request.body()
    told = await run_in_threadpool(
        nodes.imported, system, caller.tenant, caller.agent, content, media_type, dry_run=dry_run
    )
    return JSONResponse(told)
