"""The HTTP application: routes, pages and error answers around an assembled system."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from api.access.permissions import check_permissions
from api.access.rates import Rates
from api.http import errors
from api.http.cursors import Cursors
from api.middleware import SMALL_BODY, Middleware, allowed_hosts
from api.operations.health import Health
from api.operations.traffic import Traffic
from api.routes import (
    access_requests,
    accessions,
    certificates,
    deposit_agreements,
    deposits,
    disposal_execution,
    disposal_opinions,
    disposal_paper,
    disposals,
    documentation,
    due,
    files,
    health,
    holds,
    invitations,
    journal,
    keys,
    me,
    plan,
    plan_exchange,
    quarantine,
    records,
    redactions,
    reports,
    retention_events,
    retention_rules,
    rule_packs,
    samples,
    search,
    security,
    seda,
    seda_deliveries,
    services,
    trust,
    verifications,
)
from api.version import VERSION
from api.web import site
from archive.disposition.disposals.population import MOST_LINES
from archive.disposition.holds.candidates import MOST_RECORDS

if TYPE_CHECKING:
    from ingestion.assembly import System

VERIFICATION_BODY = 512 * 1024 * 1024
REPLY_BODY = 128 * 1024 * 1024
LIST_BODY = 65 * 1024 * 1024


def create_app(system: System) -> FastAPI:
    """Make the HTTP application of a system: API, pages, health and documentation.

    Raises:
        RuntimeError: A route has no declared permission.
    """
    settings = system.settings
    app = FastAPI(
        title="Chartrier",
        version=VERSION,
        summary="Service d’archives des administrations.",
        docs_url=None,  # FastAPI's page loads its scripts from elsewhere; ours is api/routes/documentation.py
        redoc_url=None,
        openapi_url=None,
        routes=_routes(),
    )
    app.state.system = system
    app.state.public_url = settings.api.public_url
    app.state.secure = settings.api.public_url.startswith("https://")
    app.state.health = Health(system)
    app.state.rates = Rates()
    app.state.traffic = Traffic()
    app.state.cursors = Cursors.of_installation(settings.signing.keys / "log.key")
    errors.install(app)
    large_bodies = {
        "/api/v1/holds": MOST_RECORDS * 48 + SMALL_BODY,
        "/api/v1/disposals": MOST_LINES * 200 + SMALL_BODY,
        "/api/v1/deposits": settings.ingestion.max_deposit_bytes + SMALL_BODY,
        "/api/v1/seda/deliveries": MOST_LINES * 200 + SMALL_BODY,
        "/api/v1/seda/deliveries/*/replies": REPLY_BODY,
        "/api/v1/seda/transfers": settings.ingestion.max_deposit_bytes + SMALL_BODY,
        "/api/v1/verifications": VERIFICATION_BODY,
    }
    large_bodies |= dict.fromkeys(site.SCANS, VERIFICATION_BODY) | dict.fromkeys(site.LISTS, LIST_BODY)
    large_bodies.update(dict.fromkeys(site.LARGE_BODIES, settings.ingestion.max_deposit_bytes + SMALL_BODY))
    site.register(app)
    app.add_middleware(
        Middleware,
        hosts=allowed_hosts(settings.api),
        large_bodies=large_bodies,
        secure=app.state.secure,
        traffic=app.state.traffic,
    )
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Make the routes, which know no system, once a process: to resolve them takes a moment."""
    table = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    table.include_router(_api(), prefix="/api/v1", responses=_PROBLEMS)
    for router in (health.router, documentation.router, security.router, trust.router, *site.ROUTERS):
        table.include_router(router)
    check_permissions(table, site.OPEN_MOUNTS)
    return table.routes


def _api() -> APIRouter:
    api = APIRouter()
    modules = (
        deposits,
        deposit_agreements,
        quarantine,
        accessions,
        access_requests,
        records,
        redactions,
        reports,
        plan,
        plan_exchange,
        files,
        retention_events,
        retention_rules,
        rule_packs,
        due,
        holds,
        samples,
        disposal_execution,
        disposals,
        seda,
        certificates,
        disposal_opinions,
        disposal_paper,
        invitations,
        seda_deliveries,
        services,
        search,
        journal,
        verifications,
    )
    for module in (*modules, keys, me):
        api.include_router(module.router)
    return api


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": description}
    for status, description in (
        (401, "Pas de clé, ou clé refusée."),
        (403, "Droit manquant."),
        (422, "Demande refusée."),
        (503, "Base, magasin ou index momentanément absents."),
    )
}
