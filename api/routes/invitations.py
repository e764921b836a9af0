"""Routes of invitations: a person without an account gives one visa, by a link and a code."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs, NeedsPerson
from api.http.dependencies import Assembled
from api.views import examples
from api.views import invitation as views
from api.views.invitation_schemas import InvitationGiven, InvitationList, InvitationMade, InvitationView

router = APIRouter(tags=["bordereaux"])

Archivist = Annotated[Caller, Depends(Needs("disposal:write"))]
Inviter = Annotated[Caller, Depends(NeedsPerson("disposal:write"))]

_NOT_FOUND = examples.problem("Pas de tel bordereau.", "disposal_not_found")


@router.get(
    "/disposals/{disposal_id}/invitations",
    operation_id="listInvitations",
    summary="Les invitations à un visa",
    response_model=InvitationList,
    responses={404: _NOT_FOUND},
)
def list_invitations(disposal_id: str, caller: Archivist, system: Assembled) -> dict[str, Any]:
    """La dernière d’abord : à qui, jusqu’à quand, codes faux, visa donné ou non."""
    with system.database.read() as session:
        return {"invitations": views.views(session, caller.tenant, disposal_id, system.clock())}


@router.post(
    "/disposals/{disposal_id}/invitations",
    operation_id="inviteGuest",
    summary="Inviter une personne sans compte",
    status_code=201,
    response_model=InvitationMade,
    responses={
        403: examples.problem("Pas à cette personne, ou pas par une clé.", "visa_by_drafter"),
        404: _NOT_FOUND,
        409: examples.problem("Ce visa n’est pas attendu.", "visa_not_expected"),
        422: examples.problem("Une partie se lit mal.", "bad_disposal"),
    },
)
def post_invitation(
    disposal_id: str, given: InvitationGiven, request: Request, caller: Inviter, system: Assembled
) -> Response:
    """Le lien part par courriel, ou son texte est à copier. `code` n’est montré que cette fois.

    Donnez-le de vive voix ou par SMS, jamais dans un courriel : cinq essais faux ferment le lien.
    Une invitation au même visa prend la place de celle d’avant.
    """
    body = views.invite(
        system, caller.tenant, caller.agent, disposal_id, given.model_dump(), str(request.base_url).rstrip("/")
    )
    return JSONResponse(body, status_code=201)


@router.post(
    "/disposals/{disposal_id}/invitations/{invitation_id}/revoke",
    operation_id="revokeInvitation",
    summary="Retirer une invitation",
    response_model=InvitationView,
    responses={
        404: examples.problem("Pas de telle invitation.", "invitation_not_found"),
        409: examples.problem("Elle a déjà pris fin.", "invitation_over"),
    },
)
def post_revoke(disposal_id: str, invitation_id: str, caller: Inviter, system: Assembled) -> dict[str, Any]:
    """Son lien répond aussitôt comme s’il n’avait jamais existé."""
    return views.revoke(system, caller.tenant, caller.agent, disposal_id, invitation_id)
