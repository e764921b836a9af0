"""Routes to receive a form, follow a deposit, list deposits and show a receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf, require_same_origin
from api.access.permissions import PageNeeds
from api.http.deliveries import attachment
from api.http.forms import TypedFields
from api.http.i18n import _, translated
from api.http.languages import preferred_language
from api.http.uploads import Upload, receive_files
from api.views.deposit import entity_tag, view
from api.views.index_position import position_of
from api.web.deposit_lines import line
from api.web.description_form import TypedDescription, anchor_of, at_fault_in, typed_at_deposit
from api.web.faults import Fault, in_words
from api.web.home_page import home_page
from api.web.progress import Progress, progress
from api.web.render import in_language, pages_of, system_of
from archive.database.tables import RecordRow
from archive.model.description_fields import fields_on
from archive.model.field_rules import DescriptionField, Spot
from ingestion.deposits.queries import find, incomplete, newest, set_aside
from ingestion.deposits.states import DepositState
from ingestion.processing import quarantine_decisions as decisions
from ingestion.processing.quarantine_decisions import REFUSED
from ingestion.processing.retry import retry_set_aside as again
from ingestion.reception.submission import AGREEMENT, Submission
from ingestion.tables import DepositRow
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

PAGE = 25
STATES = ("received", "working", "kept", "quarantined", "refused", "unpacked")


@router.post("/depots")
async def receive(request: Request, person: Annotated[Caller, Depends(PageNeeds("deposit:write"))]) -> Response:
    """Receive one or many files, streamed.

    The files received stay received even if another one is refused.
    """
    require_same_origin(request)
    uploads, form = await receive_files(request, system_of(request).intake)
    return await run_in_threadpool(_acknowledge, request, person, uploads, form)


def _acknowledge(request: Request, person: Caller, uploads: list[Upload], form: dict[str, str]) -> Response:
    intake = system_of(request).intake
    received: list[DepositRow] = []
    faults: list[Fault] = []
    box = ""
    try:
        require_csrf(request, form.get("csrf", ""))
        with in_language(request):
            for number, upload in enumerate(uploads):
                try:
                    answer = intake.accept(upload.spool, _submission(person, upload, form, number))
                except Refused as error:
                    at_fault = at_fault_in(fields_on(Spot.DEPOSIT_FORM), error)
                    faults.append(_fault(upload, error, at_fault))
                    box = at_fault.name if at_fault is not None else box
                else:
                    received += [answer.deposit] if answer.deposit is not None else []
            if not uploads:
                faults.append(Fault("#fichiers", _("Choisissez au moins un fichier, puis envoyez.")))
    finally:
        for upload in uploads:
            upload.spool.discard()
    if faults:
        with in_language(request):
            typed = TypedDescription(tuple(faults), form, box)
            page = home_page(system_of(request), person, typed, len(received))
        return pages_of(request).show(request, page, status=422)
    return RedirectResponse(f"/depots/{received[0].id}" if len(received) == 1 else "/depots", 303)


def _submission(person: Caller, upload: Upload, form: dict[str, str], number: int) -> Submission:
    given = typed_at_deposit(form)
    if person.service:
        given["producer"] = person.service
    if form.get(AGREEMENT.name, "").strip():
        given[AGREEMENT.name] = form[AGREEMENT.name].strip()
    return Submission(
        tenant=person.tenant,
        agent=person.agent,
        # the form's own key: a second click on « Envoyer » gets the first deposit as its answer
        idempotency_key=f"page:{form.get('idempotency_key', '')[:100]}:{number}",
        filename=upload.filename,
        media_type=upload.media_type,
        fields=given,
    )


def _fault(upload: Upload, error: Refused, box: DescriptionField | None) -> Fault:
    other = f"#{AGREEMENT.name}" if error.pointer == f"/{AGREEMENT.name}" else "#fichiers"
    return Fault(anchor_of(box) if box is not None else other, f"{upload.filename} : {in_words(error)}")


@router.get("/depots")
def deposits(
    request: Request,
    person: Annotated[Caller, Depends(PageNeeds("record:read"))],
    etat: str = "",
    tous: str = "",
    avant: str = "",
) -> Response:
    """List my deposits, or all of the tenant, newest first."""
    system = system_of(request)
    now = system.clock()
    everybody = bool(tous)
    with in_language(request), system.database.read() as session:
        rows = _page_of(session, person, etat, everybody, avant)
        more = rows[PAGE - 1].id if len(rows) > PAGE else None
        query = "".join(
            f"&{name}={value}" for name, value in (("etat", etat), ("tous", "1" if everybody else "")) if value
        )
        return pages_of(request).answer(
            request,
            "depots.html",
            tab="depots",
            help_anchor="depots",
            json_href="/api/v1/deposits" + (f"?state={etat}" if etat in STATES else ""),
            lines=[line(session, row, now, person.reader) for row in rows[:PAGE]],
            etat=etat if etat in {*STATES, "incomplets"} else "",
            everybody=everybody,
            aside=_set_aside(session, person) if etat == DepositState.QUARANTINED else [],
            links={
                "previous": bool(avant),
                "first": f"/depots?{query[1:]}" if avant else None,
                "next": f"/depots?avant={more}{query}" if more else None,
            },
        )


def _set_aside(session: Session, person: Caller) -> list[tuple[str, int]]:
    """Return the reasons why deposits were set aside, with their numbers, for who may decide."""
    if not person.may("record:describe"):
        return []
    return sorted((reason, len(ids)) for reason, ids in set_aside(session, person.tenant).items() if reason)


@router.post("/depots/relancer")
def retry_set_aside(
    request: Request,
    person: Annotated[Caller, Depends(PageNeeds("record:describe"))],
    form: TypedFields,
) -> Response:
    """Retry every deposit that was set aside for one reason."""
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    again(
        system.database,
        person.tenant,
        form.get("reason", ""),
        lambda one: system.retry(person.tenant, one, person.agent),
    )
    return RedirectResponse("/depots?etat=working&tous=1", 303)


def _page_of(session: Session, person: Caller, etat: str, everybody: bool, avant: str) -> Sequence[DepositRow]:
    before = None
    if avant:
        last = find(session, person.tenant, avant)
        before = (last.received_at, last.id)
    agent = None if everybody else person.agent
    if etat == "incomplets":
        return incomplete(session, person.reader, agent=agent, before=before and before[1], limit=PAGE + 1)
    state = etat if etat in STATES else None
    return newest(session, person.tenant, agent=agent, state=state, before=before, limit=PAGE + 1)


@router.get("/depots/{deposit_id}")
def follow(request: Request, deposit_id: str, person: Annotated[Caller, Depends(PageNeeds("record:read"))]) -> Response:
    """Show the progress of one deposit; the page asks again while it is open."""
    return _followed(request, deposit_id, person)


def _followed(request: Request, deposit_id: str, person: Caller, refusal: str = "") -> Response:
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        row = find(session, person.tenant, deposit_id)
        shown = view(session, row, position=position_of(system), translate=translated)
        etag = entity_tag(shown)
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        record = session.get(RecordRow, shown["record_id"]) if shown["record_id"] else None
        found: Progress = progress(shown)
        return pages_of(request).answer(
            request,
            "depot.html",
            block="suivi",
            headers={"ETag": etag},
            status=422 if refusal else 200,
            tab="depots",
            help_anchor="suivi",
            json_href=f"/api/v1/deposits/{deposit_id}",
            deposit=shown,
            title=record.title if record is not None else shown["fields"].get("title") or shown["filename"],
            record=record,
            progress=found,
            etag=etag,
            may_retry=_may_retry(person, shown, found),
            may_accept=_may_accept(person, shown),
            refusal=refusal,
        )


def _may_accept(person: Caller, shown: Mapping[str, Any]) -> bool:
    """Whether this person may decide now: on what waits, or to take a refusal back."""
    problem = shown["problem"] or {}
    waits = shown["state"] == DepositState.QUARANTINED or problem.get("code") == REFUSED
    return waits and person.may("record:describe")


@router.post("/depots/{deposit_id}/garder")
def accept(
    request: Request,
    deposit_id: str,
    person: Annotated[Caller, Depends(PageNeeds("record:describe"))],
    form: TypedFields,
) -> Response:
    """Keep a deposit that was set aside, as it was received."""
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    notify, agent = system.notifier.notify, person.agent
    decisions.accept(system.database, system.ledger, system.clock, notify, person.tenant, deposit_id, agent)
    return RedirectResponse(f"/depots/{deposit_id}", 303)


@router.post("/depots/{deposit_id}/refuser")
def refuse(
    request: Request,
    deposit_id: str,
    person: Annotated[Caller, Depends(PageNeeds("record:describe"))],
    form: TypedFields,
) -> Response:
    """Refuse a deposit that was set aside: its producer reads why."""
    require_csrf(request, form.get("csrf", ""))
    system, agent, reason = system_of(request), person.agent, form.get("reason", "")
    try:
        decisions.refuse(system.database, system.ledger, system.clock, person.tenant, deposit_id, agent, reason=reason)
    except Refused as error:
        if error.code != "bad_refusal":
            raise
        with in_language(request):
            told = in_words(error)
        return _followed(request, deposit_id, person, told)
    return RedirectResponse(f"/depots/{deposit_id}", 303)


def _may_retry(person: Caller, shown: Mapping[str, Any], found: Progress) -> bool:
    if shown["state"] == DepositState.QUARANTINED:
        return person.may("record:describe")
    return found.failed and shown["state"] == DepositState.KEPT and person.may("deposit:write")


@router.get("/depots/{deposit_id}/recepisse")
def receipt(
    request: Request, deposit_id: str, person: Annotated[Caller, Depends(PageNeeds("record:read"))]
) -> Response:
    """Show the receipt as a page that prints on one sheet."""
    from api.views.receipts import printed_page, receipt_json

    system = system_of(request)
    told = receipt_json(system, person.tenant, deposit_id)["receipt"]
    language = preferred_language(request)
    page = printed_page(system, person.tenant, deposit_id, public_url=request.app.state.public_url, language=language)
    with in_language(request):
        return pages_of(request).answer(
            request,
            "recepisse.html",
            tab="depots",
            help_anchor="recepisse",
            json_href=f"/api/v1/deposits/{deposit_id}/receipt",
            receipt=told,
            page=page,
        )


@router.get("/depots/{deposit_id}/recepisse.pdf")
def receipt_pdf(
    request: Request, deposit_id: str, person: Annotated[Caller, Depends(PageNeeds("record:read"))]
) -> Response:
    """Deliver the receipt as one PDF/A page with its QR code."""
    from api.views.receipts import printed_receipt

    public_url, language = request.app.state.public_url, preferred_language(request)
    content = printed_receipt(system_of(request), person.tenant, deposit_id, public_url=public_url, language=language)
    headers = {"Content-Disposition": attachment(f"recepisse-{deposit_id}.pdf")}
    return Response(content, media_type="application/pdf", headers=headers)


@router.post("/depots/{deposit_id}/relancer")
def retry(
    request: Request,
    deposit_id: str,
    person: Annotated[Caller, Depends(PageNeeds("deposit:write"))],
    form: TypedFields,
) -> Response:
    """Run the failed stages again; only an archivist decides on a quarantined deposit."""
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    with system.database.read() as session:
        aside = find(session, person.tenant, deposit_id).state == DepositState.QUARANTINED
    if aside and not person.may("record:describe"):
        raise Refused("scope_missing", "Un archiviste doit décider de ce dépôt.", action="Prévenez-le.")
    system.retry(person.tenant, deposit_id, person.agent)
    return RedirectResponse(f"/depots/{deposit_id}", 303)
