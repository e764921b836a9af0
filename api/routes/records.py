"""Routes of records: show, deliver, describe, verify and prove."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.conditions import none_match, require_match
from api.http.deliveries import attachment, deliver, require_confirmed
from api.http.dependencies import Assembled
from api.http.i18n import speaking, translate
from api.http.languages import preferred_language
from api.http.negotiation import accepted
from api.views import examples
from api.views.description_schemas import DescriptionChange
from api.views.index_position import position_of
from api.views.record import entity_tag, find_record, find_representation, view
from api.views.record_schemas import History, PageWords, Record, Verification
from archive.catalogue.rows import get as find_row
from archive.holdings import describe as holdings
from archive.model.records import Kind

router = APIRouter(tags=["documents"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]
HistoryReader = Annotated[Caller, Depends(Needs("record:read", gone=True))]
Describer = Annotated[Caller, Depends(Needs("record:describe"))]
KindName = Literal["original", "archival", "text", "preview", "redacted"]
PageNumber = Annotated[int, Path(ge=1, le=100_000, description="Page, à partir de 1.")]

_ALTERED = examples.problem("Les octets du magasin ne sont plus ceux qui ont été reçus.", "altered")
_FOUND: dict[int | str, dict[str, Any]] = {404: examples.NOT_FOUND, 410: examples.GONE}
_BINARY = {"schema": {"type": "string", "format": "binary"}}


@router.get(
    "/records/{record_id}",
    operation_id="getRecord",
    summary="Un document",
    response_model=Record,
    responses=_FOUND | {304: {"description": "Même révision."}},
)
def get_record(record_id: str, request: Request, caller: Reader, system: Assembled) -> Response:
    """Sa description, ses formes, ses verdicts, sa conservation et sa preuve.

    L’ETag est la révision.
    """
    with speaking(preferred_language(request)), system.database.read() as session:
        row = find_record(session, caller.tenant, record_id)
        tag = entity_tag(row)
        body = view(session, row, system, position_of(system))
    # The revision does not change when the record is indexed and its proof published: a 304 before
    # then would hide both.
    settled = body["index"]["state"] == "indexed" and body["proof"]["checkpoint"] is not None
    settled = settled and row.stale_since is None  # its state is another one while dates are computed again
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie, Accept-Language"}
    if settled and none_match(request, tag):
        return Response(status_code=304, headers=headers)
    return JSONResponse(body, headers=headers)


Confirmed = Annotated[
    Literal["infected"] | None, Query(description="Pour un document où un logiciel malveillant a été trouvé.")
]


@router.get(
    "/records/{record_id}/representations/{kind}",
    operation_id="getRepresentation",
    summary="Les octets d’une forme",
    response_class=Response,
    responses=_FOUND
    | {
        200: {"description": "Les octets.", "content": {"application/octet-stream": _BINARY}},
        206: {"description": "La plage demandée."},
        304: {"description": "Mêmes octets."},
        409: _ALTERED,
        416: examples.problem("Plage hors du fichier.", "bad_range"),
    },
)
def get_representation(
    *,
    record_id: str,
    kind: KindName,
    request: Request,
    caller: Reader,
    system: Assembled,
    confirm: Confirmed = None,  # noqa: ARG001 - read where bytes are delivered
) -> Response:
    """Vérifiés pendant l’envoi : altérés, ils ne sont pas servis."""
    with system.database.read() as session:
        row = find_representation(session, caller.tenant, record_id, kind)
    return deliver(request, system, row, {"Content-Disposition": attachment(row.filename)})


@router.get(
    "/records/{record_id}/text",
    operation_id="getText",
    summary="Le texte lu",
    response_class=Response,
    responses=_FOUND
    | {
        200: {
            "description": "Texte, ou mots avec leur place (une page).",
            "content": {
                "text/plain": {"schema": {"type": "string"}},
                "application/json": {"schema": {"$ref": "#/components/schemas/PageWords"}},
            },
        },
        406: examples.problem("Ni texte ni JSON.", "not_acceptable"),
        409: _ALTERED,
    },
)
def get_text(
    *,
    record_id: str,
    request: Request,
    caller: Reader,
    system: Assembled,
    page: Annotated[int | None, Query(ge=1, description="Une page ; sans elle, tout le texte.")] = None,
) -> Response:
    """En texte, ou, pour une page, en JSON : chaque mot, sa place en pixels de l’image et sa
    confiance.
    """
    from api.views.record_pages import page_words, plain_text

    wanted = accepted(request, ("text/plain", "application/json") if page else ("text/plain",))
    with system.database.read() as session:
        row = find_representation(session, caller.tenant, record_id, Kind.TEXT)
    headers = {"Vary": "Accept, Authorization, Cookie", "Cache-Control": "private, no-cache"}
    if wanted == "text/plain":
        return PlainTextResponse(plain_text(system, row, page), headers=headers)
    words = page_words(system, row, page or 1)
    return JSONResponse(PageWords.model_validate(words).model_dump(), headers=headers)


@router.get(
    "/records/{record_id}/pages/{page}/image",
    operation_id="getPageImage",
    summary="L’image d’une page",
    response_class=Response,
    responses=_FOUND
    | {200: {"description": "WebP.", "content": {"image/webp": _BINARY}}, 304: {"description": "La même."}},
)
def get_page_image(
    *,
    record_id: str,
    page: PageNumber,
    request: Request,
    caller: Reader,
    system: Assembled,
    width: Annotated[int, Query(ge=100, le=2400, description="Largeur en pixels.")] = 900,
) -> Response:
    """Faite à la demande à partir de la forme de conservation, dans un bac à sable."""
    from api.views.record_pages import page_image

    with system.database.read() as session:
        find_record(session, caller.tenant, record_id)
    image = page_image(system, record_id, page, width)
    headers = {
        "ETag": image.tag,
        "Cache-Control": "private, no-cache",  # else a browser shows what was destroyed, for a day
        "Vary": "Authorization, Cookie",
        "Content-Disposition": "inline",
    }
    if none_match(request, image.tag):
        return Response(status_code=304, headers=headers)
    return Response(image.content, media_type=image.media_type, headers=headers)


@router.patch(
    "/records/{record_id}",
    operation_id="describeRecord",
    summary="Compléter ou corriger la description",
    response_model=Record,
    responses=_FOUND
    | {
        412: examples.problem("Modifié entre-temps.", "precondition_failed"),
        428: examples.problem("`If-Match` manque.", "precondition_required"),
    },
)
def describe_record(
    record_id: str, change: DescriptionChange, request: Request, caller: Describer, system: Assembled
) -> Response:
    """Chaque changement est une révision et une entrée du journal.

    Les octets ne changent jamais.
    """
    with system.database.read() as session:
        row = find_record(session, caller.tenant, record_id)
    require_match(request, entity_tag(row))
    changes = change.model_dump(exclude_unset=True)
    holdings.describe(
        system.stores, caller.tenant, record_id, changes, agent=caller.agent, expected_revision=row.revision
    )
    system.notifier.notify()
    with system.database.read() as session:
        row = find_record(session, caller.tenant, record_id)
        body = view(session, row, system, position_of(system))
    return JSONResponse(body, headers={"ETag": entity_tag(row)})


@router.get(
    "/records/{record_id}/history",
    operation_id="getHistory",
    summary="L’histoire d’un document",
    response_model=History,
    responses=_FOUND,
)
def get_history(record_id: str, request: Request, caller: HistoryReader, system: Assembled) -> dict[str, Any]:
    """Les entrées du journal qui le concernent, en toutes lettres et en JSON.

    Elle reste quand le document a été éliminé.
    """
    from api.views.history import history_of

    say = partial(translate, language=preferred_language(request))
    with system.database.read() as session:
        row = find_row(session, caller.tenant, record_id)
        return {"entries": history_of(session, row, say)}


@router.post(
    "/records/{record_id}/verifications",
    operation_id="verifyRecord",
    summary="Tout vérifier maintenant",
    response_model=Verification,
    responses=_FOUND,
)
def verify_record(record_id: str, caller: Reader, system: Assembled) -> dict[str, Any]:
    """Relit chaque octet, recalcule chaque empreinte, contrôle le cachet et le journal."""
    from api.views.verification import verify

    with system.database.read() as session:
        find_record(session, caller.tenant, record_id)
    return verify(system, caller.tenant, record_id, caller.agent)


@router.get(
    "/records/{record_id}/evidence",
    operation_id="getEvidence",
    summary="Le dossier de preuve",
    response_class=Response,
    responses=_FOUND | {200: {"description": "Zip.", "content": {"application/zip": _BINARY}}, 409: _ALTERED},
)
def get_evidence(
    *,
    record_id: str,
    request: Request,
    caller: Reader,
    system: Assembled,
    confirm: Confirmed = None,  # noqa: ARG001 - read where bytes are delivered
    content: Annotated[Literal["all", "digests"], Query(description="`digests` : sans les octets.")] = "all",
    since: Annotated[
        int | None,
        Query(
            ge=1,
            le=2**53,
            description="Nombre de lignes du journal dans une preuve plus ancienne, qu’il doit prolonger.",
        ),
    ] = None,
) -> Response:
    """De quoi vérifier ce document hors ligne, sans nous : `python3 verify.py` dans le dossier.

    Contrôlé par ce même programme avant d’être délivré.
    """
    from api.views.evidence import evidence_response

    with system.database.read() as session:
        find_record(session, caller.tenant, record_id)
    if content == "all":
        require_confirmed(request, system, record_id)
    return evidence_response(system, caller.tenant, record_id, content=content == "all", since=since)
