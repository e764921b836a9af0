"""Pictures of the pages, wide and at 320 pixels, light and dark: ``python -m tests.browser.pictures
[FOLDER]``.

Starts the service on a home of its own, deposits the samples as a clerk would, and photographs what
people see.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM_FLAGS, NARROW, ROOT, SAMPLES, WIDE, Site
from tests.servers.service import Service, deposit


def main(folder: Path) -> None:
    """Take every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        service = Service(Path(temporary) / "home")
        service.chartrier("tenant", "create", "demo", "--name", "Archives de la Vallée-Haute")
        service.start()
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
        try:
            site = Site(service, browser)
            with service.client(service.key()) as client:
                for sample in json.loads((SAMPLES / "manifest.json").read_text(encoding="utf-8"))["samples"]:
                    if not (SAMPLES / sample["file"]).stat().st_size:
                        continue
                    view = deposit(client, SAMPLES / sample["file"], key=sample["file"], **sample.get("fields", {}))
                    site.kept[sample["file"]] = view
            for label, options in (
                ("large", {"viewport": WIDE}),
                ("320", {"viewport": NARROW}),
                ("sombre", {"viewport": WIDE, "color_scheme": "dark"}),
            ):
                with site.visitor("platform_admin", **options) as page:
                    photograph(site, page, folder, label)
        finally:
            browser.close()
            service.stop()


def photograph(site: Site, page: Page, folder: Path, label: str) -> None:
    """One round of the pages."""
    word = "délibération"
    document = site.kept["deliberations.pdf"]
    scan = site.kept["scan-gris-6-pages.pdf"]
    page.goto(site.address + "/")
    if label == "large":
        page.set_input_files("#fichiers", SAMPLES / "scan-gris-6-pages.pdf")
        page.get_by_role("button", name="Envoyer aux archives").click()
        page.locator("#suivi progress").wait_for(timeout=20_000)
        page.screenshot(path=folder / f"depot-en-cours-{label}.png", full_page=True)
        page.locator("#suivi [data-over]").wait_for(timeout=120_000)
    for name, path in (
        ("connexion", "/connexion/inconnu"),
        ("accueil", "/"),
        ("depot", f"/depots/{scan['id']}"),
        ("recherche", f"/recherche?q={word}"),
        ("document", f"/documents/{scan['record_id']}?q=article"),
        ("document-texte", f"/documents/{document['record_id']}?q={word}"),
        ("signe", f"/documents/{site.kept['convention-signee.pdf']['record_id']}"),
        ("recepisse", f"/depots/{scan['id']}/recepisse"),
        ("etat", "/etat"),
    ):
        page.goto(site.address + path, wait_until="networkidle")
        page.screenshot(path=folder / f"{name}-{label}.png", full_page=True)
    page.goto(f"{site.address}/verifier")
    page.set_input_files("#f", SAMPLES / "convention-signee.pdf")
    page.get_by_role("button", name="Vérifier").click()
    page.locator(".stamp").wait_for()
    page.screenshot(path=folder / f"verifier-{label}.png", full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "pictures")
