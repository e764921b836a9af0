"""Routes of packages that are sent: made, fetched with their proofs, answered by the receiver."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from typing import IO, TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.access.callers import Caller
from api.access.permissions import Needs, NeedsPerson
from api.http.cursors import page_answer, place_in
from api.http.deliveries import attachment, require_confirmed
from api.http.dependencies import Assembled
from api.http.i18n import translate
from api.http.languages import preferred_language
from api.http.numbered import made, numbered
from api.http.uploads import receive_raw
from api.views import examples
from api.views import seda_delivery as views
from api.views.seda_schemas import DeliveryDecided, DeliveryGiven, DeliveryPage, DeliveryView, RecordSent
from api.views.seda_sending import (
    made_delivery,
    record_alone,
    replied,
    written_listing,
    written_package,
    written_proofs,
)
from archive.disposition.act import Act
from archive.disposition.transfers import deliveries, outgoing

if TYPE_CHECKING:
    from ingestion.assembly import System

router = APIRouter(tags=["seda"])

Archivist = Annotated[Caller, Depends(Needs("disposal:write"))]
Sender = Annotated[Caller, Depends(Needs("disposal:write", "admin"))]
Decider = Annotated[Caller, Depends(NeedsPerson("disposal:write"))]
Reader = Annotated[Caller, Depends(Needs("record:read"))]

_NOT_FOUND = examples.problem("Pas de tel envoi.", "delivery_not_found")
_ONE: dict[int | str, dict[str, Any]] = {404: _NOT_FOUND}
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Un ZIP.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    },
    404: _NOT_FOUND,
    409: examples.problem("Un document du paquet a changé.", "delivery_changed"),
}
_CHUNK = 1024 * 1024


@router.post(
    "/seda/deliveries",
    operation_id="createDelivery",
    summary="Dresser des paquets SEDA",
    status_code=201,
    response_model=DeliveryView,
    responses={
        404: examples.problem("Pas de tel bordereau.", "disposal_not_found"),
        409: examples.problem("Le bordereau n’en est pas là.", "delivery_not_expected"),
        422: examples.problem("Un document ne se dit pas en SEDA.", "seda_not_sorted"),
    },
)
def post_delivery(given: DeliveryGiven, caller: Sender, system: Assembled) -> Response:
    """D’un bordereau de versement, de documents nommés, ou de tout pour un départ.

    Au plus un gigaoctet et 100 000 unités par paquet ; plusieurs disent leur ordre. Rien ne quitte
    nos archives par là : la réponse du destinataire et les deux visas le font.
    """
    row = made_delivery(system, caller, given)
    return made(views.view(row), f"/api/v1/seda/deliveries/{row.id}")


@router.get(
    "/seda/deliveries",
    operation_id="listDeliveries",
    summary="Les envois SEDA",
    response_model=DeliveryPage,
)
def list_deliveries(
    request: Request,
    caller: Sender,
    system: Assembled,
    disposal: Annotated[str | None, Query(description="D’un bordereau seulement.")] = None,
    cursor: Annotated[str | None, Query(description="Suite d’une page précédente.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Le dernier dressé d’abord."""
    purpose = f"seda deliveries {caller.tenant} {disposal}"
    before = place_in(request, purpose, cursor)
    with system.database.read() as session:
        rows = deliveries.page(session, caller.tenant, disposal=disposal, before=before, limit=limit + 1)
        shown = [views.view(row, _say(request)) for row in rows[:limit]]
    return page_answer(request, purpose, "deliveries", shown, rows[limit - 1].id if len(rows) > limit else None)


@router.get(
    "/seda/deliveries/{delivery_id}",
    operation_id="getDelivery",
    summary="Un envoi SEDA",
    response_model=DeliveryView,
    responses=_ONE,
)
def get_delivery(delivery_id: str, request: Request, caller: Sender, system: Assembled) -> Response:
    """Ses paquets dans l’ordre, et la réponse reçue pour chacun. L’ETag est son numéro."""
    with system.database.read() as session:
        return numbered(views.view(deliveries.get(session, caller.tenant, delivery_id), _say(request)))


