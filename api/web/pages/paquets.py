"""Routes of the packages of a bordereau of transfer; they need no scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.http.uploads import Upload, receive_form
from api.views.seda_schemas import DeliveryGiven
from api.views.seda_sending import made_delivery, replied
from api.web.deliveries_page import deliveries_page
from api.web.faults import Fault, in_words
from api.web.render import in_language, pages_of, system_of
from archive.disposition.act import Act
from archive.disposition.transfers import deliveries, outgoing
from archive.disposition.transfers.outgoing import bad_delivery
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Archivist = Annotated[Caller, Depends(PageNeeds("disposal:write"))]
_FIELDS: Final = {"/archival_agency": "#destinataire", "/transferring_agency": "#nous", "/reason": "#motif"}


@router.get("/bordereaux/{disposal_id}/paquets")
def show(request: Request, disposal_id: str, person: Archivist) -> Response:
    """Show the packages of a bordereau."""
    with in_language(request):
        return pages_of(request).show(request, deliveries_page(system_of(request), person, disposal_id, {}))


@router.post("/bordereaux/{disposal_id}/paquets")
async def make(request: Request, disposal_id: str, person: Archivist) -> Response:
    """Make packages of what no receiver has taken over."""
    form = await typed_fields(request)
    return await run_in_threadpool(_made, request, person, disposal_id, form)


@router.post("/bordereaux/{disposal_id}/paquets/{delivery_id}/reponse")
async def answer(request: Request, disposal_id: str, delivery_id: str, person: Archivist) -> Response:
    """Enter a reply of the receiver."""
    upload = await receive_form(request, system_of(request).intake, file_field="reponse")
    return await run_in_threadpool(_answered, request, person, disposal_id, delivery_id, upload)


@router.post("/bordereaux/{disposal_id}/paquets/{delivery_id}/{number}/decision")
async def decide(request: Request, disposal_id: str, delivery_id: str, number: int, person: Archivist) -> Response:
    """Decide on a reply with reservations."""
    form = await typed_fields(request)
    return await run_in_threadpool(_decided, request, person, disposal_id, delivery_id, number, form)


def _made(request: Request, person: Caller, disposal_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))

    def do() -> None:
        try:
            given = DeliveryGiven(
                disposal_id=disposal_id,
                archival_agency=form.get("destinataire", "").strip(),
                transferring_agency=form.get("nous", "").strip() or None,
                version=form.get("version", "2.2"),
                agreement=form.get("convention", "").strip() or None,
            )
        except ValidationError as error:
            raise bad_delivery("/archival_agency", "L’identifiant du destinataire manque, ou se lit mal.") from error
        made_delivery(system_of(request), person, given)

    return _done(request, person, disposal_id, form, do)


def _answered(request: Request, person: Caller, disposal_id: str, delivery_id: str, upload: Upload) -> Response:
    with upload.spool:
        require_csrf(request, upload.fields.get("csrf", ""))
        return _done(
            request, person, disposal_id, {}, lambda: replied(system_of(request), person, delivery_id, upload.spool)
        )


def _decided(
    request: Request, person: Caller, disposal_id: str, delivery_id: str, number: int, form: dict[str, str]
) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)

    def do() -> None:
        with system.database.write() as session:
            act = Act(session, system.ledger, person.tenant, person.agent, system.clock())
            row = deliveries.get(session, person.tenant, delivery_id)
            outgoing.decide(act, row, number, accept=form.get("decision") == "oui", reason=form.get("motif", ""))

    return _done(request, person, disposal_id, form, do)


def _done(
    request: Request, person: Caller, disposal_id: str, form: dict[str, str], do: Callable[[], object]
) -> Response:
    """Do an act, and show the packages again; a refusal stands above them."""
    try:
        do()
    except Refused as error:
        if error.code in {"disposal_not_found", "delivery_not_found"}:
            raise
        with in_language(request):
            fault = Fault(_FIELDS.get(error.pointer or "", ""), in_words(error))
            page = deliveries_page(system_of(request), person, disposal_id, form, [fault])
            return pages_of(request).show(request, page, status=422)
    return RedirectResponse(f"/bordereaux/{disposal_id}/paquets", 303)
