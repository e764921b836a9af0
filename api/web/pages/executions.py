"""Routes that confirm the execution of a bordereau, and take that back; they need no scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.web.disposal_forms import changed
from archive.database.disposal_tables import DisposalRow
from archive.disposition.act import Act
from archive.disposition.disposals import confirmation

router = APIRouter(include_in_schema=False)

Archivist = Annotated[Caller, Depends(PageNeeds("disposal:write"))]


@router.post("/bordereaux/{disposal_id}/executer")
async def confirm(request: Request, disposal_id: str, person: Archivist) -> Response:
    """Confirm the execution."""

    def do(act: Act, expected: int | None, _form: Mapping[str, str]) -> DisposalRow:
        return confirmation.confirm(act, disposal_id, expected)

    return await run_in_threadpool(changed, request, person, disposal_id, await typed_fields(request), do)


@router.post("/bordereaux/{disposal_id}/annuler")
async def cancel(request: Request, disposal_id: str, person: Archivist) -> Response:
    """Take the confirmation back."""

    def do(act: Act, expected: int | None, _form: Mapping[str, str]) -> DisposalRow:
        return confirmation.cancel(act, disposal_id, expected)

    return await run_in_threadpool(changed, request, person, disposal_id, await typed_fields(request), do)
