"""Route of the public verification: a file in, a verdict out, nothing kept."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.authentication import current_caller
from api.access.permissions import Public
from api.access.rates import check_rate
from api.http.dependencies import Assembled
from api.http.uploads import receive_form, receive_raw
from api.views import examples
from api.views.record_schemas import Finding

router = APIRouter(tags=["preuve"])


@router.post(
    "/verifications",
    operation_id="verifyFile",
    summary="Vérifier un fichier ou un dossier de preuve",
    response_model=Finding,
    responses={
        413: examples.problem("Fichier trop volumineux.", "too_large"),
        429: examples.problem("Trop de demandes.", "rate_limited"),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                },
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
        }
    },
    dependencies=[Depends(Public("anybody who holds a file may ask whether it is authentic; rate-limited"))],
)
async def verify_file(request: Request, system: Assembled) -> Response:
    """Sans clé : le verdict, les dates et qui a scellé.

    Le titre n’est donné que pour ce qui est communicable.
    """
    from api.views.verification import judge

    check_rate(request, "verification")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        upload = await receive_form(request, system.intake)
    else:
        upload = await receive_raw(request, system.intake, named=False)
    try:
        caller = await run_in_threadpool(current_caller, request)
        tenant = caller.tenant if caller is not None and caller.may("record:read") else None
        told = partial(judge, public_url=request.app.state.public_url)
        finding = await run_in_threadpool(told, system, upload.spool.path, upload.spool.digests.sha256, tenant)
    finally:
        upload.spool.discard()
    return JSONResponse(Finding.model_validate(finding).model_dump())
