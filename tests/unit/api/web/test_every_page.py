"""Every page of the application is among those that the browser's tests look at."""

from __future__ import annotations

from fastapi.routing import APIRoute

from api.web.assets import PREFIX
from api.web.site import ROUTERS
from archive.model.identifiers import new_id
from tests.browser.every_page import PAGES, address_of

FILES = {
    f"{PREFIX}/{{path:path}}",
    "/favicon.ico",
    "/chiffres/{name}.csv",
    "/echeances.csv",
    "/tri/verify_sample.py",
    "/bordereaux/{disposal_id}/certificats/{name}",
    "/certificats/{program}",
    "/calendrier/{token}.ics",
    "/depots/{deposit_id}/recepisse.pdf",
    "/documents/{record_id}/telecharger/{kind}",
    "/services/export",
    "/plan/export",
    "/bordereaux/{disposal_id}/liste.csv",
    "/communications/registre.csv",
    "/registres/{register}.csv",
    "/recolements/{report_id}/proces-verbal.pdf",
}
"""Addresses that answer with a file, not with a page."""


def routes() -> list[APIRoute]:
    found = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return [route for route in found if "GET" in route.methods]


def test_the_browser_looks_at_every_page() -> None:
    kept = {
        name: {"id": new_id(), "record_id": new_id(), "hold_id": new_id()}
        for name in (
            "registre",
            "chiffre",
            "convention",
            "dossier",
            "demande",
            "tri",
            "bordereau",
            "copie",
            "saisie",
            "recolement",
            "remise",
            "versement",
        )
    }
    looked_at = [address_of(name, kept).partition("?")[0] for name in PAGES]
    missed = {route.path for route in routes() if not any(route.path_regex.match(path) for path in looked_at)}
    assert missed <= FILES
    assert {route.path for route in routes()} >= FILES
