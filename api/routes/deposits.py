"""Routes of deposits: hand over, follow, list, fetch the receipt, retry."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.conditions import none_match, preferred_wait
from api.http.cursors import Cursors, link_next
from api.http.dependencies import Assembled, Moment
from api.http.i18n import translate
from api.http.languages import preferred_language
from api.http.negotiation import accepted
from api.http.uploads import Upload, announced_sha256, receive_form, receive_raw
from api.views import deposit as deposit_views
from api.views import examples
from api.views.index_position import position_of
from api.views.schemas import Deposit, DepositPage, DepositPlan, Receipt
from archive.model.identifiers import is_id
from ingestion.deposits.queries import find, newest
from ingestion.deposits.states import DepositState
from ingestion.reception.intake import Intake, Received
from ingestion.reception.submission import Submission
from signing.ground.clock import parse_stamp, stamp
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

router = APIRouter(tags=["versements"])

Depositor = Annotated[Caller, Depends(Needs("deposit:write"))]
Reader = Annotated[Caller, Depends(Needs("record:read"))]
BATCH = 5
_POLL = 0.25
_ENDED = (DepositState.QUARANTINED, DepositState.REFUSED, DepositState.UNPACKED)


@router.post(
    "/deposits",
    operation_id="createDeposit",
    summary="Verser un fichier",
    status_code=202,
    response_model=Deposit,
    responses={
        200: {"description": "Essai à blanc : ce qui se passerait.", "model": DepositPlan},
        202: {"description": "Reçu : rien ne peut plus se perdre.", "headers": examples.DEPOSIT_HEADERS},
        400: examples.problem("`Idempotency-Key` manque.", "idempotency_key_missing"),
        413: examples.problem("Fichier trop volumineux.", "too_large"),
        422: examples.problem("Fichier vide, empreinte différente, clé réutilisée, champ inconnu.", "empty_file"),
        501: examples.problem("Envoi en plusieurs fois (tus), pas encore proposé.", "not_available"),
    },
    openapi_extra=examples.DEPOSIT_REQUEST,
)
async def create_deposit(request: Request, caller: Depositor, system: Assembled) -> Response:
    """Le corps est le fichier.

    Trois formes : `multipart/form-data` (champ `file` et champs de texte), le corps brut nommé par
    `Content-Disposition` (champs en paramètres), ou `{"upload_id": …}` après un envoi tus (à
    venir). La même `Idempotency-Key` avec le même contenu redonne la même réponse.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        raise Refused(
            "idempotency_key_missing",
            "L’en-tête Idempotency-Key est obligatoire.",
            kept="Rien n’a été conservé.",
            action="Donnez à chaque versement une clé nouvelle, par exemple un UUID.",
            pointer="header:Idempotency-Key",
        )
    expected = announced_sha256(request)
    _refuse_early(request, system)
    upload = await _receive(request, system)
    dry_run = _is_dry_run(request, upload)
    received = await run_in_threadpool(_accept, system.intake, caller, upload, key, expected, dry_run=dry_run)
    if received.deposit is None:
        return JSONResponse(received.plan)
    body, tag = await run_in_threadpool(show, system, caller.tenant, received.deposit.id, request)
    headers = {"Location": f"/api/v1/deposits/{body['id']}", "ETag": tag}
    if received.replayed:
        headers["Idempotent-Replayed"] = "true"
    return JSONResponse(body, status_code=202, headers=headers)


