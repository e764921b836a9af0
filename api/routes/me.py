"""Route ``/me``: the caller, their tenant and their scopes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.access.callers import Caller
from api.access.permissions import AnyCaller
from api.views.schemas import Me

router = APIRouter(tags=["accès"])


@router.get("/me", operation_id="getMe", summary="Qui suis-je ?", response_model=Me)
def me(caller: Annotated[Caller, Depends(AnyCaller())]) -> Me:
    """L’appelant, sa collectivité et ses droits."""
    return Me(
        kind=caller.kind,
        id=caller.id,
        name=caller.name,
        tenant=caller.tenant,
        role=caller.role,
        scopes=sorted(caller.scopes),
    )
