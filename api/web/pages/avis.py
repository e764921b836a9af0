"""Routes of opinions about a draft: given on the page, or read back from a list."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.deliveries import attachment
from api.http.forms import read_form, texts_of
from api.http.i18n import _
from api.views import disposal as views
from api.views import disposal_opinions as told_lines
from api.web.faults import Fault, in_words
from api.web.opinions_page import opinions_page
from api.web.render import in_language, pages_of, system_of
from api.web.typed_date import typed_date
from archive.database.disposal_tables import DisposalRow
from archive.disposition.act import Act
from archive.disposition.disposals import opinions
from archive.disposition.disposals.opinions import REMARK, Opinion
from archive.disposition.disposals.population import bad_disposal
from archive.exchange.opinions_csv import LARGEST
from archive.model.disposals import LineDecision
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("disposal:write", "disposal:visa"))]
_KEPT = "Aucun avis n’a été enregistré."
_MOST_FAULTS = 50
_FIELDS = {"/person": "#personne", "/not_before": "#pas-avant", "/comment": "#lignes"}


@router.get("/bordereaux/{disposal_id}/avis")
def show(request: Request, disposal_id: str, person: Reader) -> Response:
    """Show lines, and what is thought of them."""
    with in_language(request):
        page = opinions_page(system_of(request), person, disposal_id, dict(request.query_params))
        return pages_of(request).show(request, page)


@router.get("/bordereaux/{disposal_id}/liste.csv")
def deliver(request: Request, disposal_id: str, person: Reader) -> Response:
    """Deliver the list, to be annotated."""
    name, chunks = told_lines.list_of(system_of(request), person, disposal_id)
    headers = {"Content-Disposition": attachment(name)}
    return StreamingResponse(chunks, media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/bordereaux/{disposal_id}/avis")
async def give(request: Request, disposal_id: str, person: Reader) -> Response:
    """Keep opinions typed on the page, or those of a list."""
    async with read_form(request) as given:
        form, file = texts_of(given), given.get("file")
        content = await file.read(LARGEST + 1) if isinstance(file, UploadFile) else b""
    return await run_in_threadpool(_given, request, person, disposal_id, form, content)


def _given(request: Request, person: Caller, disposal_id: str, form: dict[str, str], content: bytes) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    who = {"person": form.get("personne", ""), "quality": form.get("qualite", "")}
    try:
        if form.get("suite") == "liste":
            count = told_lines.read_back(system, person, disposal_id, content, who)["opinions"]
        else:
            told = _typed(form)

            def do(act: Act) -> DisposalRow:
                return opinions.give(act, disposal_id, None, told_lines.thinker(person, who), told)

            views.acting(system, person.tenant, person.agent, do)
            count = len(told)
    except Refused as error:
        if error.code in {"disposal_not_found", "scope_missing"}:
            raise
        with in_language(request):
            page = opinions_page(system, person, disposal_id, form, form, _faults(error))
            return pages_of(request).show(request, page, status=422)
    shown = f"&avis={form['avis']}" if form.get("avis", "").replace("_", "").isalpha() else ""
    return RedirectResponse(f"/bordereaux/{disposal_id}/avis?lus={count}{shown}", 303)


def _typed(form: dict[str, str]) -> dict[str, Opinion]:
    """Return the opinions typed on the page, by record.

    Raises:
        Refused: ``bad_disposal``.
    """
    found: dict[str, Opinion] = {}
    for name, value in form.items():
        record = name[1:]
        if name[:1] != "a" or len(record) != 36:
            continue
        comment = form.get(f"c{record}", "").strip()
        if not value and not comment:
            continue
        decision = LineDecision(value) if value in set(LineDecision) else None
        if not value or (decision is None and value != REMARK):
            raise bad_disposal("/comment", "Choisissez un avis pour chaque ligne qui a une remarque.")
        day = None
        if decision is LineDecision.NOT_BEFORE:
            day = typed_date(form, code="bad_disposal", kept=_KEPT, pointer="/not_before")
        found[record] = Opinion(decision, day, comment)
    return found


def _faults(error: Refused) -> tuple[Fault, ...]:
    lines = error.values.get("faults", ())
    told = [Fault(_FIELDS.get(error.pointer or "", ""), in_words(error))]
    for one in lines if isinstance(lines, tuple) else ():
        number, column = told_lines.place_of(one)
        text = _("Ligne {line}, colonne « {column} » : {what}", line=number, column=column, what=in_words(one))
        told.append(Fault("#liste", text))
    return tuple(told[: _MOST_FAULTS + 1])
