"""A record: its pages with the searched words boxed, verdicts in words, retention, history, downloads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.access.auth import Caller, require_csrf
from api.access.permissions import PageNeeds
from api.http.deliveries import attachment, deliver
from api.http.i18n import _, said
from api.views.history import history_of, name_of
from api.views.record import checkpoint_over, copies, find_record, find_representation, representations_of
from api.web import quantities
from api.web.page_view import Reading, read
from api.web.pages.accueil import document_types, kind_of, stored
from api.web.pages.depots import written_date
from api.web.progress import Badge
from api.web.render import in_language, pages_of, system_of
from api.web.verdicts import findings, fixity_badge
from archive.catalogue.rows import holds_on, latest_verification
from archive.database.tables import HoldRow, RecordRow, RepresentationRow, VerificationRow
from archive.disposition.holds.decisions import records_of
from archive.holdings import describe as holdings
from signing.ground.clock import parse_stamp
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

SHOWN_EVENTS = 8
_SAID_ELSEWHERE = ("seal_not_probative", "start_missing")
"""Remarks that the page already makes in its own rows: the seal's verdict, and how long to keep."""
_ON_THE_DEPOSIT = ("StageCompleted", "StageFailed")
"""Events that the deposit's page shows as steps."""
_STRIP = 9
"""Pages shown at once in the strip."""


@dataclass(frozen=True)
class Download:
    """One thing to take away."""

    href: str
    name: Markup
    meta: Markup


@router.get("/documents/{record_id}")
def show(
    request: Request,
    record_id: str,
    person: Annotated[Caller, Depends(PageNeeds("record:read"))],
    page: int = 1,
    q: str = "",
) -> Response:
    """The record page."""
    return page_of(request, person, record_id, page, q)


def page_of(
    request: Request,
    person: Caller,
    record_id: str,
    page: int,
    q: str,
    *,
    checked: dict[str, Any] | None = None,
    faults: list[dict[str, str]] | None = None,
    status: int = 200,
    block: str | None = "feuille",
    held: tuple[list[dict[str, str]], str, dict[str, str]] = ([], "", {}),
) -> Response:
    """The page of a record.

    Args:
        checked: A verification that was just made.
        faults: What was wrong with a description that was sent.
        held: What was wrong with a hold that was sent, which hold (empty: a new one), and the form as it was filled.
    """
    system = system_of(request)
    with in_language(request), system.database.read() as session:
        row = find_record(session, person.tenant, record_id)
        forms = {form.kind: form for form in representations_of(session, row.id)}
        last = latest_verification(session, row.id)
        types = document_types(session, person.tenant)
        history = history_of(session, row, stored)[::-1]
        checkpoint = checkpoint_over(session, row.kept_entry)
        stored_copies = copies(session, row, system)
        holds = [_hold(session, hold) for hold in holds_on(session, row.id)]
        session.expunge_all()  # they are shown after the snapshot is given back: reading a page takes time
    with in_language(request):
        page = min(max(page, 1), max(row.pages or 1, 1))
        reading = read(system, row, forms, page, q)
        return pages_of(request).answer(
            request,
            "document.html",
            block=block,
            status=status,
            tab="recherche",
            help_anchor="document",
            json_href=f"/api/v1/records/{row.id}",
            record=row,
            type_name=dict(types).get(row.document_type or "", row.document_type),
            types=types,
            page=page,
            q=q,
            reading=reading,
            strip=_strip(row, page, q, reading),
            summary=_summary(row, last),
            last=last,
            checks=_checks(checked["checks"] if checked is not None else last.checks if last else []),
            checked=checked is not None,
            retention=_retention(row),
            findings=findings(row.verdicts),
            remarks=[said(remark["detail"]) for remark in row.warnings if remark["code"] not in _SAID_ELSEWHERE],
            downloads=_downloads(row, forms),
            original=forms.get("original"),
            assurance=str(system.store.assurance),
            copies=[_copy(one) for one in stored_copies],
            history=[event for event in history if event["type"] not in _ON_THE_DEPOSIT][:SHOWN_EVENTS],
            total_events=len(history),
            checkpoint=checkpoint,
            faults=faults or [],
            holds=holds,
            may_hold=person.may("hold:write") and row.state not in {"disposed", "transferred"},
            hold_faults=held[0],
            faulty_hold=held[1],
            hold_form=held[2],
        )


