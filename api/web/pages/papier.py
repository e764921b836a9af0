"""Routes of bordereaux on paper: print, attach the scan, enter the visa, confirm it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import read_form, texts_of, typed_fields
from api.http.uploads import BLOCK
from api.views import disposal as views
from api.views import disposal_paper as paper
from api.views.disposal_visa import give_visa
from api.web.faults import Fault, in_words
from api.web.paper_page import confirm_page, entry_page, paper_page, require_told
from api.web.render import in_language, pages_of, system_of
from api.web.typed_date import typed_date
from api.web.visa_page import Decided, read_decided
from archive.database.disposal_tables import DisposalRow
from archive.disposition.act import Act
from archive.disposition.disposals import visas
from archive.model.disposals import VisaMeans
from ingestion.reception.spool import Spool
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("disposal:write", "disposal:visa"))]
Archivist = Annotated[Caller, Depends(PageNeeds("disposal:write"))]
_FIELDS: Final = {
    "/decision": "#reste",
    "/person": "#personne",
    "/quality": "#qualite",
    "/given_on": "#signe",
    "/not_before": "#pas-avant",
    "/attested": "#atteste",
    "/file": "#copie",
}
_KEPT: Final = "Le visa n’est pas saisi."
_GONE: Final = ("disposal_not_found", "scan_not_found", "visa_not_found")


@router.get("/bordereaux/{disposal_id}/papier")
def show(request: Request, disposal_id: str, person: Reader) -> Response:
    """Show what can be printed, what came back, and what waits for a second person."""
    with in_language(request):
        return pages_of(request).show(request, paper_page(system_of(request), person, disposal_id))


@router.post("/bordereaux/{disposal_id}/papier")
async def attach(request: Request, disposal_id: str, person: Archivist) -> Response:
    """Take in a scan, then show the form beside it."""
    async with read_form(request) as given:
        form, file = texts_of(given), given.get("file")
        await run_in_threadpool(require_csrf, request, form.get("csrf", ""))
        spool = await run_in_threadpool(system_of(request).intake.open_spool)
        try:
            while isinstance(file, UploadFile) and (block := await file.read(BLOCK)):
                await run_in_threadpool(spool.write, block)
            return await run_in_threadpool(_attached, request, person, disposal_id, spool)
        finally:
            spool.discard()


@router.get("/bordereaux/{disposal_id}/papier/{scan_id}")
def show_entry(request: Request, disposal_id: str, scan_id: str, person: Archivist) -> Response:
    """Show the form in which a visa is entered."""
    with in_language(request):
        page = entry_page(system_of(request), person, disposal_id, scan_id, dict(request.query_params), Decided())
        return pages_of(request).show(request, page)


@router.post("/bordereaux/{disposal_id}/papier/{scan_id}")
async def enter(request: Request, disposal_id: str, scan_id: str, person: Archivist) -> Response:
    """Keep what was typed and show more lines or pages, or enter the visa."""
    return await run_in_threadpool(_entered, request, person, disposal_id, scan_id, await typed_fields(request))


@router.get("/bordereaux/{disposal_id}/saisie/{visa_id}")
def show_confirmation(request: Request, disposal_id: str, visa_id: str, person: Archivist) -> Response:
    """Show what was entered, beside the scan."""
    with in_language(request):
        page = confirm_page(system_of(request), person, disposal_id, visa_id, dict(request.query_params))
        return pages_of(request).show(request, page)


@router.post("/bordereaux/{disposal_id}/saisie/{visa_id}")
async def confirm(request: Request, disposal_id: str, visa_id: str, person: Archivist) -> Response:
    """Confirm what somebody else entered, or undo it."""
    return await run_in_threadpool(_confirmed, request, person, disposal_id, visa_id, await typed_fields(request))


def _attached(request: Request, person: Caller, disposal_id: str, spool: Spool) -> Response:
    system = system_of(request)
    with in_language(request):
        try:
            if not spool.size:
                raise Refused(
                    "file_missing",
                    "Aucun fichier n’est joint.",
                    kept="Rien n’a été gardé de cet envoi.",
                    action="Choisissez un fichier.",
                    pointer="/file",
                )
            made = system.paper.take(person.tenant, person.agent, disposal_id, spool.path, spool.digests.sha256)
        except Refused as error:
            if error.code in _GONE:
                raise
            page = paper_page(system, person, disposal_id, _faults(error, "#copie"))
            return pages_of(request).show(request, page, status=422)
    system.notifier.notify()
    return RedirectResponse(f"/bordereaux/{disposal_id}/papier/{made.id}", 303)


def _entered(request: Request, person: Caller, disposal_id: str, scan_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system, decided = system_of(request), Decided()
    with in_language(request):
        try:
            decided = read_decided(form)
            if form.get("suite") != "saisir" or form.get("vers"):
                page = entry_page(system, person, disposal_id, scan_id, form, decided)
                return pages_of(request).show(request, page)
            told = _told(form, scan_id) | decided.given()
            views.acting(
                system,
                person.tenant,
                person.agent,
                lambda act: give_visa(act, disposal_id, _number(form), person, told),
            )
        except Refused as error:
            if error.code in _GONE:
                raise
            page = entry_page(system, person, disposal_id, scan_id, form, decided, _faults(error, "#lignes"))
            return pages_of(request).show(request, page, status=422)
    return RedirectResponse(f"/bordereaux/{disposal_id}/papier", 303)


def _confirmed(request: Request, person: Caller, disposal_id: str, visa_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system, undone = system_of(request), form.get("suite") == "annuler"

    def do(act: Act) -> DisposalRow:
        paper.require_visa_of(act, disposal_id, visa_id)
        if undone:
            return visas.retract(act, visa_id)
        return visas.confirm(act, visa_id, attested=form.get("atteste") == "1")

    with in_language(request):
        try:
            views.acting(system, person.tenant, person.agent, do)
        except Refused as error:
            if error.code in _GONE:
                raise
            page = confirm_page(system, person, disposal_id, visa_id, form, _faults(error, "#confirmer"))
            return pages_of(request).show(request, page, status=422)
    return RedirectResponse(f"/bordereaux/{disposal_id}" + ("/papier" if undone else ""), 303)


def _told(form: Mapping[str, str], scan_id: str) -> dict[str, Any]:
    """Return a visa on paper as the API takes it.

    Raises:
        Refused: ``bad_disposal``.
    """
    signed: date | None = typed_date(form, "signe", code="bad_disposal", kept=_KEPT, pointer="/given_on")
    return {
        "decision": require_told(form),
        "step": None,
        "consequence": None,
        "not_before": None,
        "reference": form.get("reference", ""),
        "comment": form.get("remarque", ""),
        "quality": form.get("qualite", ""),
        "heads": form.get("dirige", "").strip() or None,
        "means": VisaMeans.PAPER.value,
        "person": form.get("personne", ""),
        "given_on": signed,
        "scan": scan_id,
        "attested": form.get("atteste") == "1",
    }


def _number(form: Mapping[str, str]) -> int:
    given = form.get("number", "")
    return int(given) if given.isdecimal() and len(given) < 9 else -1


def _faults(error: Refused, anchor: str) -> tuple[Fault, ...]:
    return (Fault(_FIELDS.get(error.pointer or "", anchor), in_words(error)),)
