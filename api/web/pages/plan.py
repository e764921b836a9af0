"""Routes of the filing plan's pages: the tree, a node, and every act on it, without scripts."""

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
from api.http.forms import read_form, texts_of, typed_fields
from api.http.i18n import ngettext
from api.views import plan_node as nodes
from api.web.faults import Fault, in_words
from api.web.plan_forms import changed_values, given_values
from api.web.plan_page import Typed, effect_sentences, node_page, plan_page
from api.web.render import in_language, pages_of, system_of
from api.web.typed_date import typed_date
from archive.catalogue import plan_changes
from archive.database.retention_tables import PlanNodeRow
from search.port import Query
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

Reader = Annotated[Caller, Depends(PageNeeds("record:read"))]
Planner = Annotated[Caller, Depends(PageNeeds("retention:write"))]
Describer = Annotated[Caller, Depends(PageNeeds("record:describe"))]
Form = dict[str, str]
_MOST_FOUND = 200
"""Records that a search by words offers at once."""


@router.get("/plan")
def plan(request: Request, person: Reader, q: str = "", etat: str = "", apres: str = "") -> Response:
    """Show the tree, or what a filter finds."""
    with in_language(request), system_of(request).database.read() as session:
        page = plan_page(session, person, text=q.strip()[:200], state=etat, after=apres)
    return pages_of(request).show(request, page)


@router.get("/plan/{node_id}")
def node(
    *,
    request: Request,
    node_id: str,
    person: Reader,
    apres: str = "",
    reference: str = "",
    type: str = "",  # noqa: A002 - the word in the address
    mots: str = "",
) -> Response:
    """Show one class or file."""
    wanted = {"reference": reference.strip()[:200], "kind": type.strip()[:100], "words": mots.strip()[:200]}
    among = _found(request, person, wanted["words"]) if wanted["words"] else None
    with in_language(request), system_of(request).database.read() as session:
        row = plan_changes.get(session, person.tenant, node_id)
        page = node_page(session, person, row, after=apres, wanted=wanted, among=among)
    return pages_of(request).show(request, page)


def _found(request: Request, person: Caller, words: str) -> list[str]:
    """Return the records that the index finds by words; none for a broken question."""
    try:
        answer = system_of(request).index.search(Query(tenant=person.tenant, text=words, limit=_MOST_FOUND))
    except Refused:
        return []
    return [hit.record_id for hit in answer.hits]


@router.post("/plan/creer")
async def create(request: Request, person: Planner) -> Response:
    """Create a class or a file."""
    return await run_in_threadpool(_created, request, person, await typed_fields(request))


def _created(request: Request, person: Caller, form: Form) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    parent = form.get("parent_id") or None
    try:
        values = given_values(form) | {"parent_id": parent}
        made = nodes.made(
            system, person.tenant, person.agent, lambda change: plan_changes.create(change, values), places=True
        )
    except Refused as error:
        with in_language(request):
            return _again(request, person, parent, Typed("creer", form, _faults(error, "creer")), 422)
    return RedirectResponse(f"/plan/{made['id']}", 303)


@router.post("/plan/{node_id}/changer")
async def change(request: Request, node_id: str, person: Planner) -> Response:
    """Change or move a node; what alters dates shows its effect first."""
    return await run_in_threadpool(_acted, request, person, node_id, "changer", await typed_fields(request))


@router.post("/plan/{node_id}/clore")
async def close(request: Request, node_id: str, person: Planner) -> Response:
    """Close a file, once its effect was shown."""
    return await run_in_threadpool(_acted, request, person, node_id, "clore", await typed_fields(request))


@router.post("/plan/{node_id}/rouvrir")
async def reopen(request: Request, node_id: str, person: Planner) -> Response:
    """Reopen a file, once its effect was shown."""
    return await run_in_threadpool(_acted, request, person, node_id, "rouvrir", await typed_fields(request))


