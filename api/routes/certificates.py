"""Routes of certificates: what a disposal destroyed, as it was sealed."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.deliveries import attachment, repr_digest
from api.http.dependencies import Assembled
from api.http.negotiation import accepted
from api.views import examples
from archive.disposition.disposals import bordereau
from archive.evidence.certificate_json import described

router = APIRouter(tags=["bordereaux"])

Reader = Annotated[Caller, Depends(Needs("disposal:write", "disposal:visa"))]
_JSON, _PDF = "application/json", "application/pdf"


@router.get(
    "/disposals/{disposal_id}/certificate",
    operation_id="getCertificate",
    summary="Le certificat d’un bordereau exécuté",
    response_class=Response,
    responses={
        200: {
            "content": {
                _JSON: {"schema": {"type": "object"}},
                _PDF: {"schema": {"type": "string", "format": "binary"}},
            }
        },
        404: examples.problem("Pas de tel bordereau, ou pas encore de certificat.", "certificate_not_found"),
        406: examples.problem("Ni JSON ni PDF.", "not_acceptable"),
        500: examples.problem("Le fichier gardé n’est plus ce que le journal en dit.", "altered"),
    },
)
def get_certificate(
    disposal_id: str,
    request: Request,
    caller: Reader,
    system: Assembled,
    supplement: Annotated[int, Query(ge=1, le=999_999, description="Numéro de l’exécution qui a détruit.")] = 1,
    edition: Annotated[Literal["whole", "public"], Query(description="`public` : sans le nom de personne.")] = "whole",
) -> Response:
    """Scellé et horodaté ; en JSON, avec les visas et les preuves, ou en PDF/A : le procès-verbal.

    Pour `python3 verify_certificate.py certificate.json --trust trust.json`.
    """
    form = {_JSON: "json", _PDF: "pdf"}[wanted := accepted(request, (_JSON, _PDF))]
    with system.database.read() as session:
        row = bordereau.get(session, caller.tenant, disposal_id)
    name, content = system.certificates.read(row, supplement, form, public=edition == "public")
    headers = {
        "Vary": "Accept",
        "Content-Disposition": attachment(f"{row.reference}-{name}"),
        "Repr-Digest": repr_digest(described(content)["sha-256"]),
    }
    return Response(content, media_type=wanted, headers=headers)
