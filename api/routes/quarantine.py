"""Routes of an archivist's decisions on what was set aside: keep it as received, or refuse it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.dependencies import Assembled
from api.http.i18n import translate
from api.http.languages import preferred_language
from api.views import deposit as deposit_views
from api.views import examples
from api.views.index_position import position_of
from api.views.schemas import Body, Deposit
from ingestion.deposits.queries import find
from ingestion.processing import quarantine_decisions as decisions
from ingestion.processing.quarantine_decisions import LONGEST_REASON

router = APIRouter(tags=["versements"])

Archivist = Annotated[Caller, Depends(Needs("record:describe"))]


class RefusalRequest(Body):
    """Why a deposit is refused; its producer reads it, the journal never has it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "Fichier piégé, à renvoyer"}})

    reason: str = Field(min_length=1, max_length=LONGEST_REASON)


_ASIDE = examples.problem("Ce dépôt n’attend pas de décision.", "deposit_not_quarantined")


@router.post(
    "/deposits/{deposit_id}/accept",
    operation_id="acceptDeposit",
    summary="Garder tel quel un versement mis à part",
    status_code=202,
    response_model=Deposit,
    responses={404: examples.NOT_FOUND, 409: _ASIDE},
)
def accept_deposit(deposit_id: str, request: Request, caller: Archivist, system: Assembled) -> Response:
    """Aucune étape n’est plus faite sur lui. Le verdict reste, et le télécharger demande une
    confirmation. Vaut aussi, dans les 30 jours, pour un versement refusé.
    """
    notify, agent = system.notifier.notify, caller.agent
    decisions.accept(system.database, system.ledger, system.clock, notify, caller.tenant, deposit_id, agent)
    return _shown(system, caller, deposit_id, request, 202)


@router.post(
    "/deposits/{deposit_id}/refuse",
    operation_id="refuseDeposit",
    summary="Refuser un versement mis à part",
    response_model=Deposit,
    responses={404: examples.NOT_FOUND, 409: _ASIDE, 422: examples.problem("Motif absent.", "bad_refusal")},
)
def refuse_deposit(
    deposit_id: str, wanted: RefusalRequest, request: Request, caller: Archivist, system: Assembled
) -> Response:
    """Le producteur lit le motif. Les octets sont gardés 30 jours, puis détruits."""
    agent, reason = caller.agent, wanted.reason
    decisions.refuse(system.database, system.ledger, system.clock, caller.tenant, deposit_id, agent, reason=reason)
    return _shown(system, caller, deposit_id, request, 200)


def _shown(system: Assembled, caller: Caller, deposit_id: str, request: Request, status: int) -> Response:
    language = preferred_language(request)
    with system.database.read() as session:
        row = find(session, caller.tenant, deposit_id)
        body = deposit_views.view(
            session, row, position=position_of(system), translate=lambda text: translate(text, language)
        )
    return JSONResponse(body, status_code=status, headers={"ETag": deposit_views.entity_tag(body)})