def _acted(request: Request, person: Caller, node_id: str, act: str, form: Form) -> Response:
    """Make a change; without its confirmation, show what it would do."""
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    with system.database.read() as session:
        row = plan_changes.get(session, person.tenant, node_id)
    try:
        wanted = _act(request, person, row, act, form)
        if not form.get("confirme"):
            told = nodes.foreseen(system, person.tenant, person.agent, wanted, node_id)
            if told["records"] or act != "changer":
                with in_language(request):
                    said = effect_sentences(told["records"], told["due_before"], told["due_after"], whole=told["whole"])
                    return _again(request, person, node_id, Typed(act, form, effect=said), 200)
        nodes.made(system, person.tenant, person.agent, wanted, places=act == "changer")
    except Refused as error:
        if error.code == "node_not_found":
            raise
        with in_language(request):
            return _again(request, person, node_id, Typed(act, form, _faults(error, act)), 422)
    return RedirectResponse(f"/plan/{node_id}", 303)


def _act(request: Request, person: Caller, row: PlanNodeRow, act: str, form: Form) -> nodes.Act:
    number = form.get("number", "")
    expected = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else -1
    if act == "clore":
        day = typed_date(form, code="bad_closing", kept="Rien n’a été changé.", pointer="/closed_on")
        if day is None:
            raise plan_changes.no_closing()
        return nodes.closing(row.id, expected, day)
    if act == "rouvrir":
        return nodes.reopening(row.id, expected, form.get("reason", ""))
    with system_of(request).database.read() as session:
        values = changed_values(session, person.tenant, row, form)
    return nodes.amending(row.id, expected, values)


@router.post("/plan/{node_id}/retirer")
async def remove(request: Request, node_id: str, person: Planner) -> Response:
    """Remove a node that holds nothing."""
    return await run_in_threadpool(_removed, request, person, node_id, await typed_fields(request))


def _removed(request: Request, person: Caller, node_id: str, form: Form) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    with system.database.read() as session:
        parent = plan_changes.get(session, person.tenant, node_id).parent_id
    try:
        nodes.removed(system, person.tenant, person.agent, node_id, None, form.get("reason", ""))
    except Refused as error:
        with in_language(request):
            return _again(request, person, node_id, Typed("retirer", form, _faults(error, "retirer")), 422)
    return RedirectResponse(f"/plan/{parent}" if parent else "/plan", 303)


@router.post("/plan/{node_id}/documents")
async def put_records(request: Request, node_id: str, person: Describer) -> Response:
    """Put the chosen records into a file."""
    async with read_form(request) as given:
        form = texts_of(given)
        records = [value for value in given.getlist("record") if isinstance(value, str)]
    return await run_in_threadpool(_filed, request, person, node_id, form, records)


def _filed(request: Request, person: Caller, node_id: str, form: Form, records: list[str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    try:
        told = nodes.put_into_file(system_of(request), person.tenant, node_id, records[:200], person.agent)
    except Refused as error:
        if error.code == "node_not_found":
            raise
        told = [("", error)]
    with in_language(request):
        refused = [(record, error) for record, error in told if error is not None]
        faults = tuple(Fault(f"/documents/{record}" if record else "", in_words(error)) for record, error in refused)
        if not faults:
            return RedirectResponse(f"/plan/{node_id}", 303)
        kept = len(told) - len(refused)
        said = (ngettext("{n} document a été rangé.", "{n} documents ont été rangés.", kept),) if kept else ()
        return _again(request, person, node_id, Typed("documents", form, faults, said), 422)


# -- parts


def _again(request: Request, person: Caller, node_id: str | None, typed: Typed, status: int) -> Response:
    """Show a page again, with the form as it was filled."""
    with system_of(request).database.read() as session:
        page: Any
        if node_id is None:
            page = plan_page(session, person, typed=typed)
        else:
            page = node_page(session, person, plan_changes.get(session, person.tenant, node_id), typed=typed)
    return pages_of(request).show(request, page, status=status)


_FIELDS: Mapping[str, str] = {
    "/parent_id": "parent",
    "/retention": "rules",
    "/closed_on": "cloture-day",
    "/opened_on": "ouverture-day",
    "/reason": "reason",
    "/code": "code",
    "/title": "title",
    "/access": "access",
    "/extent": "metres",
}


def _faults(error: Refused, act: str) -> tuple[Fault, ...]:
    name = _FIELDS.get(error.pointer or "", "")
    dated = name.endswith("-day")
    return (Fault((f"#{name}" if dated else f"#{act}-{name}") if name else "", in_words(error)),)
