"""Route of the page that imports and exports the filing plan."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.csrf import require_csrf
from api.access.permissions import PageNeeds
from api.http.deliveries import attachment
from api.http.forms import read_form, texts_of
from api.http.i18n import _, ngettext
from api.views import plan_node as nodes
from api.web.faults import Fault, in_words
from api.web.plan_page import effect_sentences
from api.web.render import in_language, pages_of, system_of
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

_MOST_FAULTS = 50


@router.get("/plan/echange")
def exchange(request: Request, person: Annotated[Caller, Depends(PageNeeds("record:read"))]) -> Response:
    """Show the page."""
    with in_language(request):
        return _page(request, person)


@router.get("/plan/export")
def export(
    request: Request, person: Annotated[Caller, Depends(PageNeeds("record:read"))], forme: str = "csv"
) -> Response:
    """Deliver the plan as CSV or SKOS."""
    media_type, name = (nodes.SKOS, "plan.rdf") if forme == "skos" else (nodes.CSV, "plan.csv")
    content = nodes.exported(system_of(request), person.tenant, media_type)
    return Response(content, media_type=media_type, headers={"Content-Disposition": attachment(name)})


@router.post("/plan/echange")
async def take_in(request: Request, person: Annotated[Caller, Depends(PageNeeds("retention:write"))]) -> Response:
    """Try an import and show its effect; import once that is confirmed."""
    async with read_form(request) as given:
        form = texts_of(given)
        file = given.get("file")
        content = await file.read() if isinstance(file, UploadFile) else b""
    return await run_in_threadpool(_taken_in, request, person, form, content)


def _taken_in(request: Request, person: Caller, form: dict[str, str], content: bytes) -> Response:
    require_csrf(request, form.get("csrf", ""))
    text = content or form.get("content", "").encode()
    media_type = nodes.SKOS if text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else nodes.CSV
    confirmed = bool(form.get("confirme"))
    with in_language(request):
        try:
            told = nodes.imported(
                system_of(request), person.tenant, person.agent, text, media_type, dry_run=not confirmed
            )
        except Refused as error:
            return _page(request, person, faults=_faults(error), status=422)
        said = _said(told)
        waiting = "" if confirmed else text.decode("utf-8-sig", "replace")
        return _page(request, person, told=said, waiting=waiting, done=confirmed)


def _said(told: dict[str, Any]) -> tuple[Any, ...]:
    counts = (
        ngettext("{n} élément créé", "{n} éléments créés", told["created"]),
        ngettext("{n} changé", "{n} changés", told["changed"]),
        ngettext("{n} inchangé", "{n} inchangés", told["unchanged"]),
    )
    return (", ".join(map(str, counts)), *effect_sentences(told["records"], None, told["due_after"], whole=True))


def _faults(error: Refused) -> tuple[Fault, ...]:
    lines = error.values.get("faults", ())
    told = [Fault("", in_words(error))]
    for one in lines if isinstance(lines, tuple) else ():
        number, _slash, column = (one.pointer or "").removeprefix("/lines/").partition("/")
        text = _("Ligne {line}, colonne « {column} » : {what}", line=number, column=column, what=in_words(one))
        told.append(Fault("", text))
    return tuple(told[: _MOST_FAULTS + 1])


def _page(request: Request, person: Caller, status: int = 200, **more: Any) -> Response:
    context: dict[str, Any] = {"faults": (), "told": (), "waiting": "", "done": False} | more
    return pages_of(request).answer(
        request,
        "plan_echange.html",
        status=status,
        tab="plan",
        help_anchor="plan",
        json_href="/api/v1/classification/nodes",
        may_change=person.may("retention:write"),
        **context,
    )
