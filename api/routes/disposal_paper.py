"""Routes of bordereaux on paper: print one, attach its scan, confirm what was entered from it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from api.access.callers import Caller
from api.access.permissions import Needs, NeedsPerson
from api.http.conditions import none_match
from api.http.deliveries import attachment, repr_digest
from api.http.dependencies import Assembled
from api.http.numbered import numbered
from api.http.uploads import receive_form, receive_raw
from api.views import disposal as views
from api.views import disposal_paper as paper
from api.views import examples
from api.views.disposal_schemas import DisposalView
from api.views.schemas import Body
from archive.database.disposal_tables import DisposalRow, DisposalScanRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, scans, visas
from archive.disposition.disposals.paper import Detail

router = APIRouter(tags=["bordereaux"])

Reader = Annotated[Caller, Depends(Needs("disposal:write", "disposal:visa"))]
Archivist = Annotated[Caller, Depends(NeedsPerson("disposal:write"))]

_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_ENDINGS = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png", "image/tiff": "tif"}
_NOT_FOUND = examples.problem("Pas de tel bordereau.", "disposal_not_found")
_NO_SCAN = examples.problem("Pas de telle copie.", "scan_not_found")
_NOT_EXPECTED = examples.problem("Il n’en est pas là.", "visa_not_expected")
_VISA: dict[int | str, dict[str, Any]] = {
    403: examples.problem("Pas à cette personne.", "visa_same_person"),
    404: examples.problem("Pas de tel visa.", "visa_not_found"),
    409: _NOT_EXPECTED,
    422: examples.problem("Une personne doit dire que la copie est entière.", "scan_not_attested"),
}


class ScanView(BaseModel):
    """The scan of a bordereau that came back on paper."""

    id: str
    sha256: str
    size: int
    media_type: str
    virus: Literal["clean", "unverified"]
    pages: int
    verdict: Literal["proven", "unread"] = Field(
        description="`proven` : les codes montrent chaque page. `unread` : une personne doit le dire."
    )
    unread: list[int] = Field(description="Pages de la copie dont aucun code ne se lit.")
    missing: list[str] = Field(description="Pages imprimées qu’aucun code ne montre, « cahier.page ».")
    title_read: bool = Field(description="Le code de la première page se lit.")
    population: str


class ScanList(BaseModel):
    """The scans of a disposal."""

    scans: list[ScanView]


class ConfirmGiven(Body):
    """The word of a second person."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"attested": True}})

    attested: bool = Field(
        default=False, description="La copie, dont des codes ne se lisent pas, est entière et de ce bordereau."
    )


@router.get(
    "/disposals/{disposal_id}/paper",
    operation_id="printDisposal",
    summary="Imprimer un bordereau pour signature",
    response_class=Response,
    responses={
        200: {"description": "PDF/A.", "content": {"application/pdf": _BINARY}},
        404: _NOT_FOUND,
        409: _NOT_EXPECTED,
    },
)
def get_paper(
    disposal_id: str,
    caller: Reader,
    system: Assembled,
    detail: Annotated[Detail, Query(description="Les lignes groupées, ou chaque document.")] = Detail.GROUPS,
    part: Annotated[int, Query(ge=1, le=999, description="Cahier : au plus 1000 lignes chacun.")] = 1,
) -> Response:
    """Un code QR sur la première page, un code-barres sur chacune ; une place par visa."""
    name, content = paper.booklet(system, caller, disposal_id, detail, part)
    headers = {"Content-Disposition": attachment(name), "Cache-Control": "private, no-store"}
    return Response(content, media_type="application/pdf", headers=headers)


@router.get(
    "/disposals/{disposal_id}/scans",
    operation_id="listDisposalScans",
    summary="Les copies numérisées d’un bordereau",
    response_model=ScanList,
    responses={404: _NOT_FOUND},
)
def list_scans(disposal_id: str, caller: Reader, system: Assembled) -> dict[str, Any]:
    """Ce qui a été lu sur chacune."""
    with system.database.read() as session:
        row = bordereau.get(session, caller.tenant, disposal_id)
        return {"scans": paper.scan_views(session, row.id)}


