"""Routes of transfers in SEDA: the list with its form, and one transfer as a tree."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.uploads import Upload, receive_form
from api.web.faults import Fault, in_words
from api.web.render import in_language, pages_of, system_of
from api.web.transfers_page import transfer_page, transfers_page
from ingestion.reception.submission import PACKAGE, SEDA, Submission
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("record:read"))]
Depositor = Annotated[Caller, Depends(PageNeeds("deposit:write"))]
Position = Annotated[int, Query(ge=0, le=10_000_000)]


@router.get("/versements")
def show_all(request: Request, person: Reader, avant: str | None = None) -> Response:
    """Show the list, the last received first."""
    with in_language(request):
        return pages_of(request).show(request, transfers_page(system_of(request), person, avant))


@router.post("/versements")
async def send(request: Request, person: Depositor) -> Response:
    """Receive a package."""
    upload = await receive_form(request, system_of(request).intake, file_field="paquet")
    return await run_in_threadpool(_sent, request, person, upload)


@router.get("/versements/{transfer_id}")
def show_one(request: Request, transfer_id: str, person: Reader, dans: Position = 0, apres: Position = 0) -> Response:
    """Show one transfer, and the units of one level."""
    with in_language(request):
        page = transfer_page(system_of(request), person, transfer_id, dans, apres)
        return pages_of(request).show(request, page)


def _sent(request: Request, person: Caller, upload: Upload) -> Response:
    system = system_of(request)
    with upload.spool:
        require_csrf(request, upload.fields.get("csrf", ""))
        try:
            submission = Submission(
                tenant=person.tenant,
                agent=person.agent,
                idempotency_key=f"page:seda:{upload.fields.get('idempotency_key', '')[:100]}",
                filename=upload.filename,
                media_type="application/zip",
                fields={PACKAGE.name: SEDA},
            )
            received = system.intake.accept(upload.spool, submission)
        except Refused as error:
            with in_language(request):
                fault = Fault("#paquet", in_words(error))
                return pages_of(request).show(request, transfers_page(system, person, None, [fault]), status=422)
    address = f"/versements/{received.deposit.id}" if received.deposit is not None else "/versements"
    return RedirectResponse(address, 303)
