"""Routes of registers and stocktakings; they work without scripts."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.views import report as views
from api.web.faults import Fault, in_words
from api.web.registers_page import UNIT, registers_page, stocktaking_form, stocktaking_page
from api.web.render import in_language, pages_of, system_of
from api.web.typed_date import written_date
from archive.disposition.reports import listing
from archive.model.days import iso_day
from archive.model.reports import ReportKind
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Archivist = Annotated[Caller, Depends(PageNeeds("retention:write"))]
_FIELDS: Final = {
    "/elected_on": "#election-day",
    "/outgoing": "#sortant",
    "/incoming": "#entrant",
    "/archivist": "#archiviste",
    "/remark": "#observation",
}


@router.get("/registres")
def show_all(request: Request, person: Archivist, annee: str = "", avant: str | None = None) -> Response:
    """Show the registers of a year, and what was issued."""
    with in_language(request):
        return pages_of(request).show(request, registers_page(system_of(request), person, annee, avant))


@router.get("/registres/{register}.csv")
def download(request: Request, register: str, person: Archivist, du: str = "", au: str = "") -> Response:
    """Download a register for a spreadsheet."""
    first, last = _days(du, au)
    return views.register_csv(system_of(request), person.reader, views.register_named(register), first, last)


@router.post("/registres/{register}")
async def issue(request: Request, register: str, person: Archivist) -> Response:
    """Issue a register as a sealed PDF."""
    return await run_in_threadpool(_issued, request, register, person, await typed_fields(request))


@router.get("/recolements/nouveau")
def show_form(request: Request, person: Archivist) -> Response:
    """Show the form of a stocktaking."""
    with in_language(request):
        return pages_of(request).show(request, stocktaking_form(system_of(request), person, {}))


@router.post("/recolements")
async def ask(request: Request, person: Archivist) -> Response:
    """Ask for a stocktaking."""
    return await run_in_threadpool(_asked, request, person, await typed_fields(request))


@router.get("/recolements/{report_id}")
def show_one(request: Request, report_id: str, person: Archivist) -> Response:
    """Show one stocktaking."""
    with in_language(request), system_of(request).database.read() as session:
        page = stocktaking_page(_stocktaking(listing.get(session, person.tenant, report_id)))
    return pages_of(request).show(request, page)


@router.get("/recolements/{report_id}/proces-verbal.pdf")
def minutes(request: Request, report_id: str, person: Archivist) -> Response:
    """Deliver the minutes."""
    row, content = views.file_of(system_of(request), person.tenant, report_id)
    return views.pdf_response(f"recolement-{row.made_on}.pdf", content, row.content["file"]["sha256"], {})


def _stocktaking(row: Any) -> Any:
    """Check that a report is a stocktaking.

    Raises:
        Refused: ``report_not_found``.
    """
    if row.kind != ReportKind.STOCKTAKING:
        raise Refused("report_not_found", "Il n’y a pas de tel registre délivré.", action="Vérifiez son identifiant.")
    return row


def _issued(request: Request, register: str, person: Caller, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    first, last = _days(form.get("du", ""), form.get("au", ""))
    row, content = views.issue_register(system_of(request), person, views.register_named(register), first, last)
    return views.pdf_response(f"{register}-{row.made_on}.pdf", content, row.content["file"]["sha256"], {})


def _days(first: str, last: str) -> tuple[date | None, date | None]:
    """Read the days of a link of ours; what is no day is as if it were not given."""
    found = list[date | None]()
    for text in (first, last):
        try:
            found.append(iso_day(text))
        except ValueError:
            found.append(None)
    return found[0], found[1]


def _asked(request: Request, person: Caller, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    incoming = {"name": form.get("entrant", ""), "quality": form.get("entrant_qualite", "")}
    given = {
        "elected_on": written_date(form, "election_"),
        "outgoing": {"name": form.get("sortant", ""), "quality": form.get("sortant_qualite", "")},
        "incoming": incoming if form.get("reste") != "1" else None,
        "archivist": {"name": form.get("archiviste", ""), "quality": form.get("archiviste_qualite", "")},
        "remark": form.get("observation", ""),
        "units": {name.removeprefix(UNIT): seen for name, seen in form.items() if name.startswith(UNIT)},
    }
    system = system_of(request)
    try:
        row = views.ask_stocktaking(system, person, given)
    except Refused as error:
        with in_language(request):
            fault = Fault(_FIELDS.get(error.pointer or "", ""), in_words(error))
            page = stocktaking_form(system, person, form, (fault,))
        return pages_of(request).show(request, page, status=422)
    return RedirectResponse(f"/recolements/{row.id}", 303)