@router.post(
    "/disposals/{disposal_id}/scans",
    operation_id="attachDisposalScan",
    summary="Joindre la copie numérisée d’un bordereau signé",
    status_code=201,
    response_model=ScanView,
    responses={
        404: _NOT_FOUND,
        409: _NOT_EXPECTED,
        413: examples.problem("Fichier trop volumineux.", "too_large"),
        422: examples.problem("Il manque des pages, ou ce n’est pas ce bordereau.", "scan_pages_missing"),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {"type": "object", "required": ["file"], "properties": {"file": _BINARY["schema"]}}
                },
                "application/pdf": _BINARY,
            },
        }
    },
)
async def post_scan(disposal_id: str, request: Request, caller: Archivist, system: Assembled) -> Response:
    """PDF, JPEG, PNG ou TIFF. Examinée dans un bac à sable, puis gardée pour toujours.

    Ses codes disent si elle est entière et de ce bordereau ; ce qu’ils contredisent est refusé, ce
    qui ne se lit pas est laissé à une personne.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        upload = await receive_form(request, system.intake)
    else:
        upload = await receive_raw(request, system.intake, named=False)

    def take() -> DisposalScanRow:
        return system.paper.take(
            caller.tenant, caller.agent, disposal_id, upload.spool.path, upload.spool.digests.sha256
        )

    try:
        made = await run_in_threadpool(take)
    finally:
        upload.spool.discard()
    system.notifier.notify()
    shown = paper.scan_view(made)
    address = f"/api/v1/disposals/{disposal_id}/scans/{made.id}"
    return JSONResponse(shown, status_code=201, headers={"Location": address})


@router.get(
    "/disposals/{disposal_id}/scans/{scan_id}",
    operation_id="getDisposalScan",
    summary="Les octets d’une copie numérisée",
    response_class=Response,
    responses={200: {"description": "Tels que reçus.", "content": {"application/pdf": _BINARY}}, 404: _NO_SCAN},
)
def get_scan(disposal_id: str, scan_id: str, caller: Reader, system: Assembled) -> Response:
    """Vérifiés en les lisant."""
    row = _scan(system, caller, disposal_id, scan_id)
    name = f"visa-{row.sha256[:12]}.{_ENDINGS.get(row.media_type, 'bin')}"
    headers = {
        "Content-Disposition": attachment(name),
        "Repr-Digest": repr_digest(row.sha256),
        "Content-Length": str(row.size),
        "Cache-Control": "private, no-cache",
    }
    return StreamingResponse(system.paper.content(row), media_type=row.media_type, headers=headers)


@router.get(
    "/disposals/{disposal_id}/scans/{scan_id}/pages/{page}/image",
    operation_id="getDisposalScanPage",
    summary="L’image d’une page d’une copie numérisée",
    response_class=Response,
    responses={200: {"description": "WebP.", "content": {"image/webp": _BINARY}}, 404: _NO_SCAN},
)
def get_scan_page(
    *,
    disposal_id: str,
    scan_id: str,
    page: Annotated[int, Path(ge=1, le=1_000_000)],
    request: Request,
    caller: Reader,
    system: Assembled,
    width: Annotated[int, Query(ge=100, le=2400, description="Largeur en pixels.")] = 900,
) -> Response:
    """Pour la comparer à ce qui a été saisi. Faite à la demande, dans un bac à sable."""
    row = _scan(system, caller, disposal_id, scan_id)
    tag = f'"{row.sha256[:24]}-{page}-{width}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=86400", "Vary": "Authorization, Cookie"}
    if none_match(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(system.paper.page(row, page, width), media_type="image/webp", headers=headers)


@router.post(
    "/disposals/{disposal_id}/visas/{visa_id}/confirm",
    operation_id="confirmVisa",
    summary="Confirmer un visa saisi d’après le papier",
    response_model=DisposalView,
    responses=_VISA,
)
def post_confirm(disposal_id: str, visa_id: str, given: ConfirmGiven, caller: Archivist, system: Assembled) -> Response:
    """Par une autre personne que celle qui l’a saisi, la copie sous les yeux."""

    def do(act: Act) -> DisposalRow:
        paper.require_visa_of(act, disposal_id, visa_id)
        return visas.confirm(act, visa_id, attested=given.attested)

    return numbered(views.acting(system, caller.tenant, caller.agent, do))


@router.post(
    "/disposals/{disposal_id}/visas/{visa_id}/withdraw",
    operation_id="withdrawVisa",
    summary="Annuler la saisie d’un visa sur papier",
    response_model=DisposalView,
    responses=_VISA,
)
def post_withdraw(disposal_id: str, visa_id: str, caller: Archivist, system: Assembled) -> Response:
    """Tant que personne ne l’a confirmée."""

    def do(act: Act) -> DisposalRow:
        paper.require_visa_of(act, disposal_id, visa_id)
        return visas.retract(act, visa_id)

    return numbered(views.acting(system, caller.tenant, caller.agent, do))


def _scan(system: Any, caller: Caller, disposal_id: str, scan_id: str) -> DisposalScanRow:
    with system.database.read() as session:
        row = bordereau.get(session, caller.tenant, disposal_id)
        return scans.get(session, row.id, scan_id)
