"""Routes of the retention schedule: rules in versions, simulations, packs, document types."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.conditions import expected_number
from api.http.cursors import Cursors, link_next
from api.http.dependencies import Assembled
from api.views import examples
from api.views import rule as rules
from api.views.rule_schemas import (
    ImportResult,
    RuleGiven,
    RulePage,
    RuleTerms,
    RuleView,
    Simulation,
    SimulationRequest,
    Validation,
)
from archive.catalogue import rule_changes, rule_effects
from archive.retention.civil import today_of
from archive.retention.rule_terms import admit_terms
from signing.ground.errors import Refused

router = APIRouter(tags=["règles"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]
Planner = Annotated[Caller, Depends(Needs("retention:write"))]
Cursor = Annotated[str | None, Query(description="Suite d’une page précédente.")]

_NOT_FOUND = examples.problem("Pas de telle règle.", "rule_not_found")
_STALE = examples.problem("Modifié entre-temps : `current` et `sent` disent les deux états.", "precondition_failed")
_BAD = examples.problem("Champ refusé.", "bad_rule")


@router.get("/retention/rules", operation_id="listRules", summary="Les règles", response_model=RulePage)
def list_rules(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    system: Assembled,
    q: Annotated[str, Query(max_length=200, description="Dans le code, l’intitulé ou la source.")] = "",
    validated: Annotated[bool | None, Query(description="Dernière version validée, ou à valider.")] = None,
    final_action: Annotated[str | None, Query(description="keep, destroy ou sort.")] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Par code, chacune dans sa dernière version."""
    cursors: Cursors = request.app.state.cursors
    purpose = f"rules {caller.tenant}"
    after = cursors.read(purpose, cursor)[0] if cursor is not None else ""
    with system.database.read() as session:
        found = rules.views(session, caller.tenant, today_of(session, caller.tenant, system.clock()))
    found = [one for one in rules.chosen(found, q, validated, final_action) if one["code"] > after]
    following = cursors.write(purpose, [found[limit - 1]["code"]]) if len(found) > limit else None
    link_next(request, response, following)
    return {"rules": found[:limit], "next": following}


@router.post(
    "/retention/rules",
    operation_id="createRule",
    summary="Créer une règle",
    status_code=201,
    response_model=RuleView,
    responses={409: examples.problem("Code déjà pris.", "rule_code_used"), 422: _BAD},
)
def post_rule(given: RuleGiven, caller: Planner, system: Assembled) -> Response:
    """Sa première version ; une autre personne la valide. D’ici là, rien n’est éliminé par elle."""
    values = given.model_dump(mode="json")
    code, reason, terms = values.pop("code"), values.pop("reason"), admit_terms(values)
    body = rules.made(
        system, caller.tenant, caller.agent, code, lambda change: rule_changes.create(change, code, terms, reason)
    )
    headers = {"Location": f"/api/v1/retention/rules/{code}", "ETag": '"1"'}
    return JSONResponse(body, status_code=201, headers=headers)


@router.get(
    "/retention/rules.csv",
    operation_id="exportRules",
    summary="Les règles en CSV",
    responses={200: {"description": "Le fichier.", "content": {"text/csv": {}}}},
)
def export_rules(caller: Reader, system: Assembled) -> Response:
    """Dernière version de chaque règle ; ce fichier se réimporte."""
    with system.database.read() as session:
        content = rules.exported(session, caller.tenant)
    headers = {"Content-Disposition": 'attachment; filename="regles.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.post(
    "/retention/rules.csv",
    operation_id="importRules",
    summary="Importer des règles",
    response_model=ImportResult,
    responses={422: examples.problem("Lignes fausses : rien n’a été appliqué.", "bad_rule_file")},
)
def import_rules(
    caller: Planner,
    system: Assembled,
    content: Annotated[bytes, Body(media_type="text/csv")],
    reason: Annotated[str | None, Query(max_length=rule_changes.LONGEST_REASON)] = None,
    dry_run: Annotated[bool, Query(description="Dire ce qui changerait, ne rien changer.")] = False,
) -> dict[str, Any]:
    """Tout le fichier ou rien : chaque ligne fausse est nommée. Ce qui ne change pas reste."""
    return rules.import_rules(system, caller.tenant, caller.agent, content, reason, dry_run=dry_run)


