"""Routes of the pages of document types: list, one type; they work without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.forms import typed_fields
from api.views import rule as rules
from api.web.faults import Fault, in_words
from api.web.render import in_language, pages_of, system_of
from api.web.types_page import TypedType, type_given, type_page, types_page
from archive.catalogue import rule_changes, rule_queries
from archive.database.tables import DocumentTypeRow
from archive.retention.civil import today_of
from archive.retention.rule_terms import access_given, admit_type
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("record:read"))]
Archivist = Annotated[Caller, Depends(PageNeeds("retention:write"))]


@router.get("/types")
def show_types(request: Request, person: Reader) -> Response:
    """Show the list of document types."""
    return _types(request, person, {name: value[:200] for name, value in request.query_params.items()}, TypedType())


@router.post("/types")
async def create(request: Request, person: Archivist) -> Response:
    """Create a document type: its effect is shown first, and then confirmed."""
    return await run_in_threadpool(_made, request, person, "", await typed_fields(request))


@router.get("/types/{code}")
def show_type(request: Request, code: str, person: Reader) -> Response:
    """Show one document type."""
    return _type(request, person, code, TypedType())


@router.post("/types/{code}")
async def change(request: Request, code: str, person: Archivist) -> Response:
    """Change a document type: its effect is shown first, and then confirmed."""
    return await run_in_threadpool(_made, request, person, code, await typed_fields(request))


def _made(request: Request, person: Caller, code: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system, given, named = system_of(request), type_given(form), code or form.get("code", "").strip()
    try:
        label, access = admit_type(named, given["label"] or ""), access_given(given["access_rule"])
        if "confirm" not in form:
            with system.database.read() as session:
                _expect(session.get(DocumentTypeRow, (person.tenant, named)), code, form)
                supposed = rules.supposed(session, person.tenant, None, named, given)
                effect = rules.simulation(system, session, person.tenant, supposed)
            return _again(request, person, code, TypedType(form, effect=effect), 200)
        rule_changes.set_type(
            rules.change_of(system, person.tenant, person.agent),
            named,
            lambda row: _expect(row, code, form),
            label=label,
            rule_code=given["rule"],
            access_rule=access,
        )
    except Refused as error:
        return _refused(request, person, code, error, form)
    system.notifier.notify()
    return RedirectResponse(f"/types/{named}", 303)


def _expect(row: DocumentTypeRow | None, code: str, form: Mapping[str, str]) -> None:
    """Refuse a type that is not as the form was made from; for a new one, a code that is taken."""
    if not code and row is not None:
        raise rule_changes.type_exists(row.code)
    if code and row is None:
        raise rule_queries.type_not_found()
    if code and form.get("tag") != rules.type_tag(row):
        raise rule_changes.changed_meanwhile()


def _refused(request: Request, person: Caller, code: str, error: Refused, form: dict[str, str]) -> Response:
    if error.code == "document_type_not_found":
        raise error
    is_stale = error.code == "precondition_failed"
    anchors = {"rule_not_found": "#rule", "precondition_failed": "#deux"}
    with in_language(request):
        anchor = f"#{error.pointer.strip('/')}" if error.pointer else anchors.get(error.code, "")
        typed = TypedType(form, (Fault(anchor, in_words(error)),), is_stale=is_stale)
    return _again(request, person, code, typed, 412 if is_stale else 422)


def _again(request: Request, person: Caller, code: str, typed: TypedType, status: int) -> Response:
    if code:
        return _type(request, person, code, typed, status=status)
    return _types(request, person, {}, typed, status=status)


def _types(
    request: Request, person: Caller, chosen: Mapping[str, str], typed: TypedType, *, status: int = 200
) -> Response:
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        page = types_page(session, person, chosen, today_of(session, person.tenant, system.clock()), typed)
    return pages_of(request).show(request, page, status=status)


def _type(request: Request, person: Caller, code: str, typed: TypedType, *, status: int = 200) -> Response:
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        page = type_page(session, person, code, today_of(session, person.tenant, system.clock()), typed)
    return pages_of(request).show(request, page, status=status)
