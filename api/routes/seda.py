"""Routes of SEDA: hand over a package, follow it, read its units and the reply to it."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.cursors import page_answer, place_in
from api.http.dependencies import Assembled
from api.http.i18n import translate
from api.http.languages import preferred_language
from api.http.uploads import Upload, announced_sha256, receive_form, receive_raw
from api.views import examples
from api.views import seda_transfer as views
from api.views.seda_schemas import TransferPage, TransferView, UnitPage
from archive.disposition.transfers import incoming
from ingestion.reception.intake import Intake, Received
from ingestion.reception.submission import PACKAGE, SEDA, Submission
from signing.ground.errors import Refused

router = APIRouter(tags=["seda"])

Depositor = Annotated[Caller, Depends(Needs("deposit:write"))]
Reader = Annotated[Caller, Depends(Needs("record:read"))]
Cursor = Annotated[str | None, Query(description="Suite d’une page précédente.")]

_NOT_FOUND = examples.problem("Pas de tel versement.", "transfer_not_found")
_ONE: dict[int | str, dict[str, Any]] = {404: _NOT_FOUND}
_PRIORITY = 5


@router.post(
    "/seda/transfers",
    operation_id="createTransfer",
    summary="Verser un paquet SEDA",
    status_code=202,
    response_model=TransferView,
    responses={
        202: {"description": "Reçu : rien ne peut plus se perdre.", "headers": examples.DEPOSIT_HEADERS},
        413: examples.problem("Paquet trop volumineux.", "too_large"),
        422: examples.problem("Paquet vide, empreinte différente, clé réutilisée.", "empty_file"),
    },
    openapi_extra=examples.PACKAGE_REQUEST,
)
async def create_transfer(request: Request, caller: Depositor, system: Assembled) -> Response:
    """Un ZIP SEDA 2.1, 2.2 ou 2.3 : un bordereau à la racine, un dossier « content ».

    Reçu d’abord, avec son récépissé ; puis examiné. Un KO le refuse et sa réponse dit pourquoi,
    nœud par nœud ; sinon chaque unité devient un dossier du plan ou un document, par la même voie
    que tout versement. Sans `Idempotency-Key`, le même paquet redonne la même réponse.
    """
    expected = announced_sha256(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        upload = await receive_form(request, system.intake)
    else:
        upload = await receive_raw(request, system.intake, named=False)
    key = request.headers.get("idempotency-key")
    received = await run_in_threadpool(_accept, system.intake, caller, upload, key, expected)
    if received.deposit is None:
        raise Refused("transfer_not_found", "Ce versement SEDA n’existe pas.", action="Vérifiez son identifiant.")
    body = await run_in_threadpool(_shown, system, caller.tenant, received.deposit.id, request)
    headers = {"Location": f"/api/v1/seda/transfers/{body['id']}"}
    if received.replayed:
        headers["Idempotent-Replayed"] = "true"
    return JSONResponse(body, status_code=202, headers=headers)


def _accept(intake: Intake, caller: Caller, upload: Upload, key: str | None, expected: str | None) -> Received:
    """Hand a received package to the intake; the spool is gone afterwards."""
    name = upload.filename or "paquet.zip"
    with upload.spool:
        submission = Submission(
            tenant=caller.tenant,
            agent=caller.agent,
            idempotency_key=key if key is not None else f"seda:{upload.spool.digests.sha256}:{name}"[:255],
            filename=name,
            media_type="application/zip",
            fields={PACKAGE.name: SEDA},
            expected_sha256=expected,
            priority=0 if caller.kind == "user" else _PRIORITY,
        )
        return intake.accept(upload.spool, submission)


@router.get(
    "/seda/transfers",
    operation_id="listTransfers",
    summary="Les versements SEDA reçus",
    response_model=TransferPage,
)
def list_transfers(
    request: Request,
    caller: Reader,
    system: Assembled,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Le dernier reçu d’abord."""
    purpose = f"seda transfers {caller.tenant}"
    before = place_in(request, purpose, cursor)
    with system.database.read() as session:
        shown, last = views.page(session, caller.tenant, before=before, limit=limit, translate=_say(request))
    return page_answer(request, purpose, "transfers", shown, last)


@router.get(
    "/seda/transfers/{transfer_id}",
    operation_id="getTransfer",
    summary="Suivre un versement SEDA",
    response_model=TransferView,
    responses=_ONE,
)
def get_transfer(transfer_id: str, request: Request, caller: Reader, system: Assembled) -> dict[str, Any]:
    """Où il en est, ce que chaque contrôle a trouvé, et où dans le bordereau."""
    return _shown(system, caller.tenant, transfer_id, request)


@router.get(
    "/seda/transfers/{transfer_id}/units",
    operation_id="listTransferUnits",
    summary="Les unités d’un versement SEDA",
    response_model=UnitPage,
    responses=_ONE,
)
def list_units(
    transfer_id: str,
    request: Request,
    caller: Reader,
    system: Assembled,
    above: Annotated[
        int, Query(ge=0, le=10_000_000, description="Position de l’unité qui les contient ; 0 : tête.")
    ] = 0,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Celles d’un niveau, dans l’ordre du bordereau, avec ce que chacune est devenue."""
    purpose = f"seda units {caller.tenant} {transfer_id} {above}"
    after = place_in(request, purpose, cursor) or 0
    with system.database.read() as session:
        row = incoming.get(session, caller.tenant, transfer_id)
        if row is None:
            views.package_of(session, caller.tenant, transfer_id)
            return page_answer(request, purpose, "units", [], None)
        found = incoming.units_below(session, row.id, above, after=after, limit=limit + 1)
        shown = views.unit_views(session, caller.reader, row, found[:limit], _say(request))
    return page_answer(request, purpose, "units", shown, found[limit - 1].position if len(found) > limit else None)


@router.get(
    "/seda/transfers/{transfer_id}/reply",
    operation_id="getTransferReply",
    summary="La réponse à un versement SEDA",
    response_class=Response,
    responses={
        200: {
            "description": "Un ArchiveTransferReply.",
            "content": {"application/xml": {"schema": {"type": "string"}}},
        },
        404: _NOT_FOUND,
        409: examples.problem("Il n’est pas encore traité.", "transfer_not_answered"),
    },
)
def get_reply(transfer_id: str, caller: Reader, system: Assembled) -> Response:
    """OK, WARNING ou KO ; un identifiant (SystemId) pour chaque unité prise en charge."""
    with system.database.read() as session:
        row = incoming.get(session, caller.tenant, transfer_id)
        if row is None:
            views.package_of(session, caller.tenant, transfer_id)
        reply = incoming.reply_of(session, row) if row is not None else None
    if reply is None:
        raise Refused(
            "transfer_not_answered",
            "Ce versement n’est pas encore traité jusqu’au bout.",
            kept="Le paquet est gardé tel qu’il a été reçu.",
            action="Revenez plus tard : la réponse vient quand chaque document est rangé.",
        )
    name = f"reponse-{transfer_id}.xml"
    return Response(
        reply,
        media_type="application/xml",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
    )


def _shown(system: Any, tenant: str, transfer_id: str, request: Request) -> dict[str, Any]:
    with system.database.read() as session:
        return views.view(session, tenant, transfer_id, _say(request))


def _say(request: Request) -> partial[str]:
    return partial(translate, language=preferred_language(request))