def _accept(
    intake: Intake, caller: Caller, upload: Upload, key: str, expected: str | None, *, dry_run: bool
) -> Received:
    """Hand a received file to the intake; the spool is gone afterwards.

    Raises:
        Refused: Any refusal of the intake, and ``not_available`` for a callback.
    """
    upload.fields.pop("dry_run", None)
    upload.fields.pop("csrf", None)
    fields = {name: value for name, value in upload.fields.items() if value != ""}
    with upload.spool:
        if "callback_url" in fields:
            raise _not_available("callback_url", "Le rappel à la fin du traitement n’est pas encore proposé.")
        submission = Submission(
            tenant=caller.tenant,
            agent=caller.agent,
            idempotency_key=key,
            filename=upload.filename,
            media_type=upload.media_type,
            fields=fields,
            expected_sha256=expected,
            priority=0 if caller.kind == "user" else BATCH,
        )
        return intake.accept(upload.spool, submission, dry_run=dry_run)


async def _receive(request: Request, system: System) -> Upload:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await receive_form(request, system.intake)
    if kind == "application/json" and "content-disposition" not in request.headers:
        raise _not_available("upload_id", "L’envoi en plusieurs fois (tus) n’est pas encore proposé.")
    return await receive_raw(request, system.intake)


def _refuse_early(request: Request, system: System) -> None:
    """Refuse a body that announces itself as too large, before its first byte.

    The bytes that arrive are counted as well.

    Raises:
        Refused: ``too_large``.
    """
    announced = request.headers.get("content-length", "")
    limit = system.settings.ingestion.max_deposit_bytes
    if announced.isdigit() and int(announced) > limit + 1024 * 1024:
        raise Refused(
            "too_large",
            "Ce fichier dépasse la taille acceptée ({limit} octets).",
            kept="Rien n’a été conservé.",
            action="Découpez le document ou demandez à l’administrateur de relever la limite.",
            limit=limit,
        )


def _not_available(pointer: str, detail: str) -> Refused:
    return Refused(
        "not_available",
        detail,
        kept="Rien n’a été conservé.",
        action="Envoyez le fichier en une fois, en multipart/form-data ou en corps brut.",
        pointer=f"/{pointer}",
    )


def _is_dry_run(request: Request, upload: Upload) -> bool:
    given = upload.fields.get("dry_run", request.query_params.get("dry_run", "false")).strip().lower()
    if given in {"true", "1", "on"}:
        return True
    if given in {"false", "0", "off", ""}:
        return False
    upload.spool.discard()
    raise Refused("bad_field", "« dry_run » vaut true ou false.", kept="Rien n’a été conservé.", pointer="/dry_run")


# --- following ------------------------------------------------------------------------------------


def show(system: System, tenant: str, deposit_id: str, request: Request) -> tuple[dict[str, Any], str]:
    """Return the JSON of a deposit in the caller's language, and its ETag.

    Raises:
        Refused: ``deposit_not_found``, also for a deposit of another tenant.
    """
    say = partial(translate, language=preferred_language(request))
    with system.database.read() as session:
        row = find(session, tenant, deposit_id if is_id(deposit_id) else "")
        body = deposit_views.view(session, row, position=position_of(system), translate=say)
    return body, deposit_views.entity_tag(body)


@router.get(
    "/deposits/{deposit_id}",
    operation_id="getDeposit",
    summary="Suivre un versement",
    response_model=Deposit,
    responses={304: {"description": "Rien de nouveau depuis l’ETag donné."}, 404: examples.NOT_FOUND},
)
async def get_deposit(deposit_id: str, request: Request, caller: Reader, system: Assembled) -> Response:
    """L’état du versement, étape par étape.

    Avec `Prefer: wait=25`, la réponse attend une nouveauté : un changement depuis l’ETag de
    `If-None-Match`, ou la fin du traitement si aucun n’est donné.
    """
    wait = preferred_wait(request)
    deadline = time.monotonic() + (wait or 0)
    while True:
        body, tag = await run_in_threadpool(show, system, caller.tenant, deposit_id, request)
        news = not none_match(request, tag) if "if-none-match" in request.headers else has_ended(body)
        if news or time.monotonic() >= deadline or await request.is_disconnected():
            break
        await asyncio.sleep(_POLL)
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept-Language, Cookie, Authorization",
    }
    if wait is not None:
        headers["Preference-Applied"] = f"wait={wait:g}"
    if none_match(request, tag):
        return Response(status_code=304, headers=headers)
    return JSONResponse(body, headers=headers)


