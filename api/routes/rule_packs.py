"""Routes of rule packs and document types."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.conditions import require_match
from api.http.dependencies import Assembled
from api.views import examples, rule_pack
from api.views import rule as rules
from api.views.rule_schemas import (
    DocumentTypeCreated,
    DocumentTypeGiven,
    DocumentTypes,
    DocumentTypeView,
    PackDecision,
    PackDifference,
)
from archive.catalogue import rule_changes, rule_queries
from archive.retention.rule_terms import access_given
from archive.retention.schedule import document_types
from signing.ground.errors import Refused

router = APIRouter(tags=["règles"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]
Planner = Annotated[Caller, Depends(Needs("retention:write"))]

_NO_PACK = examples.problem("Pas de tel jeu de règles.", "pack_not_found")
_NO_TYPE = examples.problem("Pas de tel type de document.", "document_type_not_found")


@router.get(
    "/retention/packs/{pack}",
    operation_id="comparePack",
    summary="Ce qu’un jeu de règles dit autrement",
    response_model=PackDifference,
    responses={404: _NO_PACK},
)
def compare_pack(pack: str, caller: Reader, system: Assembled) -> dict[str, Any]:
    """Règles ajoutées, changées, retirées, avec le nombre de documents. Rien n’est changé."""
    with system.database.read() as session:
        return {"pack": pack, "lines": rule_pack.lines(session, caller.tenant, pack)}


@router.post(
    "/retention/packs/{pack}/decisions",
    operation_id="decidePackLine",
    summary="Reprendre ou écarter une ligne d’un jeu de règles",
    response_model=PackDifference,
    responses={404: _NO_PACK, 409: examples.problem("Elle sert encore.", "rule_used")},
)
def decide_pack_line(pack: str, given: PackDecision, caller: Planner, system: Assembled) -> dict[str, Any]:
    """Reprise, elle devient une version à valider. Écartée, elle le reste tant que le jeu dit
    la même chose.
    """
    change = rules.change_of(system, caller.tenant, caller.agent)
    with system.database.read() as session:
        line, terms = rule_pack.decide(session, change, pack, given.code)
    rule_pack.apply(change, pack, line, terms, accept=given.accept, reason=given.reason)
    system.notifier.notify()
    return compare_pack(pack, caller, system)


@router.get(
    "/document-types", operation_id="listDocumentTypes", summary="Les types de document", response_model=DocumentTypes
)
def list_document_types(caller: Reader, system: Assembled) -> dict[str, Any]:
    """Par intitulé, chacun avec sa règle."""
    with system.database.read() as session:
        counts = rule_queries.records_by_type(session, caller.tenant)
        rows = document_types(session, caller.tenant)
        return {"document_types": [rules.type_view(row, counts.get(row.code, 0)) for row in rows]}


@router.post(
    "/document-types",
    operation_id="createDocumentType",
    summary="Ajouter un type de document",
    status_code=201,
    response_model=DocumentTypeView,
    responses={409: examples.problem("Code déjà pris.", "document_type_exists")},
)
def post_document_type(given: DocumentTypeCreated, caller: Planner, system: Assembled) -> Response:
    """Les documents qui nomment déjà ce code en reçoivent la règle."""
    access = access_given(given.access_rule)
    change = rules.change_of(system, caller.tenant, caller.agent)
    rule_changes.create_type(change, given.code, label=given.label, rule_code=given.rule, access_rule=access)
    system.notifier.notify()
    return _type(system, caller, given.code, status=201)


@router.get(
    "/document-types/{type_id}",
    operation_id="getDocumentType",
    summary="Un type de document",
    response_model=DocumentTypeView,
    responses={404: _NO_TYPE},
)
def get_document_type(type_id: str, caller: Reader, system: Assembled) -> Response:
    """Sa règle et sa règle d’accès ; l’ETag change avec elles."""
    return _type(system, caller, type_id)


@router.put(
    "/document-types/{type_id}",
    operation_id="changeDocumentType",
    summary="Changer un type de document",
    response_model=DocumentTypeView,
    responses={
        404: _NO_TYPE,
        412: examples.problem(
            "Modifié entre-temps : `current` et `sent` disent les deux états.", "precondition_failed"
        ),
    },
)
def put_document_type(
    type_id: str, given: DocumentTypeGiven, request: Request, caller: Planner, system: Assembled
) -> Response:
    """« If-Match » est obligatoire. Les dates des documents de ce type sont recalculées ensuite ;
    jusque-là rien n’est exécuté sur eux.
    """
    access = access_given(given.access_rule)
    with system.database.read() as session:
        rule_queries.get_type(session, caller.tenant, type_id)
    try:
        rule_changes.set_type(
            rules.change_of(system, caller.tenant, caller.agent),
            type_id,
            lambda row: require_match(request, rules.type_tag(row)),
            label=given.label,
            rule_code=given.rule,
            access_rule=access,
        )
    except Refused as error:
        raise rules.with_both_types(error, system, caller.tenant, type_id, given.model_dump(mode="json")) from None
    system.notifier.notify()
    return _type(system, caller, type_id)


def _type(system: Any, caller: Caller, code: str, status: int = 200) -> Response:
    with system.database.read() as session:
        body = rules.type_of(session, caller.tenant, code)
        headers = {"ETag": rules.type_tag(rule_queries.get_type(session, caller.tenant, code))}
    if status == 201:
        headers["Location"] = f"/api/v1/document-types/{code}"
    return JSONResponse(body, status_code=status, headers=headers)
