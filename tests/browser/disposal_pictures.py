"""Pictures of a year in the life of a bordereau: ``python -m tests.browser.disposal_pictures
[FOLDER]``.

Drafted with an exclusion, visaed by a guest on a telephone and on paper, held in its midst,
executed, certified; registers and a stocktaking beside. Desktop and 320 pixels, without scripts,
each page as each role that may open it.
"""

from __future__ import annotations

import io
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pypdfium2
import structlog
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from api.access.sessions import COOKIE, open_session
from api.access.tables import UserRow
from tests.bordereau_people import API, Office, Somebody, office_of, somebody
from tests.bordereaux import Town, Watch
from tests.browser.conftest import CHROMIUM_FLAGS, NARROW, ROOT, WIDE
from tests.guests import invited, token_of
from tests.holdings import opened
from tests.paper import pages_of, scanned
from tests.servers.presence import program
from tests.servers.process import free_port

VIEWS = {"1280": WIDE, "320": NARROW}


@dataclass
class Album:
    """Pictures of one service's pages as each of its people sees them."""

    office: Office
    browser: Browser
    address: str
    folder: Path
    people: dict[str, Somebody]
    taken: int = field(default=0)

    def pages(self, stage: str, paths: dict[str, str], *roles: str) -> None:
        """Take pictures of pages at one stage; all roles where none is named."""
        for role in roles or tuple(self.people):
            for view in VIEWS:
                with self._visitor(role, view) as page:
                    for name, path in paths.items():
                        answer = page.goto(self.address + path)
                        told = "" if answer is None else str(answer.status)
                        self.shot(page, f"{stage}-{name}", role, view, told)

    def shot(self, page: Page, name: str, role: str, view: str, told: str = "200") -> None:
        """Keep a picture; say what is no picture of a page, or wider than its window."""
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        if told != "200" or wide:
            print(role, view, name, told, "is wider than the window" if wide else "", flush=True)
        if told != "403":
            page.screenshot(path=self.folder / f"{name}-{role}-{view}.png", full_page=True)
            self.taken += 1

    @contextmanager
    def _visitor(self, role: str, view: str) -> Iterator[Page]:
        system = self.office.town.system
        with system.database.write() as session:
            user = session.get_one(UserRow, self.people[role].user)
            token = open_session(session, user, system.clock()).token
        with self.blank(view) as page:
            page.context.add_cookies([{"name": COOKIE, "value": token, "url": self.address}])
            yield page

    @contextmanager
    def blank(self, view: str) -> Iterator[Page]:
        """A browser without an account and without scripts."""
        size = VIEWS[view]
        context = self.browser.new_context(viewport=size, java_script_enabled=False, locale="fr-FR")  # type: ignore[arg-type]
        try:
            yield context.new_page()
        finally:
            context.close()


