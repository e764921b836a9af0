"""Pictures of the archivist's pages over the archive of a town: ``python -m
tests.browser.archivist_pictures [FOLDER]``.

Desktop, 320 pixels and without scripts; each page as each role that may open it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM_FLAGS, NARROW, ROOT, WIDE, Site
from tests.servers.presence import program
from tests.servers.service import Service
from tests.town_archive import ARCHIVIST, Person, TownArchive

ROLES: Final = ("archivist", "tenant_admin", "platform_admin", "clerk", "reader")
VIEWS: Final[dict[str, dict[str, Any]]] = {
    "large": {"viewport": WIDE},
    "320": {"viewport": NARROW},
    "sans-scripts": {"viewport": WIDE, "java_script_enabled": False},
}


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
            photograph(Site(service, browser), dict(addresses(town)), folder)
        finally:
            browser.close()
            service.stop()


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
    yield "mis-a-part", "/depots?etat=quarantined&tous=1"


def photograph(site: Site, pages: dict[str, str], folder: Path) -> None:
    """Take a picture of each page in each view, as each role that may see it."""
    for role in ROLES:
        for view, options in VIEWS.items():
            with site.visitor(role, **options) as page:
                for name, path in pages.items():
                    answer = page.goto(site.address + path)
                    if answer is not None and answer.ok:
                        page.screenshot(path=folder / f"{role}-{view}-{name}.png", full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "pictures" / "archivist")
