"""Routes of deposit agreements: who may deposit what, and what is understood by default."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.conditions import expected_number
from api.http.dependencies import Assembled
from api.http.numbered import made, numbered
from api.views import examples
from api.views import producer as views
from api.views.producer_schemas import AgreementGiven, AgreementList, AgreementPolicy, AgreementTerms, AgreementView
from archive.catalogue import producer_changes
from archive.catalogue.producers import is_agreement_required

router = APIRouter(tags=["conventions de versement"])

Depositor = Annotated[Caller, Depends(Needs("deposit:write"))]
Planner = Annotated[Caller, Depends(Needs("retention:write"))]

_NOT_FOUND = examples.problem("Pas de telle convention.", "agreement_not_found")
_STALE = examples.problem("Modifiée entre-temps : `current` et `sent` disent les deux états.", "precondition_failed")
_BAD = examples.problem("Champ refusé.", "bad_agreement")


@router.get(
    "/deposit-agreements",
    operation_id="listDepositAgreements",
    summary="Les conventions de versement",
    response_model=AgreementList,
)
def list_agreements(caller: Depositor, system: Assembled) -> dict[str, Any]:
    """Une convention lie qui elle nomme : des services avec ceux au-dessous, des déposants.

    Qui n’est nommé par aucune verse comme sans convention, sauf si `required` vaut true.
    """
    with system.database.read() as session:
        return {
            "required": is_agreement_required(session, caller.tenant),
            "agreements": views.agreement_views(system, session, caller.tenant),
        }


@router.put(
    "/deposit-agreements",
    operation_id="requireDepositAgreements",
    summary="Exiger une convention, ou non",
    response_model=AgreementPolicy,
)
def require_agreements(given: AgreementPolicy, caller: Planner, system: Assembled) -> dict[str, Any]:
    """Vaut pour tout versement reçu ensuite."""
    change = views.change_of(system, caller.tenant, caller.agent)
    producer_changes.require_agreements(change, required=given.required)
    return {"required": given.required}


@router.post(
    "/deposit-agreements",
    operation_id="createDepositAgreement",
    summary="Créer une convention",
    status_code=201,
    response_model=AgreementView,
    responses={409: examples.problem("Code déjà pris.", "agreement_exists"), 422: _BAD},
)
def create_agreement(given: AgreementGiven, caller: Planner, system: Assembled) -> Response:
    """Le format est celui du contenu, reconnu à la réception, pas celui que le versement dit."""
    agreement = views.agreement_given(system, caller.tenant, given.model_dump(mode="json"))
    change = views.change_of(system, caller.tenant, caller.agent)
    body = views.made_agreement(
        system, caller.tenant, agreement.code, lambda: producer_changes.create_agreement(change, agreement)
    )
    location = f"/api/v1/deposit-agreements/{agreement.code}"
    return made(body, location)


@router.get(
    "/deposit-agreements/{agreement_id}",
    operation_id="getDepositAgreement",
    summary="Une convention",
    response_model=AgreementView,
    responses={404: _NOT_FOUND},
)
def get_agreement(agreement_id: str, caller: Depositor, system: Assembled) -> Response:
    """L’ETag sert à la changer."""
    with system.database.read() as session:
        return numbered(views.agreement_view(system, session, caller.tenant, agreement_id))


@router.put(
    "/deposit-agreements/{agreement_id}",
    operation_id="changeDepositAgreement",
    summary="Changer une convention",
    response_model=AgreementView,
    responses={404: _NOT_FOUND, 412: _STALE, 422: _BAD},
)
def change_agreement(
    agreement_id: str, given: AgreementTerms, request: Request, caller: Planner, system: Assembled
) -> Response:
    """La convention entière, telle qu’elle est désormais ; « If-Match » nomme l’état lu.

    Elle vaut pour les versements reçus ensuite. Une convention qui a servi ne se retire pas : elle
    prend fin, ou on la suspend.
    """
    expected, sent = expected_number(request), given.model_dump(mode="json")
    agreement = views.agreement_given(system, caller.tenant, sent | {"code": agreement_id})
    change = views.change_of(system, caller.tenant, caller.agent)
    body = views.made_agreement(
        system,
        caller.tenant,
        agreement_id,
        lambda: producer_changes.change_agreement(change, expected, agreement),
        sent,
    )
    return numbered(body)
