"""Routes of sorting: what is to be sorted, populations, draws, decisions; they need no scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.cursors import Cursors
from api.http.forms import read_form, texts_of, typed_fields
from api.web.faults import Fault, in_words
from api.web.render import in_language, pages_of, system_of
from api.web.sample_page import sample_page
from api.web.sorting_page import Decided, given_of, list_href, new_sample_page, sorting_page
from archive.disposition import sorting
from archive.disposition.act import Act
from archive.disposition.criteria import bad_sample, read_criterion
from archive.disposition.sampling import SampleMethod
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("record:read"))]
Archivist = Annotated[Caller, Depends(PageNeeds("retention:write"))]
_FIELDS: Final = {"/title": "#titre", "/criterion": "#methode", "/reason": "#motif", "/decision": "#decision"}
_VERIFIER: Final = "verify_sample.py"


@router.get("/tri")
def show_all(request: Request, person: Reader) -> Response:
    """Show what is to be sorted, and the populations."""
    return _list(request, person, dict(request.query_params))


@router.get("/tri/nouveau")
def show_form(request: Request, person: Archivist) -> Response:
    """Show the form of a population of a rule."""
    given = {name: value[:2000] for name, value in request.query_params.items()}
    with in_language(request), system_of(request).database.read() as session:
        page = new_sample_page(system_of(request), session, person, given)
    return pages_of(request).show(request, page)


@router.get(f"/tri/{_VERIFIER}", dependencies=[Depends(PageNeeds("record:read"))])
def verifier() -> Response:
    """Deliver the program that draws a sample again, offline."""
    content = files("archive.evidence").joinpath(_VERIFIER).read_bytes()
    headers = {"Content-Disposition": f'attachment; filename="{_VERIFIER}"'}
    return Response(content, media_type="text/x-python; charset=utf-8", headers=headers)


@router.post("/tri")
async def freeze(request: Request, person: Archivist) -> Response:
    """Say what a population would be, then freeze it once that was seen."""
    return await run_in_threadpool(_frozen, request, person, await typed_fields(request))


@router.post("/tri/decider")
async def decide(request: Request, person: Archivist) -> Response:
    """Decide about the units that were chosen in the list."""
    async with read_form(request) as given:
        return await run_in_threadpool(_decided, request, person, given, None)


@router.get("/tri/{sample_id}")
def show_one(request: Request, sample_id: str, person: Reader) -> Response:
    """Show one population."""
    return _one(request, person, sample_id, dict(request.query_params))


@router.post("/tri/{sample_id}/tirer")
async def draw(request: Request, sample_id: str, person: Archivist) -> Response:
    """Draw the sample of a population."""
    return await run_in_threadpool(_drawn, request, person, sample_id, await typed_fields(request))


@router.post("/tri/{sample_id}/decider")
async def decide_within(request: Request, sample_id: str, person: Archivist) -> Response:
    """Decide about units of a population, otherwise than it was drawn too."""
    async with read_form(request) as given:
        return await run_in_threadpool(_decided, request, person, given, sample_id)


@router.post("/tri/{sample_id}/annuler")
async def withdraw(request: Request, sample_id: str, person: Archivist) -> Response:
    """Withdraw what a person decided about a unit of a population."""
    return await run_in_threadpool(_withdrawn, request, person, sample_id, await typed_fields(request))


def _acting(request: Request, person: Caller, act: Callable[[Act], Any]) -> Any:
    system = system_of(request)
    with system.database.write() as session:
        done = act(Act(session, system.ledger, person.tenant, person.agent, system.clock()))
    system.notifier.notify()
    return done


def _frozen(request: Request, person: Caller, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    faults: list[Fault] = []
    criterion = None
    try:
        criterion = _criterion(form)
        if form.get("suite") == "figer":
            seen, unit = form.get("vu", ""), form.get("unite", "")
            made = _acting(
                request,
                person,
                lambda act: sorting.freeze(
                    act,
                    title=form.get("titre", ""),
                    unit=unit,
                    rule=form.get("regle", ""),
                    criterion=criterion or {},
                    expected=int(seen) if seen.isdecimal() and len(seen) < 9 else -1,
                ),
            )
            return RedirectResponse(f"/tri/{made}", 303)
        if not form.get("titre", "").strip():
            raise bad_sample("/title", "Le titre manque, ou est trop long.")
    except Refused as error:
        with in_language(request):
            faults = [Fault(_FIELDS.get(error.pointer or "", ""), in_words(error))]
        criterion = None if error.code == "bad_sample" else criterion
    with in_language(request), system.database.read() as session:
        page = new_sample_page(system, session, person, form, faults, criterion)
    return pages_of(request).show(request, page, status=422 if faults else 200)


def _criterion(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the criterion that was typed, as it is stated.

    Raises:
        Refused: ``bad_sample``.
    """
    method, count = form.get("methode", ""), form.get("nombre", "").strip()
    given: dict[str, Any] = {
        "method": method,
        "words": form.get("mots", ""),
        "rate": form.get("part", ""),
        "count": int(count) if count.isdecimal() and len(count) < 6 else None,
        "endings": [one for one in re.split(r"[\s,;]+", form.get("chiffres", "")) if one],
        "letters": [one for one in re.split(r"[\s,;]+", form.get("lettres", "")) if one],
        "field": form.get("champ", "title"),
        "particles": form.get("particules") == "1",
    }
    return read_criterion(given) if method in set(SampleMethod) else read_criterion({})