def _hold(session: Session, row: HoldRow) -> dict[str, Any]:
    """A hold in force, in words."""
    day, reason = quantities.day(row.placed_at), row.reason.rstrip(" .")
    if row.until is not None:
        last = quantities.day(row.until)
        sentence = _(
            "Gelé depuis le {day}, jusqu’au {last} : {reason}. Il ne peut pas être éliminé.",
            day=day,
            last=last,
            reason=reason,
        )
    else:
        sentence = _("Gelé depuis le {day} : {reason}. Il ne peut pas être éliminé.", day=day, reason=reason)
    return {
        "id": row.id,
        "sentence": sentence,
        "placed_by": name_of(session, row.placed_by),
        "others": len(records_of(session, row.id)) - 1,
        "in_step": row.settled_at is not None,
    }


def _copy(one: dict[str, Any]) -> tuple[str, Badge, str]:
    """One of the two stores: its name, its state, when it was last read whole."""
    name = _("Coffre") if one["store"] == "first" else _("Seconde copie")
    if one["state"] in {"absent", "incomplete"}:
        badge = Badge("warn", "warn", _("Pas encore copié") if one["state"] == "absent" else _("Copie en cours"))
    elif one["state"] == "unverified":
        badge = Badge("none", "none", _("Pas encore relu"))
    else:
        badge = fixity_badge(one["state"])
    read = _("relu le {day}", day=quantities.day(parse_stamp(one["checked_at"]))) if one["checked_at"] else ""
    return name, badge, read


def _retention(row: RecordRow) -> tuple[Markup, Markup]:
    """Until when, and why: the archive's own sentence, cut where its reason begins."""
    sentence = said(row.retention_explanation)
    first, because, reason = sentence.partition(", parce que")
    return Markup(first), Markup(because + reason)  # noqa: S704  (both parts of what was escaped)


def _summary(row: RecordRow, last: VerificationRow | None) -> Badge:
    """The one line under the title: the worst that is known comes first."""
    if last is not None and last.verdict in {"altered", "missing"}:
        found = fixity_badge(last.verdict)
        word = _("{state} : ce n’est plus ce qui a été reçu et gardé", state=found.word)
        return Badge(found.kind, found.icon, word)
    seal = row.verdicts.get("seal") or {}
    words_ = [_("Conservé")]
    if seal.get("verdict") == "valid":
        words_.append(_("scellé") if seal.get("probative") else _("scellé sans valeur probante"))
    else:
        words_.append(_("sans cachet"))
    if last is not None and last.verdict == "intact":
        words_.append(_("intact"))
    if last is not None and last.verdict == "unverifiable":
        words_.append(_("dernière vérification sans réponse"))
        return Badge("none", "none", Markup(", ").join(words_))
    icon = "seal" if seal.get("verdict") == "valid" else "check"
    return Badge("ok", icon, Markup(", ").join(words_))


def _checks(checks: list[Any]) -> list[tuple[Markup, Badge, Markup]]:
    """Name, verdict and detail of each check of a verification."""
    return [
        (said(str(check["name"])), fixity_badge(str(check["verdict"])), said(str(check.get("detail") or "")))
        for check in checks
    ]


