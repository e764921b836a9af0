"""Routes of redacted copies: make one, show what it hides."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.dependencies import Assembled
from api.views import examples
from api.views.index_position import position_of
from api.views.record import entity_tag, find_record, view
from api.views.record_schemas import Record
from api.views.redaction_schemas import RedactionGiven, RedactionView
from archive.holdings.redact import report_of
from archive.model.records import Kind
from signing.ground.errors import Refused

router = APIRouter(tags=["documents"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]
Archivist = Annotated[Caller, Depends(Needs("retention:write"))]


@router.post(
    "/records/{record_id}/redactions",
    operation_id="redactRecord",
    summary="Faire une copie occultée",
    status_code=201,
    response_model=Record,
    responses={
        404: examples.NOT_FOUND,
        409: examples.problem("Rien ne peut y être occulté.", "nothing_to_redact"),
        422: examples.problem("Cadre refusé.", "bad_redaction"),
    },
)
def redact_record(record_id: str, given: RedactionGiven, caller: Archivist, system: Assembled) -> Response:
    """Une forme de plus, `redacted` : un PDF/A scellé, fait d’images, sans ce qui est couvert.

    Ni pixels ni texte n’en restent. Les autres formes ne changent pas. La copie remplace la
    précédente, qui reste dans les versions antérieures du document.
    """
    from ingestion.processing.redaction import RedactionBox, RedactionOrder

    boxes = tuple(RedactionBox(one.page, one.x, one.y, one.width, one.height) for one in given.boxes)
    wanted = RedactionOrder(boxes, given.reason, given.image_width)
    system.redactions.redact(caller.tenant, record_id, wanted, caller.agent)
    system.notifier.notify()
    with system.database.read() as session:
        row = find_record(session, caller.tenant, record_id)
        body = view(session, row, system, position_of(system))
    headers = {"ETag": entity_tag(row), "Location": f"/api/v1/records/{row.id}/representations/redacted"}
    return JSONResponse(body, status_code=201, headers=headers)


@router.get(
    "/records/{record_id}/redactions",
    operation_id="getRedaction",
    summary="Ce que la copie occultée couvre",
    response_model=RedactionView,
    responses={404: examples.NOT_FOUND},
)
def get_redaction(record_id: str, caller: Reader, system: Assembled) -> dict[str, Any]:
    """Les cadres de la copie en vigueur, et pourquoi."""
    with system.database.read() as session:
        row = find_record(session, caller.tenant, record_id)
    told = report_of(system.stores, row)
    if told is None:
        raise Refused(
            "representation_missing",
            "Ce document n’a pas de forme « {kind} ».",
            action="Consultez le document : il dit quelles formes existent et pourquoi une autre manque.",
            kind=Kind.REDACTED.value,
        )
    return {name: value for name, value in told.items() if name != "v"}