def _drawn(request: Request, person: Caller, sample_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    try:
        _acting(request, person, lambda act: sorting.draw(act, sample_id))
    except Refused as error:
        if error.code == "population_not_found":
            raise
        return _refused_within(request, person, sample_id, error, "#tirage")
    return RedirectResponse(f"/tri/{sample_id}", 303)


def _decided(request: Request, person: Caller, form: FormData, sample_id: str | None) -> Response:
    texts = texts_of(form)
    require_csrf(request, texts.get("csrf", ""))
    chosen = [str(one) for one in form.getlist("unit")]
    decision, reason = texts.get("decision", ""), texts.get("reason", "")

    def act(it: Act) -> int:
        unit = texts.get("unite", "")
        if sample_id is not None:
            row = sorting.get(it.session, person.tenant, sample_id)
            unit = row.unit
            if not set(chosen) <= set(row.units):
                raise bad_sample("/units", "Choisissez des unités de cette population.")
        return sorting.decide_all(it, unit or "record", chosen, decision=decision, reason=reason)

    try:
        n = _acting(request, person, act)
    except Refused as error:
        if error.code == "population_not_found":
            raise
        with in_language(request):
            faults = (Fault(_FIELDS.get(error.pointer or "", "#unites"), in_words(error)),)
        typed = Decided(faults, reason, decision, frozenset(chosen))
        if sample_id is None:
            return _list(request, person, texts, typed)
        return _one(request, person, sample_id, texts, typed)
    if sample_id is not None:
        return RedirectResponse(f"/tri/{sample_id}#unites", 303)
    return RedirectResponse(list_href(given_of(texts), tries=str(n)), 303)


def _withdrawn(request: Request, person: Caller, sample_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    unit = form.get("unit", "")

    def act(it: Act) -> None:
        if unit not in sorting.get(it.session, person.tenant, sample_id).units:
            raise bad_sample("/units", "Choisissez des unités de cette population.")
        sorting.withdraw(it, unit)

    try:
        _acting(request, person, act)
    except Refused as error:
        if error.code == "population_not_found":
            raise
        return _refused_within(request, person, sample_id, error, "#unites")
    return RedirectResponse(f"/tri/{sample_id}#unites", 303)


def _refused_within(request: Request, person: Caller, sample_id: str, error: Refused, href: str) -> Response:
    with in_language(request):
        typed = Decided((Fault(href, in_words(error)),))
    return _one(request, person, sample_id, {}, typed)


def _cursors(request: Request) -> Cursors:
    cursors: Cursors = request.app.state.cursors
    return cursors


def _list(request: Request, person: Caller, form: Mapping[str, str], typed: Decided | None = None) -> Response:
    with in_language(request):
        page = sorting_page(system_of(request), person, form, _cursors(request), typed)
    return pages_of(request).show(request, page, status=422 if typed is not None else 200)


def _one(
    request: Request, person: Caller, sample_id: str, asked: Mapping[str, str], typed: Decided | None = None
) -> Response:
    with in_language(request), system_of(request).database.read() as session:
        page = sample_page(session, person, sample_id, asked, typed)
    return pages_of(request).show(request, page, status=422 if typed is not None else 200)
