"""Route of the search: the index finds the records, the catalogue describes them.

A hit that the catalogue does not have for the caller's tenant is left out.
"""

from __future__ import annotations

import time
from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.cursors import link_next
from api.http.dependencies import Assembled, Day
from api.views import examples
from api.views.index_position import not_to_find
from api.views.record import readable
from api.views.schemas import SearchAnswer
from archive.database.tables import RecordRow
from search.port import FACETS, Answer, Sort
from search.port import Query as Question
from signing.ground.clock import iso

router = APIRouter(tags=["recherche"])

Values = Annotated[list[str], Query(description="Répété : l’un ou l’autre.")]
Filters = dict[str, tuple[str, ...]]


def _filters(**given: list[str]) -> Filters:
    """Return the values asked for by facet; each facet is a query parameter."""
    return {name: tuple(values) for name, values in given.items() if values}


_filters.__signature__ = Signature(  # type: ignore[attr-defined]  # read by FastAPI
    [Parameter(name, Parameter.KEYWORD_ONLY, default=[], annotation=Values) for name in FACETS]
)


@router.get(
    "/search",
    operation_id="searchRecords",
    summary="Chercher dans les documents",
    response_model=SearchAnswer,
    responses={422: examples.problem("Recherche mal formée ; `position` dit où.", "bad_query")},
)
def search(
    *,
    request: Request,
    response: Response,
    caller: Annotated[Caller, Depends(Needs("record:read"))],
    system: Assembled,
    q: Annotated[str, Query(max_length=2000, description="Mots, « phrases », `-sans`, `début*`, `OR`.")] = "",
    filters: Annotated[Filters, Depends(_filters)],
    date_from: Annotated[Day | None, Query(description="Datés de ce jour ou après.")] = None,
    date_to: Annotated[Day | None, Query(description="Datés de ce jour ou avant.")] = None,
    sort: Sort = Sort.RELEVANCE,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Accents, casse, pluriels et élisions ne comptent pas ; une recherche vide rend tout."""
    begun = time.perf_counter()
    question = Question(
        tenant=caller.tenant,
        text=q,
        filters=filters,
        date_from=date_from,
        date_to=date_to,
        sort=sort,
        limit=limit,
        after=cursor,
        without=not_to_find(system, caller),
    )
    answer = system.index.search(question)
    with system.database.read() as session:
        rows = readable(session, caller, [hit.record_id for hit in answer.hits])
    link_next(request, response, answer.next)
    return _shown(answer, rows) | {"took_ms": round((time.perf_counter() - begun) * 1000)}


def _shown(answer: Answer, rows: dict[str, RecordRow]) -> dict[str, Any]:
    hits = [
        {
            "record_id": hit.record_id,
            "title": rows[hit.record_id].title,
            "document_type": rows[hit.record_id].document_type,
            "document_date": iso(rows[hit.record_id].document_date),
            "score": round(hit.score, 4),
            "matches": [
                {"page": match.page, "text": match.text, "ranges": [list(span) for span in match.ranges]}
                for match in hit.matches
            ],
        }
        for hit in answer.hits
        if hit.record_id in rows
    ]
    return {
        "hits": hits,
        "total": {"value": answer.total, "relation": "exact"},
        "facets": {
            name: [{"value": value.value, "count": value.count} for value in values]
            for name, values in answer.facets.items()
        },
        "loosened": answer.loosened,
        "next": answer.next,
    }