def _strip(row: RecordRow, page: int, q: str, reading: Reading) -> list[dict[str, Any]]:
    """Links to the pages around this one, first and last always; a page with hits says how many."""
    count = row.pages or 0
    if count < 2:
        return []
    start = max(1, min(page - _STRIP // 2, count - _STRIP + 1))
    numbers = sorted({1, count, *range(start, min(start + _STRIP, count + 1))})
    return [
        {
            "number": number,
            "href": f"/documents/{row.id}?{urlencode({'page': number} | ({'q': q} if q else {}))}",
            "hits": reading.hits.get(number, 0),
        }
        for number in numbers
    ]


def _downloads(row: RecordRow, forms: dict[str, RepresentationRow]) -> list[Download]:
    texts = {
        "original": (_("Le document reçu"), _("L’original, jamais modifié.")),
        "archival": (_("La copie durable"), _("PDF/A avec son cachet, à transmettre à quelqu’un.")),
        "text": (_("Le texte"), _("ALTO : chaque mot et sa place sur la page.")),
    }
    shown = []
    for kind, (name, why) in texts.items():
        form = forms.get(kind)
        if form is not None:
            what = kind_of(form.media_type, form.filename)
            meta = _("{what}, {size}. {why}", what=what, size=quantities.size(form.size), why=why)
            shown.append(Download(f"/documents/{row.id}/telecharger/{kind}", name, meta))
    evidence = f"/documents/{row.id}/telecharger/preuve"
    shown.append(Download(evidence, _("Le dossier de preuve"), _("ZIP. Quiconque peut tout vérifier sans nous.")))
    return shown


@router.get("/documents/{record_id}/telecharger/{kind}")
def download(
    request: Request,
    record_id: str,
    kind: str,
    person: Annotated[Caller, Depends(PageNeeds("record:read"))],
) -> Response:
    """The same bytes as the API gives, checked on the way; what is wrong is said on a page."""
    system = system_of(request)
    if kind == "preuve":
        from api.views.evidence import evidence_response

        with system.database.read() as session:
            find_record(session, person.tenant, record_id)
        return evidence_response(system, person.tenant, record_id, content=True)
    with system.database.read() as session:
        form = find_representation(session, person.tenant, record_id, kind)
        session.expunge_all()
    return deliver(request, system, form, {"Content-Disposition": attachment(form.filename)})


@router.post("/documents/{record_id}/verifier")
def verify(
    request: Request,
    record_id: str,
    person: Annotated[Caller, Depends(PageNeeds("record:read"))],
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Run every check now and show each."""
    require_csrf(request, csrf)
    from api.views.verification import verify as run_checks

    system = system_of(request)
    with system.database.read() as session:
        find_record(session, person.tenant, record_id)
    checked = run_checks(system, person.tenant, record_id)
    return page_of(request, person, record_id, 1, "", checked=checked, block="verification")


@router.post("/documents/{record_id}/decrire")
async def describe(
    request: Request, record_id: str, person: Annotated[Caller, Depends(PageNeeds("record:describe"))]
) -> Response:
    """Complete or correct the description: a new revision, a new line of the journal."""
    async with request.form() as given:
        form = {name: value for name, value in given.items() if isinstance(value, str)}
    return await run_in_threadpool(_describe, request, person, record_id, form)


def _describe(request: Request, person: Caller, record_id: str, form: dict[str, str]) -> Response:
    require_csrf(request, form.get("csrf", ""))
    system = system_of(request)
    with system.database.read() as session:
        find_record(session, person.tenant, record_id)
    try:
        changes = _changes(form)
        revision = form.get("revision", "")
        holdings.describe(
            system.stores,
            person.tenant,
            record_id,
            changes,
            agent=person.agent,
            expected_revision=int(revision) if revision.isascii() and revision.isdigit() else 0,
        )
    except Refused as error:
        with in_language(request):
            text = said(error.detail, **error.values) + Markup(" ") + said(error.action, **error.values)
            fault = {"href": "#titre" if error.pointer != "/document_date" else "#day", "text": text}
        return page_of(request, person, record_id, 1, "", faults=[fault], status=422, block=None)
    system.notifier.notify()
    return RedirectResponse(f"/documents/{record_id}#decrire", 303)


def _changes(form: dict[str, str]) -> dict[str, Any]:
    title = form.get("title", "").strip()
    if not title:
        raise Refused(
            "bad_field",
            "Le titre est vide.",
            kept="La description est inchangée.",
            action="Écrivez un titre court.",
            pointer="/title",
        )
    written = written_date(form)
    try:
        document_date = date.fromisoformat(written) if written else None
    except ValueError as error:
        raise Refused(
            "bad_field",
            "La date « {written} » n’existe pas.",
            kept="La description est inchangée.",
            action="Écrivez le jour, le mois et l’année, par exemple 31 12 2024.",
            pointer="/document_date",
            written=written,
        ) from error
    empty_or = {name: form.get(name, "").strip() or None for name in ("document_type", "classification", "producer")}
    return {"title": title, "document_date": document_date, **empty_or}
