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
from api.views.headline import SIGNED, UNREAD, About, headline, is_signed, is_unknown
from api.web.faults import in_words
from api.web.progress import Badge
from api.web.render import in_language, pages_of, system_of
from api.web.verdicts import fixity_badge, seal_finding, signature_badge
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

_ANYBODY = Depends(Public("whoever holds a document may ask about it; rate-limited, nothing is kept"))


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
        sha256, public_url = upload.spool.digests.sha256, request.app.state.public_url
        finding = judge(system_of(request), upload.spool.path, sha256, tenant, public_url=public_url)
        return _page(request, finding=finding, filename=upload.filename, upload=upload)
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
    upload: Upload | None = None,
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
            size=upload.spool.size if upload is not None else 0,
            sha256=upload.spool.digests.sha256 if upload is not None else "",
            title=_title(finding),
            stamp=_stamp(finding),
            checks=_checks(finding),
            unknown=finding is not None and is_unknown(finding),
            signed=finding is not None and is_signed(finding),
            record=(finding or {}).get("record") or {},
            receipt=(finding or {}).get("receipt") or {},
            now=system.clock(),
            probative=system.signer.probative,
        )


def _title(finding: Mapping[str, Any] | None) -> Markup:
    return _("Vérifier un document") if finding is None else _(headline(finding)[0])


def _stamp(finding: Mapping[str, Any] | None) -> Badge | None:
    if finding is None:
        return None
    kind, icon, word = headline(finding)[1]
    return Badge(kind, icon, _(word))


def _detail(one: Mapping[str, Any]) -> Markup:
    """Return what a check says; one of a bundle names what its own program saw."""
    return said(str(one.get("sentence") or one.get("detail") or ""), detail=one.get("seen", ""))


def _checks(finding: Mapping[str, Any] | None) -> list[tuple[Markup, Badge, Markup]]:
    """Return a line for each check; seals and signatures in words of their own."""
    if finding is None:
        return []
    shown = [
        (said(str(c["name"])), fixity_badge(str(c["verdict"])), _detail(c))
        for c in finding["checks"]
        if c["about"] not in SIGNED
    ]
    seal = (finding.get("record") or {}).get("seal")
    if seal:
        found = seal_finding(seal)
        shown.append((found.question, found.badge, Markup(" ").join(found.proof)))
    for signature in (finding.get("signatures") or {}).get("signatures", ()):
        name = _("Signature de {signer}", signer=signature.get("signer") or _("signataire illisible"))
        shown.append((name, signature_badge(str(signature.get("verdict"))), said(signature.get("detail") or "")))
    shown += [
        (said(str(c["name"])), fixity_badge(str(c["verdict"])), said(str(c["detail"])))
        for c in finding["checks"]
        if c["about"] == About.SIGNATURE and c["name"] == UNREAD
    ]
    return shown