def has_ended(body: dict[str, Any]) -> bool:
    """Return whether nothing more will happen to a deposit by itself."""
    return body["state"] in _ENDED or (body["state"] == DepositState.KEPT and body["stages"][-1]["state"] == "done")


@router.get(
    "/deposits",
    operation_id="listDeposits",
    summary="Les versements de ma collectivité",
    response_model=DepositPage,
)
def list_deposits(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    system: Assembled,
    state: Annotated[DepositState | None, Query(description="Un seul état.")] = None,
    since: Annotated[Moment | None, Query(description="Reçus depuis cet instant.")] = None,
    cursor: Annotated[str | None, Query(description="Suite d’une page précédente.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Du plus récent au plus ancien."""
    cursors: Cursors = request.app.state.cursors
    purpose = f"deposits {caller.tenant}"
    before: tuple[datetime, str] | None = None
    if cursor is not None:
        moment, last = cursors.read(purpose, cursor)
        before = (parse_stamp(moment), last)
    say = partial(translate, language=preferred_language(request))
    with system.database.read() as session:
        rows = newest(
            session,
            caller.tenant,
            state=state,
            since=since,
            before=before,
            limit=limit + 1,
            reader=caller.reader,
        )
        shown = [deposit_views.view(session, row, position=position_of(system), translate=say) for row in rows[:limit]]
    following = None
    if len(rows) > limit:
        last_row = rows[limit - 1]
        following = cursors.write(purpose, [stamp(last_row.received_at), last_row.id])
    link_next(request, response, following)
    return {"deposits": shown, "next": following}


@router.get(
    "/deposits/{deposit_id}/receipt",
    operation_id="getReceipt",
    summary="L’accusé de réception",
    response_model=Receipt,
    responses={
        200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}},
        404: examples.NOT_FOUND,
        406: examples.problem("Ni JSON ni PDF.", "not_acceptable"),
        409: examples.problem("Le journal contredit la base : rien n’est signé.", "journal_contradicts"),
        503: examples.problem("Rien d’autre que la base ne connaît ce dépôt.", "receipt_waits"),
    },
)
def get_receipt(deposit_id: str, request: Request, caller: Reader, system: Assembled) -> Response:
    """Signé par le service : en JSON (une note C2SP), ou en PDF/A d’une page avec un code QR."""
    from api.views.receipts import printed_receipt, receipt_json

    wanted = accepted(request, ("application/json", "application/pdf"))
    known = deposit_id if is_id(deposit_id) else ""
    if wanted == "application/json":
        return JSONResponse(receipt_json(system, caller.tenant, known), headers={"Vary": "Accept"})
    public_url, language = request.app.state.public_url, preferred_language(request)
    content = printed_receipt(system, caller.tenant, known, public_url=public_url, language=language)
    name = f"recepisse-{deposit_id}.pdf"
    headers = {"Vary": "Accept", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/pdf", headers=headers)


@router.post(
    "/deposits/{deposit_id}/retry",
    operation_id="retryDeposit",
    summary="Reprendre les étapes en échec",
    status_code=202,
    response_model=Deposit,
    responses={404: examples.NOT_FOUND, 409: examples.problem("Rien à reprendre.", "nothing_to_retry")},
)
def retry_deposit(deposit_id: str, request: Request, caller: Depositor, system: Assembled) -> Response:
    """Relance les étapes en échec d’un versement conservé ou mis à l’écart."""
    show(system, caller.tenant, deposit_id, request)
    system.retry(caller.tenant, deposit_id, caller.agent)
    body, tag = show(system, caller.tenant, deposit_id, request)
    return JSONResponse(body, status_code=202, headers={"ETag": tag, "Location": f"/api/v1/deposits/{deposit_id}"})
