"""Routes of the journal: entries for callers with ``journal:read``, proofs for everybody."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs, Public
from api.http.dependencies import Assembled
from api.http.negotiation import accepted
from api.views import examples
from api.views.schemas import ConsistencyProof, EntryPage, InclusionProof
from archive.database.tables import CheckpointRow
from archive.database.tenancy import EVERYTHING, acting_for
from signing.ground.clock import stamp
from signing.ground.errors import Refused

router = APIRouter(tags=["preuve"])

_OPEN = [Depends(Public("checkpoints and proofs hold hashes only, and are worth something because all can see them"))]
_NOTE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Note signée C2SP, ou JSON.",
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "application/json": {"schema": {"$ref": "#/components/schemas/Checkpoint"}},
        },
    },
    404: examples.problem("Aucun scellement de ce numéro.", "checkpoint_not_found"),
}
_HIGHEST = 2**53
Number = Annotated[int, Path(ge=1, le=_HIGHEST, description="Numéro du scellement, à partir de 1.")]


@router.get(
    "/journal/entries",
    operation_id="listJournalEntries",
    summary="Les entrées du journal",
    response_model=EntryPage,
)
def list_entries(
    caller: Annotated[Caller, Depends(Needs("journal:read"))],
    system: Assembled,
    after: Annotated[int, Query(ge=-1, le=_HIGHEST, description="Numéro de la dernière entrée déjà lue.")] = -1,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """Celles de la collectivité, dans l’ordre : des pseudonymes et des empreintes, aucun nom."""
    with system.database.read() as session:
        rows = system.ledger.entries(session, after=after, limit=limit, tenant=caller.tenant)
    return {
        "entries": [
            {
                "n": row.n,
                "at": stamp(row.at),
                "type": row.type,
                "subject": row.subject,
                "leaf_hash": row.leaf_hash,
                "entry": json.loads(row.body),
                "body": row.body.decode(),
            }
            for row in rows
        ],
        "next": rows[-1].n if len(rows) == limit else None,
    }


@router.get(
    "/journal/checkpoints/latest",
    operation_id="getLatestCheckpoint",
    summary="Le dernier scellement",
    response_class=Response,
    responses=_NOTE,
    dependencies=_OPEN,
)
def latest_checkpoint(request: Request, system: Assembled) -> Response:
    """La tête de l’arbre, signée par la clé du journal."""
    return _checkpoint(request, system, None)


@router.get(
    "/journal/checkpoints/{number}",
    operation_id="getCheckpoint",
    summary="Un scellement",
    response_class=Response,
    responses=_NOTE,
    dependencies=_OPEN,
)
def one_checkpoint(number: Number, request: Request, system: Assembled) -> Response:
    """Tel qu’il a été publié."""
    return _checkpoint(request, system, number)


def _checkpoint(request: Request, system: Assembled, number: int | None) -> Response:
    from api.views.proofs import checkpoint

    with system.database.read() as session:
        row = checkpoint(session, number)
    headers = {"Vary": "Accept", "X-Checkpoint-Number": str(row.number)}
    if accepted(request, ("text/plain", "application/json")) == "text/plain":
        return PlainTextResponse(row.note, headers=headers)
    return JSONResponse(_as_json(row), headers=headers)


def _as_json(row: CheckpointRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "size": row.size,
        "root": row.root,
        "note": row.note,
        "published_at": stamp(row.published_at),
        "token": f"/api/v1/journal/checkpoints/{row.number}/token" if row.token is not None else None,
    }


@router.get(
    "/journal/checkpoints/{number}/token",
    operation_id="getCheckpointToken",
    summary="Le jeton d’horodatage d’un scellement",
    response_class=Response,
    responses={
        200: {
            "description": "Jeton RFC 3161 (DER) sur les octets de la note.",
            "content": {"application/timestamp-token": {"schema": {"type": "string", "format": "binary"}}},
        },
        404: examples.problem("Pas de jeton.", "token_not_found"),
    },
    dependencies=_OPEN,
)
def checkpoint_token(number: Number, system: Assembled) -> Response:
    """Vérifiable par `openssl ts -verify`."""
    from api.views.proofs import checkpoint

    with system.database.read() as session:
        row = checkpoint(session, number)
    if row.token is None:
        raise Refused(
            "token_not_found",
            "Ce scellement n’a pas de jeton d’horodatage.",
            action="Prenez un scellement du jour : un jeton est demandé au moins une fois par jour.",
        )
    headers = {"Content-Disposition": f'attachment; filename="{row.size}.tsr"'}
    return Response(row.token, media_type="application/timestamp-token", headers=headers)


@router.get(
    "/journal/proofs/inclusion",
    operation_id="getInclusionProof",
    summary="Une entrée est sous un scellement",
    response_model=InclusionProof,
    responses={404: examples.problem("Pas de tel scellement.", "checkpoint_not_found")},
    dependencies=_OPEN,
)
def inclusion_proof(
    system: Assembled,
    entry: Annotated[int, Query(ge=0, le=_HIGHEST)],
    checkpoint: Annotated[int | None, Query(ge=1, le=_HIGHEST, description="Numéro ; le dernier par défaut.")] = None,
) -> dict[str, Any]:
    """Les empreintes qui mènent de l’entrée à la tête de l’arbre (RFC 6962), aussi en C2SP
    tlog-proof.
    """
    from api.views.proofs import inclusion
    from archive.journal.merkle import tlog_proof

    with acting_for(EVERYTHING), system.database.read() as session:  # a leaf's hash is public, for every tenant
        row, hashes = inclusion(system.store, session, entry, checkpoint)
        leaf = system.ledger.entries(session, after=entry - 1, limit=1)[0].leaf_hash
    return {
        "entry": entry,
        "leaf_hash": leaf,
        "checkpoint": row.number,
        "size": row.size,
        "root": row.root,
        "hashes": [one.hex() for one in hashes],
        "tlog_proof": tlog_proof(entry, hashes, row.note),
    }


@router.get(
    "/journal/proofs/consistency",
    operation_id="getConsistencyProof",
    summary="Un scellement prolonge un autre",
    response_model=ConsistencyProof,
    responses={
        404: examples.problem("Pas de tel scellement.", "checkpoint_not_found"),
        409: examples.problem("Le journal n’a pas cette racine.", "root_differs"),
    },
    dependencies=_OPEN,
)
def consistency_proof(
    system: Assembled,
    older: Annotated[int | None, Query(alias="from", ge=1, le=_HIGHEST, description="Numéro d’un scellement.")] = None,
    newer: Annotated[int | None, Query(alias="to", ge=1, le=_HIGHEST, description="Numéro d’un scellement.")] = None,
    from_size: Annotated[int | None, Query(ge=1, le=_HIGHEST, description="Ou nombre de lignes.")] = None,
    to_size: Annotated[
        int | None, Query(ge=1, le=_HIGHEST, description="Nombre de lignes ; toutes par défaut.")
    ] = None,
    old_root: Annotated[
        str | None, Query(max_length=64, description="Racine que vous avez pour `from_size` : hexadécimal ou base64.")
    ] = None,
) -> dict[str, Any]:
    """Rien n’a été retiré ni réécrit entre deux scellements, ou entre deux nombres de lignes."""
    from api.views.proofs import consistency, extension

    if from_size is not None and older is None and newer is None:
        proof = extension(system.store, system.log_key.vkey, from_size, to_size, old_root)
        return {
            "from": {"checkpoint": None, "size": proof.old_size, "root": proof.old_root.hex()},
            "to": {"checkpoint": None, "size": proof.new_size, "root": proof.new_root.hex()},
            "hashes": [one.hex() for one in proof.hashes],
        }
    if older is None or newer is None or (from_size, to_size, old_root) != (None, None, None):
        raise Refused(
            "bad_proof_query",
            "Donnez « from » et « to », ou « from_size ».",
            action="Deux numéros de scellement, ou le nombre de lignes de la preuve que vous avez.",
            pointer="query:from_size",
        )
    with system.database.read() as session:
        old, new, hashes = consistency(system.store, session, older, newer)
    return {
        "from": {"checkpoint": old.number, "size": old.size, "root": old.root},
        "to": {"checkpoint": new.number, "size": new.size, "root": new.root},
        "hashes": [one.hex() for one in hashes],
    }
