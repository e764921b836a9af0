"""Routes of services, the producers of a tenant: their tree, names in time, exchange as CSV."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.conditions import expected_number
from api.http.deliveries import attachment
from api.http.dependencies import Assembled, Day
from api.http.negotiation import sent_type
from api.http.numbered import made, numbered
from api.views import examples
from api.views import producer as views
from api.views.producer_schemas import ServiceGiven, ServiceImport, ServiceList, ServiceTerms, ServiceView
from archive.catalogue import producer_changes
from archive.model.services import read_service
from archive.retention.civil import today_of

router = APIRouter(tags=["services"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]
Planner = Annotated[Caller, Depends(Needs("retention:write"))]

_NOT_FOUND = examples.problem("Pas de tel service.", "service_not_found")
_STALE = examples.problem("Modifié entre-temps : `current` et `sent` disent les deux états.", "precondition_failed")
_BAD = examples.problem("Champ refusé.", "bad_service")
_FILE: dict[str, Any] = {"text/csv": {"schema": {"type": "string"}}}


@router.get("/services", operation_id="listServices", summary="Les services", response_model=ServiceList)
def list_services(
    caller: Reader,
    system: Assembled,
    on: Annotated[Day | None, Query(description="Les noms de ce jour-là ; sans lui, d’aujourd’hui.")] = None,
) -> dict[str, Any]:
    """L’arbre entier : chaque service après celui qui est au-dessus."""
    with system.database.read() as session:
        day = on or today_of(session, caller.tenant, system.clock()).day
        return {"on": day.isoformat(), "services": views.service_views(session, caller.tenant, day)}


@router.post(
    "/services",
    operation_id="createService",
    summary="Créer un service",
    status_code=201,
    response_model=ServiceView,
    responses={409: examples.problem("Code déjà pris.", "service_exists"), 422: _BAD},
)
def create_service(given: ServiceGiven, caller: Planner, system: Assembled) -> Response:
    """Un service qui change seulement de nom garde son code : ajoutez-lui un nom daté."""
    service = read_service(given.model_dump(mode="json"))
    change = views.change_of(system, caller.tenant, caller.agent)
    body = views.made_service(
        system, caller.tenant, service.code, lambda: producer_changes.create_service(change, service)
    )
    location = f"/api/v1/services/{service.code}"
    return made(body, location)


@router.get(
    "/services.csv",
    operation_id="exportServices",
    summary="Exporter les services",
    response_class=Response,
    responses={200: {"description": "Une ligne par nom de chaque service.", "content": _FILE}},
)
def export_services(caller: Reader, system: Assembled) -> Response:
    """Importé de nouveau, ce fichier ne change rien."""
    content = views.exported(system, caller.tenant)
    return Response(content, media_type="text/csv", headers={"Content-Disposition": attachment("services.csv")})


@router.post(
    "/services.csv",
    operation_id="importServices",
    summary="Importer des services",
    response_model=ServiceImport,
    responses={
        415: examples.problem("Pas du CSV.", "unsupported_media_type"),
        422: examples.problem("Des lignes sont fausses ; chacune est nommée dans `errors`.", "bad_services"),
    },
    openapi_extra={"requestBody": {"required": True, "content": _FILE}},
)
async def import_services(
    request: Request,
    caller: Planner,
    system: Assembled,
    dry_run: Annotated[bool, Query(description="Dire ce qui changerait, ne rien changer.")] = False,
) -> Response:
    """Tout ou rien. Ce que le fichier ne nomme pas reste."""
    sent_type(request, {"text/csv"}, "Envoyez du « text/csv ».")
    content = await request.body()
    told = await run_in_threadpool(views.imported, system, caller.tenant, caller.agent, content, dry_run=dry_run)
    return JSONResponse(told)


@router.get(
    "/services/{service_id}",
    operation_id="getService",
    summary="Un service",
    response_model=ServiceView,
    responses={404: _NOT_FOUND},
)
def get_service(
    service_id: str,
    caller: Reader,
    system: Assembled,
    on: Annotated[Day | None, Query(description="Le nom de ce jour-là ; sans lui, d’aujourd’hui.")] = None,
) -> Response:
    """Avec tous ses noms. L’ETag sert à le changer."""
    with system.database.read() as session:
        day = on or today_of(session, caller.tenant, system.clock()).day
        return numbered(views.service_view(session, caller.tenant, service_id, day))


@router.put(
    "/services/{service_id}",
    operation_id="changeService",
    summary="Changer un service",
    response_model=ServiceView,
    responses={404: _NOT_FOUND, 412: _STALE, 422: _BAD},
)
def change_service(
    service_id: str, given: ServiceTerms, request: Request, caller: Planner, system: Assembled
) -> Response:
    """Le service entier, tel qu’il est désormais ; « If-Match » nomme l’état que vous avez lu."""
    expected, sent = expected_number(request), given.model_dump(mode="json")
    service = read_service(sent | {"code": service_id})
    change = views.change_of(system, caller.tenant, caller.agent)
    body = views.made_service(
        system,
        caller.tenant,
        service_id,
        lambda: producer_changes.change_service(change, expected, service),
        sent,
    )
    return numbered(body)


@router.delete(
    "/services/{service_id}",
    operation_id="removeService",
    summary="Retirer un service qui ne sert pas",
    status_code=204,
    responses={404: _NOT_FOUND, 409: examples.problem("Il sert encore.", "service_used"), 412: _STALE},
)
def remove_service(service_id: str, request: Request, caller: Planner, system: Assembled) -> Response:
    """Pour une erreur de saisie. Un service qui a existé se ferme, et nomme son successeur."""
    expected = expected_number(request)
    change = views.change_of(system, caller.tenant, caller.agent)
    producer_changes.remove_service(change, service_id, expected)
    return Response(status_code=204)
