"""Routes of the public verification: anybody may check a document or an evidence bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.access.authentication import current_person
from api.access.csrf import require_same_origin
from api.access.permissions import Public
from api.access.rates import check_rate
from api.http.i18n import _, said
from api.http.uploads import Upload, receive_files
from api.web.faults import in_words
from api.web.progress import Badge
from api.web.render import in_language, pages_of, system_of
from api.web.verdicts import fixity_badge, seal_finding, signature_badge
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

_ANYBODY = Depends(Public("whoever holds a document may ask about it; rate-limited, nothing is kept"))

_TITLES = {
    ("intact", "record"): "Ce document est bien celui que nous gardons",
    ("intact", "bundle"): "Ce dossier de preuve est intact",
    ("intact", "file"): "Ce fichier est intact",
    ("altered", "record"): "Ce document n’est plus celui que nous gardions",
    ("altered", "bundle"): "Ce dossier de preuve a été modifié",
    ("altered", "file"): "Ce fichier a été modifié",
    ("missing", "bundle"): "Il manque une partie de ce dossier de preuve",
}
_FALLBACKS = {
    "intact": "Rien n’a changé",
    "altered": "Quelque chose a été modifié",
    "missing": "Il manque quelque chose",
    "unverifiable": "Nous ne pouvons pas conclure",
    "unknown": "Nous ne connaissons pas ce fichier",
}
_STAMPS = {
    "intact": ("ok", "seal", "Intact"),
    "altered": ("bad", "cross", "Modifié"),
    "missing": ("bad", "cross", "Incomplet"),
    "unverifiable": ("none", "none", "Pas de réponse"),
    "unknown": ("none", "none", "Inconnu ici"),
}


@router.get("/verifier", dependencies=[_ANYBODY])
def ask(request: Request) -> Response:
    """Show the form."""
    return _page(request)


@router.post("/verifier", dependencies=[_ANYBODY])
async def answer(request: Request) -> Response:
    """Judge the file that was sent, then discard it."""
    require_same_origin(request)
    check_rate(request, "verification")
    uploads, _form = await receive_files(request, system_of(request).intake)
    return await run_in_threadpool(_judge, request, uploads)


def _judge(request: Request, uploads: list[Upload]) -> Response:
    from api.views.verification import judge

    try:
        if not uploads or not uploads[0].spool.size:
            return _page(request, fault="missing", status=422)
        upload = uploads[0]
        person = current_person(request)
        tenant = person.tenant if person is not None and person.may("record:read") else None
        finding = judge(system_of(request), upload.spool.path, upload.spool.digests.sha256, tenant)
        return _page(request, finding=finding, filename=upload.filename, size=upload.spool.size)
    except Refused as error:
        with in_language(request):
            fault = in_words(error)
        return _page(request, fault=fault, status=422)
    finally:
        for upload in uploads:
            upload.spool.discard()


def _page(
    request: Request,
    *,
    finding: Mapping[str, Any] | None = None,
    filename: str = "",
    size: int = 0,
    fault: str | None = None,
    status: int = 200,
) -> Response:
    system = system_of(request)
    with in_language(request):
        if fault == "missing":
            fault = _("Choisissez le fichier à vérifier.")
        return pages_of(request).answer(
            request,
            "verifier.html",
            status=status,
            help_anchor="verifier",
            fault=fault,
            finding=finding,
            filename=filename,
            size=size,
            title=_title(finding),
            stamp=_stamp(finding),
            checks=_checks(finding),
            unknown=finding is not None and _verdict(finding) == "unknown",
            record=(finding or {}).get("record") or {},
            now=system.clock(),
            probative=system.signer.probative,
        )


def _title(finding: Mapping[str, Any] | None) -> Markup:
    if finding is None:
        return _("Vérifier un document")
    verdict = _verdict(finding)
    return _(_TITLES.get((verdict, finding["kind"])) or _FALLBACKS[verdict])


def _verdict(finding: Mapping[str, Any]) -> str:
    """Return the verdict to show; ``unknown`` for a file that is no record of ours.

    For such a file there is nothing to verify, which is not a failed check.
    """
    if finding["kind"] == "file" and finding["verdict"] == "unverifiable":
        return "unknown"
    return str(finding["verdict"])


def _stamp(finding: Mapping[str, Any] | None) -> Badge | None:
    if finding is None:
        return None
    kind, icon, word = _STAMPS[_verdict(finding)]
    return Badge(kind, icon, _(word))


def _checks(finding: Mapping[str, Any] | None) -> list[tuple[Markup, Badge, Markup]]:
    """Return a line for each check, for the record's seal and for each signature of the file."""
    if finding is None:
        return []
    shown = [
        (said(str(c["name"])), fixity_badge(str(c["verdict"])), said(str(c.get("detail") or "")))
        for c in finding["checks"]
    ]
    seal = (finding.get("record") or {}).get("seal")
    if seal:
        found = seal_finding(seal)
        shown.append((found.question, found.badge, Markup(" ").join(found.proof)))
    for signature in (finding.get("signatures") or {}).get("signatures", ()):
        name = _("Signature de {signer}", signer=signature.get("signer") or _("signataire illisible"))
        shown.append((name, signature_badge(str(signature.get("verdict"))), said(signature.get("detail") or "")))
    return shown