@router.get(
    "/retention/rules/{rule_id}",
    operation_id="getRule",
    summary="Une règle et ses versions",
    response_model=RuleView,
    responses={404: _NOT_FOUND},
)
def get_rule(rule_id: str, caller: Reader, system: Assembled) -> Response:
    """L’ETag est le numéro de la dernière version."""
    with system.database.read() as session:
        body = rules.view(session, caller.tenant, rule_id, today_of(session, caller.tenant, system.clock()))
    return _answer(body)


@router.put(
    "/retention/rules/{rule_id}",
    operation_id="changeRule",
    summary="Faire une nouvelle version",
    response_model=RuleView,
    responses={404: _NOT_FOUND, 412: _STALE, 422: _BAD},
)
def put_rule(rule_id: str, given: RuleTerms, request: Request, caller: Planner, system: Assembled) -> Response:
    """« If-Match » nomme la dernière version. Une version n’est jamais modifiée.

    Les dates des documents concernés sont recalculées ensuite ; jusque-là rien n’est exécuté sur
    eux. Un verrou du magasin n’est jamais raccourci.
    """
    values, expected = given.model_dump(mode="json"), expected_number(request)
    reason, terms = values["reason"], admit_terms(values)
    try:
        body = rules.made(
            system,
            caller.tenant,
            caller.agent,
            rule_id,
            lambda change: rule_changes.amend(change, rule_id, expected, terms, reason),
        )
    except Refused as error:
        raise rules.with_both_views(error, system, caller.tenant, rule_id, values) from None
    return _answer(body)


@router.post(
    "/retention/rules/{rule_id}/validate",
    operation_id="validateRule",
    summary="Valider une version",
    response_model=RuleView,
    responses={
        403: examples.problem("Qui l’a faite ne la valide pas.", "rule_own_validation"),
        404: _NOT_FOUND,
        409: examples.problem("Déjà validée.", "rule_already_validated"),
        412: _STALE,
    },
)
def validate_rule(rule_id: str, given: Validation, request: Request, caller: Planner, system: Assembled) -> Response:
    """L’acte d’une seconde personne, sur la dernière version, que « If-Match » nomme."""
    expected = expected_number(request)
    try:
        body = rules.made(
            system,
            caller.tenant,
            caller.agent,
            rule_id,
            lambda change: rule_changes.validate(change, rule_id, expected, given.basis),
        )
    except Refused as error:
        raise rules.with_both_views(error, system, caller.tenant, rule_id, {"basis": given.basis}) from None
    return _answer(body)


@router.post(
    "/retention/rules/{rule_id}/remove",
    operation_id="removeRule",
    summary="Retirer une règle qui ne sert pas",
    status_code=204,
    responses={404: _NOT_FOUND, 409: examples.problem("Elle sert encore.", "rule_used"), 412: _STALE},
)
def remove_rule(rule_id: str, request: Request, caller: Planner, system: Assembled) -> Response:
    """« If-Match » nomme la dernière version. Son code ne sert plus jamais."""
    expected = expected_number(request)
    try:
        rule_changes.remove(rules.change_of(system, caller.tenant, caller.agent), rule_id, expected)
    except Refused as error:
        raise rules.with_both_views(error, system, caller.tenant, rule_id, {}) from None
    return Response(status_code=204)


@router.post(
    "/retention/simulations",
    operation_id="simulateChange",
    summary="Simuler un changement de règle",
    response_model=Simulation,
    responses={404: _NOT_FOUND, 422: examples.problem("Demande refusée.", "bad_simulation")},
)
def simulate(
    *,
    request: Request,
    response: Response,
    given: SimulationRequest,
    caller: Planner,
    system: Assembled,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = rule_effects.PAGE,
) -> dict[str, Any]:
    """Rien n’est changé. Les comptes sont ceux d’aujourd’hui, comme si la version était validée.

    `ids` donne les documents concernés, par pages.
    """
    cursors: Cursors = request.app.state.cursors
    purpose = f"simulation {caller.tenant} {given.rule} {given.document_type}"
    after = cursors.read(purpose, cursor)[0] if cursor is not None else ""
    change = given.change.model_dump(mode="json", exclude_unset=True)
    with system.database.read() as session:
        wanted = rules.supposed(session, caller.tenant, given.rule, given.document_type, change)
        body = rules.simulation(system, session, caller.tenant, wanted)
        ids = rule_effects.page_of(session, caller.tenant, wanted, after, limit + 1)
    following = cursors.write(purpose, [ids[limit - 1]]) if len(ids) > limit else None
    link_next(request, response, following)
    return body | {"ids": list(ids[:limit]), "next": following}


def _answer(body: dict[str, Any]) -> Response:
    return JSONResponse(body, headers={"ETag": f'"{body["version"]}"'})
