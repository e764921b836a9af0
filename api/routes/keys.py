"""Routes of the keys of other applications: create, list, revoke."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import JSONResponse, Response

from api.access.callers import SCOPES, Caller
from api.access.keys import create_key, keys_of, revoke_key
from api.access.permissions import Needs
from api.access.tables import ApiKeyRow
from api.http.dependencies import Assembled, Moment
from api.views import examples
from api.views.schemas import Body, KeyPage, NewKey
from signing.ground.clock import stamp
from signing.ground.errors import Refused

router = APIRouter(tags=["accès"])

Admin = Annotated[Caller, Depends(Needs("admin"))]


class KeyRequest(Body):
    """A key to make for the caller's tenant."""

    name: str = Field(min_length=1, max_length=200, examples=["Logiciel de délibérations"])
    scopes: list[str] = Field(min_length=1, description="Parmi : " + ", ".join(SCOPES), examples=[["record:read"]])
    expires_at: Moment | None = Field(default=None, description="Un an par défaut.")


def _shown(row: ApiKeyRow) -> dict[str, Any]:
    def said(moment: datetime | None) -> str | None:
        return stamp(moment) if moment is not None else None

    return {
        "id": row.id,
        "name": row.name,
        "prefix": row.prefix,
        "tenant": row.tenant_id,
        "scopes": row.scopes,
        "created_at": stamp(row.created_at),
        "expires_at": said(row.expires_at),
        "revoked_at": said(row.revoked_at),
        "last_used_at": said(row.last_used_at),
    }


@router.post(
    "/keys",
    operation_id="createKey",
    summary="Créer une clé",
    status_code=201,
    response_model=NewKey,
    responses={422: examples.problem("Droit inconnu.", "scope_unknown")},
)
def post_key(wanted: KeyRequest, caller: Admin, system: Assembled) -> Response:
    """La clé n’est montrée que dans cette réponse ; seule son empreinte est conservée."""
    excess = [scope for scope in wanted.scopes if scope in SCOPES and not caller.may(scope)]
    if excess:
        raise Refused(
            "scope_missing",
            "Vous ne pouvez pas donner un droit que vous n’avez pas : {scope}.",
            pointer="/scopes",
            scope=", ".join(excess),
        )
    now = system.clock()
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise Refused("bad_expiry", "Cette date d’expiration est passée.", pointer="/expires_at")
    with system.database.write() as session:
        row, plain = create_key(
            session,
            tenant=caller.tenant,
            scopes=wanted.scopes,
            name=wanted.name,
            now=now,
            expires_at=wanted.expires_at,
        )
    body = _shown(row) | {"key": plain}
    return JSONResponse(body, status_code=201, headers={"Location": f"/api/v1/keys/{row.id}"})


@router.get("/keys", operation_id="listKeys", summary="Les clés de ma collectivité", response_model=KeyPage)
def list_keys(caller: Admin, system: Assembled) -> dict[str, Any]:
    """Sans leur texte, que personne ne peut relire."""
    with system.database.read() as session:
        return {"keys": [_shown(row) for row in keys_of(session, caller.tenant)]}


@router.delete(
    "/keys/{key_id}",
    operation_id="revokeKey",
    summary="Révoquer une clé",
    status_code=204,
    response_class=Response,
    responses={404: examples.problem("Pas de telle clé.", "key_not_found")},
)
def delete_key(key_id: str, caller: Admin, system: Assembled) -> Response:
    """Effet immédiat et définitif."""
    with system.database.write() as session:
        if not revoke_key(session, key_id, system.clock(), tenant=caller.tenant):
            raise Refused("key_not_found", "Cette clé n’existe pas.", action="Vérifiez l’identifiant.")
    return Response(status_code=204)
