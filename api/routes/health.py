"""Routes for operators: liveness, readiness of each part, and metrics."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.authentication import current_caller, not_authenticated
from api.access.permissions import Permission, Public
from api.operations.health import AWAY, Health, overall
from signing.ground.errors import Refused

router = APIRouter(tags=["service"])


class LoopbackOrAdmin(Permission):
    """Permit a caller on this machine, or one with the scope ``admin``."""

    def __call__(self, request: Request) -> None:
        """Check the caller's address, then the scope.

        Raises:
            Refused: ``not_authenticated``, ``scope_missing``.
        """
        direct = "x-forwarded-for" not in request.headers and "forwarded" not in request.headers
        if direct and request.client is not None and request.client.host in {"127.0.0.1", "::1"}:
            return
        caller = current_caller(request)
        if caller is None:
            raise not_authenticated()
        if not caller.may("admin"):
            raise Refused("scope_missing", "Vous n’avez pas le droit « {scope} ».", scope="admin")


@router.get(
    "/health/live",
    operation_id="getLiveness",
    summary="Le processus vit",
    dependencies=[Depends(Public("operators ask before anybody can log in; says nothing but ok"))],
)
def live() -> dict[str, str]:
    """Répond dès que le processus tourne, sans rien interroger."""
    return {"status": "ok"}


@router.get(
    "/health/ready",
    operation_id="getReadiness",
    summary="Chaque partie répond",
    dependencies=[Depends(Public("load balancers and the login page ask; says states, no content"))],
    responses={503: {"description": "La base ou le magasin ne répond pas."}},
)
def ready(request: Request) -> JSONResponse:
    """L’état de chaque partie (`ok`, `degraded`, `away`), depuis quand, en une phrase.

    Aussi l’épreuve du magasin.
    """
    health: Health = request.app.state.health
    components = health.components()
    state = overall(components)
    body: dict[str, Any] = {
        "status": state,
        "components": {component.name: component.as_json() for component in components},
        "probe": health.probe(),
    }
    return JSONResponse(body, status_code=503 if state == AWAY else 200)


@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Mesures pour Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def metrics(request: Request, _allowed: Annotated[None, Depends(LoopbackOrAdmin())]) -> Response:
    """Compteurs au format texte de Prometheus, depuis cette machine ou avec le droit `admin`."""
    from api.operations.metrics import exposition

    state = request.app.state
    body, media_type = exposition(state.system, state.health, state.traffic)
    return Response(body, media_type=media_type)