@router.get(
    "/seda/deliveries/{delivery_id}/listing",
    operation_id="getDeliveryListing",
    summary="La liste d’un envoi SEDA",
    response_class=Response,
    responses={
        200: {"description": "Un CSV.", "content": {"text/csv": {"schema": {"type": "string"}}}},
        404: _NOT_FOUND,
    },
)
def get_listing(delivery_id: str, caller: Sender, system: Assembled) -> Response:
    """Chaque document, son paquet, ses fichiers avec leurs tailles et leurs empreintes."""
    content = written_listing(system, caller, delivery_id)
    headers = {"Content-Disposition": attachment(f"liste-{delivery_id}.csv")}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.get(
    "/seda/deliveries/{delivery_id}/packages/{number}",
    operation_id="getDeliveryPackage",
    summary="Un paquet d’un envoi SEDA",
    response_class=Response,
    responses=_ZIP,
)
def get_package(delivery_id: str, number: int, caller: Sender, system: Assembled) -> Response:
    """Toujours les mêmes octets ; chacun est comparé à son empreinte en chemin."""
    out, name = _file(system), f"{delivery_id}-{number}.zip"
    return _sent(out, name, lambda: written_package(system, caller, delivery_id, number, out))


@router.get(
    "/seda/deliveries/{delivery_id}/packages/{number}/proofs",
    operation_id="getDeliveryProofs",
    summary="Les preuves d’un paquet SEDA",
    response_class=Response,
    responses=_ZIP,
)
def get_proofs(delivery_id: str, number: int, caller: Sender, system: Assembled) -> Response:
    """Un dossier de preuve par document, vérifiable hors ligne, avec ses lignes du journal."""
    out, name = _file(system), f"preuves-{delivery_id}-{number}.zip"
    return _sent(out, name, lambda: written_proofs(system, caller, delivery_id, number, out))


@router.post(
    "/seda/deliveries/{delivery_id}/replies",
    operation_id="enterDeliveryReply",
    summary="Inscrire la réponse du destinataire",
    response_model=DeliveryView,
    responses={
        403: examples.problem("Pas à une clé.", "person_needed"),
        404: _NOT_FOUND,
        409: examples.problem("Ce paquet est déjà pris en charge.", "delivery_answered"),
        422: examples.problem("Ce n’est pas une réponse à un paquet de cet envoi.", "bad_reply"),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/xml": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def post_reply(delivery_id: str, request: Request, caller: Decider, system: Assembled) -> Response:
    """Un ArchiveTransferReply, lu dans le bac à sable et comparé à ce qui a été envoyé.

    OK : le destinataire répond de ces documents. WARNING, ou un défaut : une personne décide. KO,
    ou le silence : tout reste à nous.
    """
    upload = await receive_raw(request, system.intake, named=False)
    row = await run_in_threadpool(replied, system, caller, delivery_id, upload.spool)
    return numbered(views.view(row, _say(request)))


@router.post(
    "/seda/deliveries/{delivery_id}/packages/{number}/decision",
    operation_id="decideDeliveryPackage",
    summary="Décider d’une réponse avec réserves",
    response_model=DeliveryView,
    responses={
        403: examples.problem("Pas à une clé.", "person_needed"),
        404: _NOT_FOUND,
        409: examples.problem("Ce paquet n’attend pas de décision.", "delivery_not_doubtful"),
    },
)
def post_decision(
    delivery_id: str, number: int, given: DeliveryDecided, caller: Decider, system: Assembled
) -> Response:
    """Revient à une personne, qui dit pourquoi."""
    with system.database.write() as session:
        row = deliveries.get(session, caller.tenant, delivery_id)
        act = Act(session, system.ledger, caller.tenant, caller.agent, system.clock())
        row = outgoing.decide(act, row, number, accept=given.accept, reason=given.reason)
    return numbered(views.view(row))


@router.post(
    "/records/{record_id}/seda",
    operation_id="exportRecord",
    summary="Un document en paquet SEDA",
    response_class=Response,
    responses=_ZIP | {422: examples.problem("Ce document ne se dit pas en SEDA.", "seda_not_sorted")},
)
def post_record(record_id: str, given: RecordSent, request: Request, caller: Reader, system: Assembled) -> Response:
    """Une copie : le document reste à nous, et son histoire ne change pas."""
    require_confirmed(request, system, record_id)
    out = _file(system)
    return _sent(out, f"{record_id}.zip", lambda: record_alone(system, caller.tenant, record_id, given, out))


def _file(system: System) -> IO[bytes]:
    """Return a file without a name, on a disk: the machine's temporary folder may be memory."""
    folder = system.settings.home / "spool"
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryFile(dir=folder)


def _sent(out: IO[bytes], name: str, write: Any) -> Response:
    """Write a file whole, then send it: an error is an answer, never a file that is cut."""
    try:
        write()
    except BaseException:
        out.close()
        raise
    size = out.seek(0, 2)
    out.seek(0)

    def chunks() -> Iterator[bytes]:
        with out:
            while chunk := out.read(_CHUNK):
                yield chunk

    headers = {
        "Content-Disposition": attachment(name),
        "Content-Length": str(size),
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(chunks(), media_type="application/zip", headers=headers)


def _say(request: Request) -> partial[str]:
    return partial(translate, language=preferred_language(request))
