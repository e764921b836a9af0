"""Route of the accession register: one month, as JSON or CSV."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.cursors import Cursors
from api.http.dependencies import Assembled
from api.http.negotiation import accepted
from api.views import accession as views
from api.views import examples
from api.views.due_csv import stream_response
from api.views.plan_schemas import AccessionPage

router = APIRouter(tags=["registre des entrées"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]


@router.get(
    "/accessions",
    operation_id="listAccessions",
    summary="Le registre des entrées",
    response_model=AccessionPage,
    responses={
        200: {"description": "Un mois du registre.", "content": {"text/csv": {"schema": {"type": "string"}}}},
        406: examples.problem("Ni JSON ni CSV.", "not_acceptable"),
    },
)
def list_accessions(
    *,
    request: Request,
    caller: Reader,
    system: Assembled,
    month: Annotated[
        str | None, Query(pattern="^[1-8][0-9]{3}-(0[1-9]|1[0-2])$", description="AAAA-MM ; à défaut, ce mois-ci.")
    ] = None,
    producer: Annotated[str | None, Query(max_length=200, description="Ce service producteur.")] = None,
    cursor: Annotated[str | None, Query(description="Suite d’une page précédente.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Response:
    """Ce qui est entré dans le mois, dans l’ordre du journal, et la part de chaque service.

    En CSV, le mois entier.
    """
    wanted = accepted(request, ("application/json", "text/csv"))
    year, number = views.month_named(system, caller.tenant, month)
    if wanted == "text/csv":
        lines = views.whole(system, caller.reader, year, number, producer)
        rows = ([line[name] for name in views.COLUMNS] for line in lines)
        return stream_response(f"entrees-{year}-{number:02}", views.COLUMNS, rows, delimiter=";")
    cursors: Cursors = request.app.state.cursors
    purpose = f"accessions {year}-{number} {producer} {caller.tenant}"
    after = cursors.read(purpose, cursor)[0] if cursor is not None else -1
    body, last = views.page(system, caller.reader, year, number, producer, after=after, limit=limit)
    body["next"] = cursors.write(purpose, [last]) if last is not None else None
    return JSONResponse(body, headers={"Vary": "Accept, Authorization, Cookie"})
