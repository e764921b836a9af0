"""Routes of bordereaux: the list, a new one, one with its lines, a visa; they need no scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.views import disposal as views
from api.views.disposal_visa import give_visa
from api.web.disposal_forms import FIELDS, NOT_FOUND, changed, number_of, shown_one
from api.web.disposals_page import action_of, disposals_page, new_disposal_page, query_of
from api.web.faults import Fault, in_words
from api.web.render import in_language, pages_of, system_of
from api.web.visa_page import Decided, read_decided, visa_page
from archive.database.disposal_tables import DisposalRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, listing
from archive.disposition.disposals.bordereau import Draft
from archive.disposition.disposals.population import bad_disposal
from archive.model.disposals import Direction, LineState, VisaMeans
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("disposal:write", "disposal:visa"))]
Archivist = Annotated[Caller, Depends(PageNeeds("disposal:write"))]
Signatory = Annotated[Caller, Depends(PageNeeds("disposal:visa"))]


@router.get("/bordereaux")
def show_all(request: Request, person: Reader, etat: str = "", avant: str | None = None, motif: str = "") -> Response:
    """Show the list, the bordereau drafted last first."""
    with in_language(request):
        return pages_of(request).show(request, disposals_page(system_of(request), person, etat, avant, motif[:40]))


@router.get("/bordereaux/nouveau")
def show_form(request: Request, person: Archivist) -> Response:
    """Show what a bordereau would take, and the form that drafts it."""
    given = {name: value[:1000] for name, value in request.query_params.items()}
    with in_language(request):
        return pages_of(request).show(request, new_disposal_page(system_of(request), person, given))


@router.post("/bordereaux")
async def draft(request: Request, person: Archivist) -> Response:
    """Draft a bordereau of what was seen."""
    return await run_in_threadpool(_drafted, request, person, await typed_fields(request))


@router.get("/bordereaux/{disposal_id}")
def showshown_one(request: Request, disposal_id: str, person: Reader) -> Response:
    """Show one bordereau."""
    return shown_one(request, person, disposal_id, dict(request.query_params))


@router.post("/bordereaux/{disposal_id}/lignes")
async def decide(request: Request, disposal_id: str, person: Archivist) -> Response:
    """Take lines out, or put them back."""
    return await run_in_threadpool(_decided, request, person, disposal_id, await typed_fields(request))


@router.post("/bordereaux/{disposal_id}/soumettre")
async def submit(request: Request, disposal_id: str, person: Archivist) -> Response:
    """Ask for the visas."""

    def do(act: Act, expected: int | None, _form: Mapping[str, str]) -> DisposalRow:
        return bordereau.submit(act, disposal_id, expected)

    return await run_in_threadpool(changed, request, person, disposal_id, await typed_fields(request), do)


@router.post("/bordereaux/{disposal_id}/arreter")
async def stop(request: Request, disposal_id: str, person: Archivist) -> Response:
    """Stop a bordereau."""

    def do(act: Act, expected: int | None, form: Mapping[str, str]) -> DisposalRow:
        return bordereau.withdraw(act, disposal_id, expected, form.get("motif", ""))

    return await run_in_threadpool(changed, request, person, disposal_id, await typed_fields(request), do)


@router.get("/bordereaux/{disposal_id}/visa")
def show_visa(request: Request, disposal_id: str, person: Signatory) -> Response:
    """Show the form of a visa."""
    with in_language(request):
        return pages_of(request).show(request, visa_page(system_of(request), person, disposal_id, {}, Decided()))


@router.post("/bordereaux/{disposal_id}/visa")
async def visa(request: Request, disposal_id: str, person: Signatory) -> Response:
    """Keep what was decided and show more lines, or give the visa."""
    return await run_in_threadpool(_visa, request, person, disposal_id, await typed_fields(request))


def _drafted(request: Request, person: Caller, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system, seen = system_of(request), form.get("vu", "")

    def do(act: Act) -> DisposalRow:
        way = form.get("sens", "")
        asked = Draft(
            action=action_of(form),
            direction=Direction(way) if way in set(Direction) else Direction.SERVICE_ASKS,
            title=form.get("titre", ""),
            producer=form.get("producteur", "").strip() or None,
            authority=form.get("autorite") == "1",
            query=query_of(form),
        )
        row = bordereau.draft(act, asked)
        if str(row.content["records"]) != seen:
            raise Refused(
                "population_changed",
                "La population a changé depuis que vous l’avez vue : {n} documents maintenant.",
                kept="Aucun bordereau n’a été dressé.",
                action="Regardez-la de nouveau, puis confirmez.",
                n=row.content["records"],
            )
        return row

    try:
        body = views.acting(system, person.tenant, person.agent, do)
    except Refused as error:
        with in_language(request):
            faults = (Fault(FIELDS.get(error.pointer or "", "#quoi"), in_words(error)),)
            page = new_disposal_page(system, person, form, faults)
        return pages_of(request).show(request, page, status=422)
    return RedirectResponse(f"/bordereaux/{body['id']}", 303)


def _decided(request: Request, person: Caller, disposal_id: str, form: dict[str, str]) -> Response:
    def do(act: Act, expected: int | None, given: Mapping[str, str]) -> DisposalRow:
        told = []
        bordereau.get(act.session, act.tenant, disposal_id)
        for name, decision in given.items():
            record = name[1:]
            if name[:1] != "d" or len(record) != 36 or decision not in {views.INCLUDE, views.EXCLUDE}:
                continue
            out = listing.state_of_line(act.session, disposal_id, record) is LineState.EXCLUDED
            motive = given.get(f"m{record}", "").strip()
            if decision == views.EXCLUDE and not out and not motive:
                raise bad_disposal(f"#m{record}", "Dites pourquoi ce document est à garder.")
            if (decision == views.EXCLUDE) is not out:
                told.append({"record_id": record, "decision": decision, "comment": motive})
        if not told:
            return bordereau.get(act.session, act.tenant, disposal_id)
        return views.decide_lines(act, disposal_id, expected, told)

    return changed(request, person, disposal_id, form, do)


def _visa(request: Request, person: Caller, disposal_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system, decided = system_of(request), Decided()
    try:
        decided = read_decided(form)
        if form.get("suite") != "donner" or form.get("vers"):
            with in_language(request):
                return pages_of(request).show(request, visa_page(system, person, disposal_id, form, decided))
        told = _told(form) | decided.given()
        views.acting(
            system,
            person.tenant,
            person.agent,
            lambda act: give_visa(act, disposal_id, number_of(form), person, told),
        )
    except Refused as error:
        if error.code == NOT_FOUND:
            raise
        with in_language(request):
            faults = (Fault(FIELDS.get(error.pointer or "", "#lignes"), in_words(error)),)
            page = visa_page(system, person, disposal_id, form, decided, faults)
        return pages_of(request).show(request, page, status=422)
    return RedirectResponse(f"/bordereaux/{disposal_id}", 303)


def _told(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the rest of a visa as the API takes it.

    Raises:
        Refused: ``bad_disposal``.
    """
    rest = form.get("reste", "")
    if rest not in {"approve", "refuse", "by_line"}:
        raise bad_disposal("/decision", "Dites aussi ce qu’il en est du reste.")
    if not form.get("qualite", "").strip():
        raise bad_disposal("/quality", "Dites en quelle qualité vous donnez ce visa.")
    return {
        "decision": rest,
        "step": None,
        "consequence": None,
        "not_before": None,
        "reference": form.get("reference", ""),
        "comment": form.get("remarque", ""),
        "quality": form.get("qualite", ""),
        "heads": None,
        "means": VisaMeans.ACCOUNT.value,
    }
