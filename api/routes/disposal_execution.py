"""Routes of the execution of a disposal: a person confirms it, and takes that back in time."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import NeedsPerson
from api.http.dependencies import Assembled
from api.http.numbered import numbered
from api.views import examples
from api.views.disposal_change import CHANGE, changed
from api.views.disposal_schemas import DisposalView
from archive.disposition.disposals import confirmation

router = APIRouter(tags=["bordereaux"])

Archivist = Annotated[Caller, Depends(NeedsPerson("disposal:write"))]

_CHANGE: dict[int | str, dict[str, Any]] = CHANGE | {
    403: examples.problem("Pas à une clé, ni à qui contrôle ce bordereau.", "person_needed"),
}


@router.post(
    "/disposals/{disposal_id}/execute",
    operation_id="confirmExecution",
    summary="Confirmer l’exécution d’un bordereau",
    response_model=DisposalView,
    responses=_CHANGE,
)
def post_execute(disposal_id: str, request: Request, caller: Archivist, system: Assembled) -> Response:
    """Revient à une personne. Elle commence d’elle-même le lendemain du délai de repentir.

    Ce qui s’oppose à une ligne est regardé de nouveau à cet instant. « If-Match » est obligatoire.
    """
    return numbered(
        changed(
            request,
            caller,
            system,
            disposal_id,
            {},
            lambda act, expected: confirmation.confirm(act, disposal_id, expected),
        )
    )


@router.delete(
    "/disposals/{disposal_id}/execute",
    operation_id="cancelExecution",
    summary="Annuler l’exécution d’un bordereau",
    response_model=DisposalView,
    responses=_CHANGE,
)
def delete_execute(disposal_id: str, request: Request, caller: Archivist, system: Assembled) -> Response:
    """Jusqu’à la fin du dernier jour du délai de repentir ; les visas restent donnés.

    « If-Match » est obligatoire.
    """
    return numbered(
        changed(
            request,
            caller,
            system,
            disposal_id,
            {},
            lambda act, expected: confirmation.cancel(act, disposal_id, expected),
        )
    )
