"""Routes of the due lists: what may be executed, or what stands in the way, as of a day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.cursors import Cursors, link_next
from api.http.dependencies import Assembled, Day
from api.http.negotiation import accepted
from api.views import due as views
from api.views import examples
from api.views.due_calendar import calendar_response
from api.views.due_csv import csv_response
from api.views.due_schemas import DuePage
from archive.catalogue.service_names import names_of
from archive.disposition.due_counts import analyse
from archive.disposition.due_groups import GroupBy, groups
from archive.disposition.due_lines import lines, place_of
from archive.disposition.due_query import DueQuery
from archive.model.final_actions import FinalAction
from archive.retention.civil import today_of
from archive.retention.states import DueState

router = APIRouter(tags=["échéances"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]


def _query(
    *,
    action: Annotated[FinalAction | None, Query(description="Sort final : une seule des trois listes.")] = None,
    rule: Annotated[str | None, Query(max_length=40, description="Code de la règle ; vide : sans règle.")] = None,
    producer: Annotated[str | None, Query(max_length=200)] = None,
    document_type: Annotated[str | None, Query(max_length=100)] = None,
    node: Annotated[str | None, Query(max_length=100, description="Classe ou dossier, et ce qu’il contient.")] = None,
    year: Annotated[int | None, Query(ge=1, le=9999, description="Année de l’échéance.")] = None,
    q: Annotated[str | None, Query(max_length=200, description="Mots du titre, ou référence.")] = None,
) -> DueQuery:
    return DueQuery(rule, producer, document_type, node, year, action, q or None)


@dataclass(frozen=True)
class _Asked:
    """What a caller asks for."""

    tenant: str
    day: date
    today: date
    query: DueQuery
    state: DueState | None
    latest_first: bool
    limit: int
    after: list[Any] | None


@router.get(
    "/retention/due",
    operation_id="listDue",
    summary="Les échéances à une date",
    response_model=DuePage,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        406: examples.problem("Ni JSON ni CSV.", "not_acceptable"),
        422: examples.problem("Curseur d’une autre liste.", "bad_cursor"),
    },
)
def list_due(
    *,
    request: Request,
    caller: Reader,
    system: Assembled,
    query: Annotated[DueQuery, Depends(_query)],
    before: Annotated[Day | None, Query(description="Échues ce jour au plus tard ; sans : aujourd’hui.")] = None,
    state: Annotated[DueState | None, Query(description="Tous les documents dans cet état, échus ou non.")] = None,
    group: Annotated[GroupBy | None, Query(description="Comptés par valeur au lieu d’être listés.")] = None,
    sort: Annotated[Literal["due_on", "-due_on"], Query()] = "due_on",
    cursor: Annotated[str | None, Query(description="Suite d’une page précédente.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Chaque document est dans un état et un seul : le premier qui s’applique. Sans `state`, les
    documents dont l’échéance est arrivée. `Accept: text/csv` rend la liste entière.
    """
    form = accepted(request, ("application/json", "text/csv"))
    cursors: Cursors = request.app.state.cursors
    with system.database.read() as session:
        today = today_of(session, caller.tenant, system.clock()).day
        query = replace(query, read_by_all=caller.reader.is_narrowed(session))
    day = before or today
    if form == "text/csv":
        return csv_response(system.database, caller.tenant, day, query, state)
    purpose = f"due {caller.tenant} {day} {query} {state} {group} {sort}"
    after = cursors.read(purpose, cursor) if cursor is not None else None
    asked = _Asked(caller.tenant, day, today, query, state, sort == "-due_on", limit, after)
    with system.database.read() as session:
        shown, place = _grouped(session, asked, group) if group is not None else _listed(session, asked)
        first = analyse(session, caller.tenant, day, query) if after is None else None
    following = cursors.write(purpose, place) if place is not None else None
    body = {
        "before": day.isoformat(),
        "today": today.isoformat(),
        "analysis": views.analysis_json(first) if first is not None else None,
        **shown,
        "next": following,
    }
    response = JSONResponse(body)
    response.headers["Vary"] = "Accept"
    link_next(request, response, following)
    return response


def _listed(session: Session, asked: _Asked) -> tuple[dict[str, Any], list[Any] | None]:
    found = lines(
        session,
        asked.tenant,
        asked.day,
        asked.query,
        state=asked.state,
        after=(asked.after[0], asked.after[1]) if asked.after is not None else None,
        latest_first=asked.latest_first,
        limit=asked.limit + 1,
    )
    place = list(place_of(found[asked.limit - 1], asked.state)) if len(found) > asked.limit else None
    shown = found[: asked.limit]
    services = names_of(session, asked.tenant, [line.record for line in shown])
    return {"lines": [views.line_json(line, services) for line in shown], "groups": None}, place


def _grouped(session: Session, asked: _Asked, by: GroupBy) -> tuple[dict[str, Any], list[Any] | None]:
    after = asked.after[0] if asked.after is not None else None
    found = groups(
        session,
        asked.tenant,
        asked.day,
        asked.query,
        by,
        state=asked.state,
        after=after,
        limit=asked.limit + 1,
    )
    place = [found[asked.limit - 1].key] if len(found) > asked.limit else None
    return {"lines": None, "groups": [views.group_json(one) for one in found[: asked.limit]]}, place


@router.get(
    "/retention/due.ics",
    operation_id="getDueCalendar",
    summary="Les échéances comme calendrier",
    response_class=Response,
    responses={200: {"content": {"text/calendar": {"schema": {"type": "string"}}}}},
)
def get_calendar(caller: Reader, system: Assembled) -> Response:
    """Dix ans d’échéances : des nombres par jour et par sort final, aucun titre."""
    return calendar_response(system, caller.reader)
