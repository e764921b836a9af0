"""Routes of what is thought of a draft before it is submitted: line by line, or as a list."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.deliveries import attachment
from api.http.dependencies import Assembled, Day
from api.http.negotiation import sent_type
from api.views import disposal as views
from api.views import disposal_opinions as told
from api.views import examples
from api.views.disposal_schemas import Answered, LineView
from api.views.schemas import Body
from archive.disposition.disposals import listing
from archive.disposition.disposals.bordereau import LONGEST

router = APIRouter(tags=["bordereaux"])

Reader = Annotated[Caller, Depends(Needs("disposal:write", "disposal:visa"))]
Whose = Annotated[str | None, Query(max_length=200, description="De qui est l’avis, si un archiviste l’enregistre.")]

_CSV: dict[str, Any] = {"text/csv": {"schema": {"type": "string"}}}
_NOT_FOUND = examples.problem("Pas de tel bordereau.", "disposal_not_found")
_CLOSED = examples.problem("Il est déjà soumis.", "disposal_closed")


class OpinionGiven(Body):
    """What somebody thinks of a line of a draft."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"decision": "keep_definitively", "comment": "Seul témoin de ces travaux"}},
    )

    decision: Answered | None = Field(default=None, description="À défaut, une remarque seule.")
    not_before: Day | None = Field(default=None, description="De `not_before` : premier jour.")
    comment: str | None = Field(default=None, max_length=LONGEST)
    person: str | None = Field(
        default=None, max_length=200, description="De qui est l’avis, si un archiviste l’enregistre."
    )
    quality: str | None = Field(default=None, max_length=LONGEST, description="Sa fonction.")


class OpinionsRead(BaseModel):
    """How many opinions a list had."""

    opinions: int


@router.post(
    "/disposals/{disposal_id}/lines/{record_id}/decisions",
    operation_id="giveOpinion",
    summary="Donner un avis préalable sur une ligne",
    response_model=LineView,
    responses={
        404: _NOT_FOUND,
        409: _CLOSED,
        422: examples.problem("L’avis ne dit rien, ou à moitié.", "bad_disposal"),
    },
)
def post_opinion(
    disposal_id: str, record_id: str, given: OpinionGiven, caller: Reader, system: Assembled
) -> dict[str, Any]:
    """Tant que le bordereau est un brouillon. N’engage personne, et ne change aucune ligne.

    Par le contrôleur, ou par un archiviste en son nom (`person`).
    """
    views.acting(
        system,
        caller.tenant,
        caller.agent,
        lambda act: told.give_one(act, disposal_id, record_id, caller, given.model_dump()),
    )
    with system.database.read() as session:
        (line,) = views.line_views(session, caller.reader, [listing.line(session, disposal_id, record_id)])
    return line


@router.get(
    "/disposals/{disposal_id}/lines.csv",
    operation_id="exportDisposalLines",
    summary="La liste d’un bordereau, à annoter",
    response_class=Response,
    responses={200: {"description": "Une ligne par document.", "content": _CSV}, 404: _NOT_FOUND},
)
def get_list(disposal_id: str, caller: Reader, system: Assembled) -> Response:
    """Points-virgules, UTF-8 : un tableur l’ouvre. Les colonnes `avis`, `pas_avant` et `remarque`.

    Avis : accord, refus, conserver, pas avant, trier.
    """
    name, chunks = told.list_of(system, caller, disposal_id)
    headers = {"Content-Disposition": attachment(name)}
    return StreamingResponse(chunks, media_type="text/csv; charset=utf-8", headers=headers)


@router.post(
    "/disposals/{disposal_id}/lines.csv",
    operation_id="readOpinions",
    summary="Relire la liste annotée",
    response_model=OpinionsRead,
    responses={
        404: _NOT_FOUND,
        409: _CLOSED,
        415: examples.problem("Pas du CSV.", "unsupported_media_type"),
        422: examples.problem("Des lignes sont fausses ; chacune est nommée dans `errors`.", "bad_opinions"),
    },
    openapi_extra={"requestBody": {"required": True, "content": _CSV}},
)
async def post_list(
    disposal_id: str,
    request: Request,
    caller: Reader,
    system: Assembled,
    person: Whose = None,
    quality: Annotated[str | None, Query(max_length=LONGEST, description="Sa fonction.")] = None,
    dry_run: Annotated[bool, Query(description="Dire ce qui serait lu, ne rien enregistrer.")] = False,
) -> Response:
    """Tout ou rien : une ligne fausse, et aucun avis n’est enregistré."""
    sent_type(request, {"text/csv"}, "Envoyez du « text/csv ».")
    content = await request.body()

    def read() -> dict[str, int]:
        who = {"person": person, "quality": quality}
        return told.read_back(system, caller, disposal_id, content, who, dry_run=dry_run)

    return JSONResponse(await run_in_threadpool(read))
