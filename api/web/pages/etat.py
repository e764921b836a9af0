"""The administrator's page: each part, what waits, how much room is left, what the proofs rest on."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from typing import Annotated, Any

from cryptography import x509
from fastapi import APIRouter, Depends
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import PageNeeds
from api.http.i18n import _, ngettext, said
from api.operations.health import AWAY, DEGRADED, OK, Component, Health, overall
from api.version import VERSION
from api.web import quantities
from api.web.progress import Badge
from api.web.render import in_language, pages_of, system_of
from archive.custody import reports
from archive.database.tables import CheckpointRow, RecordRow, VerificationRow
from archive.journal.sequencer import size
from ingestion.deposits.states import UNFINISHED
from ingestion.tables import DepositRow
from signing.ground.clock import parse_stamp
from signing.ground.errors import ChartrierError

router = APIRouter(include_in_schema=False)

_NAMES = {
    "database": "Base de données",
    "store": "Coffre de stockage",
    "broker": "File des travaux",
    "worker": "Lecture et conversion",
    "search": "Recherche",
    "journal": "Journal des preuves",
}
_BADGES = {
    OK: ("ok", "check", "Fonctionne"),
    DEGRADED: ("warn", "warn", "À surveiller"),
    AWAY: ("bad", "cross", "Ne répond pas"),
}
_EXPIRY_WARNING = timedelta(days=90)
_SHOWN_DAMAGES = 10


@router.get("/etat")
def state(request: Request, person: Annotated[Caller, Depends(PageNeeds("admin"))]) -> Response:
    """The state of the installation."""
    system = system_of(request)
    health: Health = request.app.state.health
    components = health.components()
    now = system.clock()
    with in_language(request):
        shown = [(_(_NAMES.get(c.name, c.name)), _badge(c), _since(c, now), said(c.detail)) for c in components]
        return pages_of(request).answer(
            request,
            "etat.html",
            tab="etat",
            help_anchor="etat",
            json_href="/health/ready",
            now=now,
            overall=overall(components),
            title=_title(components),
            troubles=[item for item in shown if item[1].kind != "ok"],
            components=shown,
            counts=_counts(components),
            **_truth(system, person.tenant, now),
            disk=shutil.disk_usage(system.settings.home),
            seal=_seal(system, now),
            timestamper=system.timestamper.name,
            timestamps_probative=system.timestamper.probative,
            assurance=system.store.assurance,
            probe=_probe(health),
            custody=_custody(system),
            version=VERSION,
        )


def _badge(component: Component) -> Badge:
    kind, icon, word = _BADGES[component.state]
    return Badge(kind, icon, _(word))


def _since(component: Component, now: datetime) -> str:
    if component.since is None:
        return ""
    return f"{quantities.near_day(component.since, now)}, {quantities.hour(component.since)}"


def _title(components: tuple[Component, ...]) -> Markup:
    away = sum(component.state == AWAY for component in components)
    if away:
        return ngettext("Un composant ne répond pas", "{n} composants ne répondent pas", away)
    if any(component.state == DEGRADED for component in components):
        return _("Le service fonctionne, un point est à surveiller")
    return _("Tout fonctionne")


def _counts(components: tuple[Component, ...]) -> str:
    found = [
        (sum(c.state == OK for c in components), "{n} fonctionne", "{n} fonctionnent"),
        (sum(c.state == DEGRADED for c in components), "{n} à surveiller", "{n} à surveiller"),
        (sum(c.state == AWAY for c in components), "{n} arrêté", "{n} arrêtés"),
    ]
    return ", ".join(str(ngettext(one, many, n)) for n, one, many in found if n)


def _truth(system: Any, tenant: str, now: datetime) -> dict[str, Any]:
    """What the database knows; an empty answer when it is away, since the page must still come out."""
    empty: dict[str, Any] = {
        "queue": [],
        "oldest": None,
        "records": 0,
        "verified": 0,
        "damaged": [],
        "doubtful": [],
        "checkpoint": None,
        "entries": 0,
    }
    try:
        with system.database.read() as session:
            return empty | _read(session, tenant, now)
    except ChartrierError:
        return empty


def _read(session: Session, tenant: str, now: datetime) -> dict[str, Any]:
    waiting = select(func.count(), func.min(DepositRow.received_at)).where(
        DepositRow.tenant_id == tenant, DepositRow.state.in_(UNFINISHED)
    )
    queue = []
    oldest: datetime | None = None
    for name, low, high in (
        (_("Un agent devant son écran"), 0, 4),
        (_("Dépôts en nombre"), 5, 8),
        (_("Travaux de nuit"), 9, 9),
    ):
        number, first = session.execute(waiting.where(DepositRow.priority.between(low, high))).one()
        queue.append((name, number, quantities.span((now - first).total_seconds()) if number else "–"))
        oldest = min((moment for moment in (oldest, first) if moment), default=None)
    latest = (
        select(func.max(VerificationRow.id).label("id"))
        .join(RecordRow, RecordRow.id == VerificationRow.record_id)
        .where(RecordRow.tenant_id == tenant)
        .group_by(VerificationRow.record_id)
        .subquery()
    )
    not_intact = (
        select(RecordRow.id, RecordRow.title, VerificationRow.verdict)
        .join(VerificationRow, VerificationRow.record_id == RecordRow.id)
        .join(latest, latest.c.id == VerificationRow.id)
        .limit(_SHOWN_DAMAGES)
    )
    damaged = session.execute(not_intact.where(VerificationRow.verdict.in_(("altered", "missing")))).all()
    doubtful = session.execute(not_intact.where(VerificationRow.verdict == "unverifiable")).all()
    return {
        "queue": queue,
        "oldest": quantities.span((now - oldest).total_seconds()) if oldest else None,
        "records": session.scalar(select(func.count()).select_from(RecordRow).where(RecordRow.tenant_id == tenant))
        or 0,
        "verified": session.scalar(select(func.count()).select_from(latest)) or 0,
        "damaged": [(f"/documents/{record}", title, verdict) for record, title, verdict in damaged],
        "doubtful": [(f"/documents/{record}", title) for record, title, _verdict in doubtful],
        "checkpoint": session.scalar(select(CheckpointRow).order_by(CheckpointRow.number.desc()).limit(1)),
        "entries": size(session),
    }


_RUNS = {"reconcile": "Rapprochement", "copies": "Seconde copie", "rebuild": "Reconstruction"}


def _custody(system: Any) -> list[tuple[str, Badge, datetime, int]]:
    """The latest look at the whole holdings, of each kind; empty when the database is away."""
    try:
        with system.database.read() as session:
            rows = [reports.latest(session, name) for name in _RUNS]
    except ChartrierError:
        return []
    shown: list[tuple[str, Badge, datetime, int]] = []
    for row in rows:
        if row is None:
            continue
        found = int(row.facts.get("open", sum(row.facts.get("counts", {}).values())))
        if row.ended_at is None:
            badge = Badge("warn", "warn", _("En cours"))
        elif row.verdict == reports.AGREED:
            badge = Badge("ok", "check", _("Tout concorde"))
        else:
            badge = Badge("bad", "cross", ngettext("{n} écart", "{n} écarts", found))
        shown.append((_(_RUNS[row.name]), badge, row.ended_at or row.started_at, found))
    return shown


def _probe(health: Health) -> tuple[datetime, str] | None:
    """When the store was last tried, and what came of it."""
    shown = health.probe()
    return (parse_stamp(shown["at"]), said(shown["reason"])) if shown is not None else None


def _seal(system: Any, now: datetime) -> dict[str, Any]:
    """Who seals, until when, and whether it would convince a judge."""
    try:
        certificate = x509.load_der_x509_certificate(system.signer.certificate)
    except ChartrierError as error:
        return {"badge": Badge("bad", "cross", _("Ne répond pas")), "subject": str(error), "until": None}
    until = certificate.not_valid_after_utc
    subject = ", ".join(str(part.value) for part in certificate.subject)
    if until <= now:
        badge = Badge("bad", "cross", _("Expiré"))
    elif until - now < _EXPIRY_WARNING:
        badge = Badge("warn", "warn", _("Expire bientôt"))
    elif not system.signer.probative:
        badge = Badge("warn", "warn", _("Sans valeur probante"))
    else:
        badge = Badge("ok", "seal", _("Valable"))
    return {"badge": badge, "subject": subject, "until": until, "probative": system.signer.probative}
