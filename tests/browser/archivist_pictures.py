"""Pictures of the archivist's pages over the archive of a town: ``python -m
tests.browser.archivist_pictures [FOLDER]``.

Desktop and 320 pixels, both without scripts; each page as each role that may open it. What a page
asks of somebody is drawn too: an effect to be confirmed, a form that was refused.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import sync_playwright

from ingestion.assembly import assemble
from ingestion.deposits.states import DepositState
from ingestion.settings import load_settings
from ingestion.tables import DepositRow
from tests.browser.conftest import CHROMIUM_FLAGS, NARROW, ROOT, WIDE, Site
from tests.holdings import receive
from tests.servers.presence import program
from tests.servers.service import Service
from tests.town_archive import ARCHIVIST, TENANT, Person, TownArchive

ROLES: Final = ("archivist", "tenant_admin", "clerk", "reader", "controller")
VIEWS: Final[dict[str, dict[str, Any]]] = {
    "1280": {"viewport": WIDE, "java_script_enabled": False},
    "320": {"viewport": NARROW, "java_script_enabled": False},
}
SENT: Final[dict[str, tuple[str, dict[str, str], str]]] = {
    "type-effet": ("/types/facture", {"#rule": "COM-ADM-009"}, "Voir l’effet"),
    "type-refuse": ("/types", {"#code": "Pas Ça", "#label": "Essai"}, "Voir l’effet"),
    "service-refuse": ("/services", {"#code": "X", "#names": "Essai", "#opened_on-day": "31"}, "Créer le service"),
    "convention-refusee": ("/conventions/FAC-2026", {"#valid_from-day": "31"}, "Enregistrer"),
}
"""Name -> page, what is typed by selector, button."""


def main(folder: Path) -> None:
    """Build the archive, and take every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        service = Service(Path(temporary) / "home")
        service.chartrier("tenant", "create", "demo", "--name", "Commune d’Orvigny", "--pack", "fr-commune")
        service.start()
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=CHROMIUM_FLAGS)
        try:
            with service.client(service.key("demo", ARCHIVIST)) as client:
                second = Person(service, "archivist", "Une seconde archiviste")
                town = TownArchive(service, client, second, Path(temporary))
                town.build()
                second.leave()
                furnish(town)
            site = Site(service, browser)
            site.of_service = "Finances"
            photograph(site, dict(addresses(town)), folder)
        finally:
            browser.close()
            service.stop()


def furnish(town: TownArchive) -> None:
    """Services, a deposit agreement, a deposit set aside and one refused."""
    for given in (
        {"code": "DGS", "names": [{"name": "Direction générale des services"}], "rank": "direction"},
        {
            "code": "FIN",
            "parent": "DGS",
            "names": [
                {"name": "Comptabilité", "valid_until": "2019-12-31"},
                {"name": "Finances", "valid_from": "2020-01-01"},
            ],
        },
    ):
        town.client.post("/api/v1/services", json=given).raise_for_status()
    agreement = {"code": "FAC-2026", "title": "Factures", "services": ["FIN"], "formats": ["application/pdf"]}
    agreement |= {"depositors": [], "defaults": {"document_type": "facture"}, "valid_from": "2026-01-01"}
    town.client.post("/api/v1/deposit-agreements", json=agreement).raise_for_status()
    system = assemble(load_settings(town.service.environment_of_settings))
    try:
        for name in ("aside", "refused"):
            content = f"Bordereau d’envoi {name}".encode()
            town.made[name] = receive(system, content, name, TENANT, title="Bordereau d’envoi").id
            with system.database.write() as session:
                row = session.get_one(DepositRow, town.made[name])
                row.state = DepositState.QUARANTINED
                row.problem = {
                    "code": "malware",
                    "detail": "Un programme malveillant a été reconnu : {name}.",
                    "action": "Un archiviste doit décider.",
                    "values": {"name": "Eicar-Test"},
                }
        refusal = {"reason": "Fichier piégé : renvoyez une copie saine."}
        answer = town.client.post(f"/api/v1/deposits/{town.made['refused']}/refuse", json=refusal)
        print("refused:", answer.status_code, flush=True)
    finally:
        system.close()


def addresses(town: TownArchive) -> Iterator[tuple[str, str]]:
    """Yield every page by name."""
    yield from (("accueil", "/"), ("plan", "/plan"), ("plan-echange", "/plan/echange"), ("entrees", "/entrees"))
    yield "dossier", f"/plan/{town.files['SUB-2007-02']}"
    yield from (("regles", "/regles"), ("regle-nouvelle", "/regles/nouvelle"), ("regle", "/regles/COM-FIN-006"))
    yield from (("jeu", "/regles/jeux/fr-departement"), ("evenements", "/evenements"))
    yield "evenement", "/evenements/MAR-2009-01:1"
    yield from (("gels", "/gels"), ("gel-nouveau", "/gels/nouveau"), ("gel", f"/gels/{town.made['hold query']}"))
    yield "echeances", "/echeances"
    for which in ("to_eliminate", "to_sort", "to_transfer"):
        yield f"echeances-{which}", f"/echeances?liste={which}"
        yield f"echeances-{which}-groupees", f"/echeances?liste={which}&grouper=rule"
    yield from (("communications", "/communications"), ("demande", f"/communications/{town.made['derogation']}"))
    yield "document", f"/documents/{town.made['secret']}"
    yield "occulter", f"/documents/{town.made['secret']}/occulter"
    yield from (("mis-a-part", "/depots?etat=quarantined&tous=1"), ("depot-a-part", f"/depots/{town.made['aside']}"))
    yield "depot-refuse", f"/depots/{town.made['refused']}"
    yield from (
        ("services", "/services"),
        ("service", "/services/FIN"),
        ("types", "/types"),
        ("type", "/types/facture"),
    )
    yield from (("conventions", "/conventions"), ("convention", "/conventions/FAC-2026"))
    yield from (("convention-nouvelle", "/conventions/nouvelle"), ("tri", "/tri"), ("tri-dossiers", "/tri?unite=file"))
    yield from (("tri-un", f"/tri/{town.made['sample']}"), ("tri-nouveau", "/tri/nouveau?regle=COM-FIN-004"))
    yield from (("calendrier", "/echeances/calendrier"), ("entrees-service", "/entrees?service=Finances"))


def photograph(site: Site, pages: dict[str, str], folder: Path) -> None:
    """Take a picture of each page in each view, as each role that may see it."""
    for role in ROLES:
        for view, options in VIEWS.items():
            with site.visitor(role, **options) as page:
                for name, path in pages.items():
                    answer = page.goto(site.address + path)
                    if answer is not None and answer.ok:
                        page.screenshot(path=folder / f"{role}-{view}-{name}.png", full_page=True)
                    told = "" if answer is None else str(answer.status)
                    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth") if told else False
                    if told != "200" or wide:
                        print(role, view, name, told, "is wider than the window" if wide else "", flush=True)
                for name, (path, typed, button) in SENT.items() if role == "archivist" else ():
                    page.goto(site.address + path)
                    for selector, value in typed.items():
                        box = page.locator(selector)
                        if selector == "#rule":
                            box.select_option(value)
                        else:
                            box.fill(value)
                    page.get_by_role("button", name=button, exact=True).click()
                    page.screenshot(path=folder / f"{role}-{view}-{name}.png", full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "pictures" / "archivist")
