"""Routes of the pages of rules: list, versions, validation, packs; they work without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.views import rule as rules
from api.views import rule_pack
from api.web.faults import Fault, in_words
from api.web.render import in_language, pages_of, system_of
from api.web.rules_page import DATE, FIELDS, PACK_FILTERS, TypedRule, new_rule_page, pack_page, rule_page, rules_page
from api.web.typed_date import written_date
from archive.catalogue import rule_changes
from archive.retention.civil import today_of
from archive.retention.rule_terms import Terms, admit_code, admit_terms
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("record:read"))]
Archivist = Annotated[Caller, Depends(PageNeeds("retention:write"))]


@router.get("/regles")
def show_rules(request: Request, person: Reader) -> Response:
    """Show the list of rules."""
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        chosen = {name: value[:200] for name, value in request.query_params.items()}
        page = rules_page(session, person, chosen, today_of(session, person.tenant, system.clock()))
    return pages_of(request).show(request, page)


@router.get("/regles/nouvelle")
def show_new(request: Request, person: Archivist) -> Response:
    """Show the form of a rule to be created."""
    with in_language(request):
        page = new_rule_page(person, TypedRule())
    return pages_of(request).show(request, page)


@router.post("/regles/nouvelle")
async def create(request: Request, person: Archivist) -> Response:
    """Create a rule: its effect is shown first, and then confirmed."""
    return await run_in_threadpool(_versioned, request, person, "", await typed_fields(request))


@router.get("/regles/jeux/{pack}")
def show_pack(request: Request, pack: str, person: Reader) -> Response:
    """Show what a pack says otherwise."""
    return _pack(request, person, pack, request.query_params)


@router.post("/regles/jeux/{pack}")
async def decide(request: Request, pack: str, person: Archivist) -> Response:
    """Take over a line of a pack, or set it aside."""
    return await run_in_threadpool(_decided, request, person, pack, await typed_fields(request))


@router.get("/regles/{code}")
def show_rule(request: Request, code: str, person: Reader) -> Response:
    """Show one rule with its versions."""
    return _rule(request, person, code, TypedRule())


@router.post("/regles/{code}/version")
async def change(request: Request, code: str, person: Archivist) -> Response:
    """Make the next version: its effect is shown first, and then confirmed."""
    return await run_in_threadpool(_versioned, request, person, code, await typed_fields(request))


@router.post("/regles/{code}/valider")
async def validate(request: Request, code: str, person: Archivist) -> Response:
    """Validate the latest version."""
    return await run_in_threadpool(_validated, request, person, code, await typed_fields(request))


def _versioned(request: Request, person: Caller, code: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system, named = system_of(request), code or form.get("code", "").strip()
    try:
        terms = _terms(form)
        admit_code(named)
        if "confirm" not in form:
            with system.database.read() as session:
                supposed = rules.supposed(session, person.tenant, named, None, rules.given_of(terms))
                effect = rules.simulation(system, session, person.tenant, supposed)
            return _rule(request, person, code, TypedRule(form, effect=effect))
        made, reason = rules.change_of(system, person.tenant, person.agent), form.get("reason")
        if code:
            rule_changes.amend(made, code, _number(form), terms, reason)
        else:
            rule_changes.create(made, named, terms, reason)
    except Refused as error:
        return _refused(request, person, code, error, form)
    system.notifier.notify()
    return RedirectResponse(f"/regles/{named}", 303)


def _validated(request: Request, person: Caller, code: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    try:
        made = rules.change_of(system, person.tenant, person.agent)
        rule_changes.validate(made, code, _number(form), form.get("basis"))
    except Refused as error:
        return _refused(request, person, code, error, form)
    system.notifier.notify()
    return RedirectResponse(f"/regles/{code}", 303)


def _decided(request: Request, person: Caller, pack: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system, code = system_of(request), form.get("code", "")
    made = rules.change_of(system, person.tenant, person.agent)
    try:
        with system.database.read() as session:
            line, terms = rule_pack.decide(session, made, pack, code)
        rule_pack.apply(made, pack, line, terms, accept=form.get("decision") == "reprendre", reason=form.get("reason"))
    except Refused as error:
        if error.code == "pack_not_found":
            raise
        with in_language(request):
            faults = (Fault(f"#motif-{code}", in_words(error)),)
        return _pack(request, person, pack, form, faults, status=422)
    system.notifier.notify()
    kept = {name: form[name] for name in PACK_FILTERS if form.get(name)}
    return RedirectResponse(f"/regles/jeux/{pack}?{urlencode(kept)}", 303)


def _terms(form: Mapping[str, str]) -> Terms:
    """Return the terms that were typed.

    Raises:
        Refused: ``bad_rule``.
    """
    given: dict[str, Any] = {name: form.get(name, "").strip() or None for name in FIELDS}
    given["valid_from"] = written_date(form, DATE) or None
    typed = given["duration"]
    given["duration"] = int(typed) if typed is not None and typed.isdecimal() and len(typed) < 7 else typed
    return admit_terms(given)


def _number(form: Mapping[str, str]) -> int:
    number = form.get("number", "")
    return int(number) if number.isdecimal() and len(number) < 7 else -1


def _refused(request: Request, person: Caller, code: str, error: Refused, form: dict[str, str]) -> Response:
    if error.code == "rule_not_found":
        raise error
    with in_language(request):
        anchor = f"#{error.pointer.strip('/')}".replace("#valid_from", f"#{DATE}day") if error.pointer else ""
        typed = TypedRule(form, (Fault(anchor, in_words(error)),))
    status = {"precondition_failed": 412, "rule_own_validation": 403}.get(error.code, 422)
    return _rule(request, person, code, typed, status=status)


def _rule(request: Request, person: Caller, code: str, typed: TypedRule, *, status: int = 200) -> Response:
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        today = today_of(session, person.tenant, system.clock())
        page = rule_page(session, person, code, today, typed) if code else new_rule_page(person, typed)
    return pages_of(request).show(request, page, status=status)


def _pack(
    request: Request,
    person: Caller,
    pack: str,
    chosen: Mapping[str, str],
    faults: tuple[Fault, ...] = (),
    *,
    status: int = 200,
) -> Response:
    with in_language(request), system_of(request).database.read() as session:
        page = pack_page(session, person, pack, chosen, faults)
    return pages_of(request).show(request, page, status=status)