def main(folder: Path) -> None:
    """Live the year, and take every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        home, watch, port = Path(temporary), Watch(), free_port()
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
        with opened(home / "home", clock=watch, CHARTRIER_PUBLIC_URL=f"http://127.0.0.1:{port}") as system:
            office = office_of(Town(system, home, watch), bon=24)
            browser = playwright.chromium.launch(executable_path=program("chromium"), args=CHROMIUM_FLAGS)
            with served(office, port) as address:
                people = {"archivist": office.anne, "second": office.denis, "controller": office.claire}
                people |= {role: somebody(office.town, office.app, role, role) for role in ("clerk", "tenant_admin")}
                album = Album(office, browser, address, folder, people)
                live(album)
                print(album.taken, "pictures", flush=True)
            browser.close()


@contextmanager
def served(office: Office, port: int) -> Iterator[str]:
    """Serve the application of this process, whose clock is the town's."""
    server = uvicorn.Server(uvicorn.Config(office.app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def live(album: Album) -> None:
    """From the due list to the certificate."""
    office = album.office
    records = office.due(12)
    listed = {"liste": "/echeances?liste=to_eliminate", "nouveau": "/bordereaux/nouveau"}
    album.pages("01-echeances", listed, "archivist")
    made = office.draft(records)
    path, page = f"{API}/{made['id']}", f"/bordereaux/{made['id']}"
    excluded: dict[str, Any] = {"decision": "exclude", "comment": "Encore utile au service"}
    answer = office.anne.change("PATCH", f"{path}/lines/{records[0]}", **excluded)
    assert answer.status_code == 200, answer.text
    album.pages("02-projet", {"bordereau": page, "lignes": f"{page}?groupe=1", "liste": "/bordereaux"})
    assert office.anne.change("POST", f"{path}/submit").status_code == 200
    album.pages("03-soumis", {"bordereau": page, "accueil": "/", "invitations": f"{page}/invitations"})
    guest_gives(album, made["id"])
    paper_gives(album, made["id"], records[2])
    album.pages("06-delai", {"bordereau": page, "accueil": "/"})
    hold: dict[str, Any] = {"reason": "Contentieux du gymnase", "records": [records[3]]}
    held = office.anne.change("POST", "/api/v1/holds", **hold)
    print("hold", held.status_code, held.text[:200] if held.status_code >= 300 else "", flush=True)
    execute(album, made["id"], records[5])


def guest_gives(album: Album, disposal: str) -> None:
    """The head of the service gives a visa on a telephone."""
    made = invited(album.office, disposal)
    token, code = token_of(made), made["code"]
    for view in VIEWS:
        with album.blank(view) as page:
            page.goto(f"{album.address}/visa/inconnu")
            album.shot(page, "04-invite-lien-faux", "guest", view)
            page.goto(f"{album.address}/visa/{token}")
            album.shot(page, "04-invite-code", "guest", view)
            if view != "320":
                continue
            page.locator("input[name=code]").fill("00000000")
            page.get_by_role("button", name="Ouvrir le bordereau").click()
            album.shot(page, "04-invite-code-faux", "guest", view)
            page.goto(f"{album.address}/visa/{token}")
            page.locator("input[name=code]").fill(code)
            page.get_by_role("button", name="Ouvrir le bordereau").click()
            album.shot(page, "04-invite-bordereau", "guest", view)
            page.locator("input[name=reste][value=approve]").check()
            page.get_by_role("button", name="Donner mon visa").click()
            album.shot(page, "04-invite-confirmer", "guest", view)
            for button in page.locator("button[name=suite], button.main").all()[:1]:
                button.click()
            album.shot(page, "04-invite-fini", "guest", view)
            page.goto(f"{album.address}/visa/{token}")
            album.shot(page, "04-invite-lien-servi", "guest", view)
    after = {"bordereau": f"/bordereaux/{disposal}", "courriels": "/courriels"}
    album.pages("04-apres-visa", after, "archivist", "controller")


def paper_gives(album: Album, disposal: str, refused: str) -> None:
    """The controller signs on paper, and refuses a line."""
    office, path, page = album.office, f"{API}/{disposal}", f"/bordereaux/{disposal}"
    album.pages("05-papier", {"papier": f"{page}/papier"}, "archivist", "controller")
    printed = office.anne.ask("GET", f"{path}/paper?detail=lines").content
    draw(printed, album.folder / "05-papier-imprime")
    files = {"file": ("copie.pdf", scanned(pages_of(printed)), "application/pdf")}
    scan = office.anne.ask("POST", f"{path}/scans", files=files).json()
    album.pages("05-papier", {"saisie": f"{page}/papier/{scan['id']}"}, "archivist")
    told: dict[str, Any] = {
        "means": "paper",
        "decision": "approve",
        "person": "Hélène Vaucressan",
        "quality": "Directrice",
    }
    told |= {"given_on": office.day.isoformat(), "scan": scan["id"]}
    lines = [{"record_id": refused, "decision": "keep_definitively", "comment": "Intérêt historique"}]
    answer = office.anne.change("POST", f"{path}/visas", **told, lines=lines)
    assert answer.status_code == 200, answer.text
    visa = next(v["id"] for v in office.anne.ask("GET", f"{path}/visas").json()["visas"] if v["state"] == "entered")
    album.pages("05-papier", {"confirmation": f"{page}/saisie/{visa}"}, "second", "archivist")
    assert office.denis.change("POST", f"{path}/visas/{visa}/confirm").status_code == 200


def execute(album: Album, disposal: str, gone: str) -> None:
    """Confirmed, executed, certified; registers and a stocktaking."""
    office, path, page = album.office, f"{API}/{disposal}", f"/bordereaux/{disposal}"
    system = office.town.system
    answer = office.anne.change("POST", f"{path}/execute")
    assert answer.status_code == 200, answer.text
    album.pages("07-confirme", {"bordereau": page}, "archivist", "controller")
    office.town.runs_until("2026-06-20")
    for _ in range(3):
        system.statements.settle()
        system.publisher.publish(force_token=True)
        system.dispose()
    after = {"bordereau": page, "lignes": f"{page}?groupe=1", "elimine": f"/documents/{gone}"}
    album.pages("08-execute", after | {"accueil": "/", "liste": "/bordereaux"})
    certificate = office.anne.ask("GET", f"{path}/certificate", headers={"Accept": "application/pdf"})
    print("certificate", certificate.status_code, len(certificate.content), flush=True)
    if certificate.status_code == 200:
        draw(certificate.content, album.folder / "08-certificat")
    people = {"outgoing": "Paul Ancel", "incoming": "Rose Vidal", "archivist": "Anne"}
    given: dict[str, Any] = {role: {"name": name, "quality": "maire"} for role, name in people.items()}
    taken = office.anne.change("POST", "/api/v1/stocktakings", elected_on="2026-03-22", **given)
    assert taken.status_code < 300, taken.text
    for _ in range(3):
        system.statements.settle()
        system.publisher.publish(force_token=True)
        system.stocktaker.run()
    minutes = office.anne.ask("GET", f"/api/v1/reports/{taken.json()['id']}/file")
    draw(minutes.content, album.folder / "09-recolement")
    album.pages("09-etats", {"registres": "/registres", "versements": "/versements"})


def draw(content: bytes, stem: Path) -> None:
    """Keep a picture of each page of a PDF."""
    with pypdfium2.PdfDocument(io.BytesIO(content)) as document:
        for number in range(min(len(document), 3)):
            document[number].render(scale=1.4).to_pil().save(f"{stem}-{number + 1}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "pictures" / "bordereaux")
