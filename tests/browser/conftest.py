"""The real service with a few kept documents, and Debian's Chromium on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.towns import STOCKTAKING
from tests.paper import pages_of, scanned
from tests.servers.presence import program
from tests.servers.service import Service, deposit

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 320, "height": 800}


class Site:
    """The service as people see it.

    Attributes:
        service: The running service.
        kept: Deposit views of the documents that were there before the tests.
        of_service: Service of the people who are made; empty: of none.
    """

    def __init__(self, service: Service, browser: Browser) -> None:
        self.service = service
        self.kept: dict[str, dict[str, Any]] = {}
        self.of_service = ""
        self._browser = browser
        self._states: dict[str, Any] = {}

    @property
    def address(self) -> str:
        """``http://127.0.0.1:port``."""
        return self.service.address

    def link(self, role: str) -> str:
        """A one-time link of a new person."""
        wanted = ("user", "create", "Agent de démonstration", "--role", role, "--tenant", "demo", "--json")
        done = self.service.chartrier(*wanted, *(("--service", self.of_service) if self.of_service else ()))
        made: dict[str, str] = json.loads(done.stdout)
        return made["link"]

    @contextmanager
    def visitor(self, role: str | None = "platform_admin", **options: Any) -> Iterator[Page]:
        """A page of a browser of one's own, logged in with a role, or a stranger's."""
        options = {"locale": "fr-FR", "viewport": WIDE} | options
        context = self._browser.new_context(storage_state=self._state(role), **options)
        try:
            yield watched(context)
        finally:
            context.close()

    def _state(self, role: str | None) -> Any:
        if role is None:
            return None
        if role not in self._states:
            context = self._browser.new_context(java_script_enabled=False)
            page = context.new_page()
            page.goto(self.link(role))
            page.get_by_role("button", name="Se connecter").click()
            self._states[role] = context.storage_state()
            context.close()
        return self._states[role]

    def record(self, name: str) -> str:
        """Address of a kept document's page."""
        return f"{self.address}/documents/{self.kept[name]['record_id']}"


def watched(context: BrowserContext) -> Page:
    """A page on which anything the browser complains about fails the test."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )
    outside: list[str] = []
    page.on(
        "request",
        lambda request: (
            outside.append(request.url) if not request.url.startswith(("http://127.0.0.1:", "data:")) else None
        ),
    )
    page.complaints = complaints  # type: ignore[attr-defined]
    page.outside = outside  # type: ignore[attr-defined]
    return page


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = program("chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    service = Service(tmp_path_factory.mktemp("home") / "home")
    service.chartrier("tenant", "create", "demo", "--name", "Archives de la Vallée-Haute")
    service.start()
    try:
        made = Site(service, browser)
        scopes = "deposit:write,record:read,record:describe,retention:write,hold:write,disposal:write"
        with service.client(service.key("demo", scopes)) as client:
            made.kept = seeded(client)
            producing(client)
            made.kept["dossier"] = planned(client, made.kept["chiffre"]["record_id"])
            held = {"reason": "Contentieux du marché 2026-12", "records": [made.kept["chiffre"]["record_id"]]}
            placed = client.post("/api/v1/holds", json=held).raise_for_status().json()
            made.kept["chiffre"] = {**made.kept["chiffre"], "hold_id": placed["id"]}
            event = {"id": "fin-du-bail", "event": "contract_end", "reference": "BAIL-2019-3"}
            client.post("/api/v1/retention/events", json=event | {"occurred_on": "2024-06-30"}).raise_for_status()
            asked = {"kind": "derogation", "requester": "Une chercheuse", "subject": "Dossiers d’expropriation de 1962"}
            registered = client.post("/api/v1/access-requests", json=asked | {"registered_on": "2026-03-31"})
            made.kept["demande"] = registered.raise_for_status().json()
            made.kept["recolement"] = taken_stock(client)
            made.kept["tri"] = sampled(client, made.kept["dossier"]["id"])
            made.kept["bordereau"] = submitted(client, made.kept["registre"]["record_id"])
            made.kept["remise"] = submitted(client, made.kept["convention"]["record_id"], "transfer")
            package = client.post("/api/v1/seda/transfers", content=b"<Rien/>", headers={"Content-Type": "text/xml"})
            made.kept["versement"] = package.raise_for_status().json()
            made.kept["copie"], made.kept["saisie"] = signed_on_paper(made, made.kept["bordereau"]["id"])
            # once checked, a page shows every check with its whole digests: the widest words there
            # are
            client.post(f"/api/v1/records/{made.kept['convention']['record_id']}/verifications").raise_for_status()
        yield made
    finally:
        service.stop()


def submitted(client: httpx2.Client, record: str, action: str = "destroy") -> dict[str, Any]:
    """Draft a bordereau of a record and submit it."""
    told = {"action": action, "title": "Registres de 2012 à 2015", "records": [record]}
    made = client.post("/api/v1/disposals", json=told).raise_for_status().json()
    sent = client.post(f"/api/v1/disposals/{made['id']}/submit", headers={"If-Match": "*"})
    return dict(sent.raise_for_status().json())


def signed_on_paper(site: Site, disposal: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Print a bordereau, bring its scan and enter the visa, without scripts."""
    with site.visitor("archivist", java_script_enabled=False) as page:
        page.goto(f"{site.address}/bordereaux/{disposal}/papier")
        printed = page.request.get(f"{site.address}/api/v1/disposals/{disposal}/paper").body()
        file: Any = {"name": "copie.pdf", "mimeType": "application/pdf", "buffer": scanned(pages_of(printed))}
        page.get_by_label("Copie numérisée").set_input_files(file)
        page.get_by_role("button", name="Joindre la copie").click()
        assert "/papier/" in page.url, page.locator("main").inner_text()
        scan = page.url.rpartition("/")[2]
        page.get_by_label("Nom (obligatoire)").fill("Hélène Vaucressan")
        page.get_by_label("En quelle qualité").fill("Directrice, par délégation")
        today = datetime.now(UTC)
        for label, value in (("Jour", today.day), ("Mois", today.month), ("Année", today.year)):
            page.get_by_label(label, exact=True).first.fill(str(value))
        page.get_by_label("Accord pour tout le reste").check()
        page.get_by_role("button", name="Enregistrer la saisie").click()
        address = page.get_by_role("link", name="Hélène Vaucressan").get_attribute("href") or ""
        return {"id": scan}, {"id": address.rpartition("/")[2]}


def producing(client: httpx2.Client) -> None:
    """Describe two services, one below the other, and make an agreement with the lower one."""
    names = [{"name": "Direction des routes", "valid_until": "2015-12-31"}, {"name": "Direction des mobilités"}]
    names[1]["valid_from"] = "2016-01-01"
    for given in (
        {"code": "ROUTES", "rank": "direction", "names": names},
        {"code": "ENTRETIEN", "rank": "bureau", "parent": "ROUTES", "names": [{"name": "Entretien des ponts"}]},
    ):
        client.post("/api/v1/services", json=given).raise_for_status()
    terms = {"code": "CONV-1", "title": "Plans des ponts", "services": ["ENTRETIEN"], "formats": ["application/pdf"]}
    client.post("/api/v1/deposit-agreements", json=terms | {"max_per_month": 200}).raise_for_status()


def taken_stock(client: httpx2.Client) -> dict[str, Any]:
    """A stocktaking whose minutes are sealed."""
    asked = client.post("/api/v1/stocktakings", json=STOCKTAKING).raise_for_status().json()
    for _ in range(150):
        found: dict[str, Any] = client.get(f"/api/v1/reports/{asked['id']}").raise_for_status().json()
        if found["state"] == "issued":
            return found
        time.sleep(0.2)
    raise AssertionError(found)


def planned(client: httpx2.Client, record: str) -> dict[str, Any]:
    """Make a small filing plan; return a file of it that holds a record."""
    nodes, above = "/api/v1/classification/nodes", None
    for code, title in (("2", "Finances et marchés"), ("2.3", "Marchés publics")):
        given = {"kind": "class", "code": code, "title": title, "parent_id": above}
        above = client.post(nodes, json=given).raise_for_status().json()["id"]
    given = {"code": "MAR-2021-07", "title": "Réfection du pont de la Vallée", "parent_id": above}
    file: dict[str, Any] = client.post("/api/v1/files", json=given).raise_for_status().json()
    client.post(f"/api/v1/files/{file['id']}/records", json={"records": [record]}).raise_for_status()
    return file


def sampled(client: httpx2.Client, file: str) -> dict[str, Any]:
    """A population of one file, decided about by years."""
    wanted = {"title": "Marchés publics 2021", "unit": "file", "units": [file]}
    asked = client.post("/api/v1/samples", json=wanted | {"criterion": {"method": "years", "endings": [1]}})
    made: dict[str, Any] = asked.raise_for_status().json()
    client.post(f"/api/v1/samples/{made['id']}/draw").raise_for_status()
    return made


def seeded(client: httpx2.Client) -> dict[str, dict[str, Any]]:
    """Documents of several kinds, kept and findable."""
    return {
        name: deposit(client, SAMPLES / file, key=f"seed-{name}", **fields)
        for name, file, fields in (
            (
                "registre",
                "scan-gris-6-pages.pdf",
                {
                    "title": "Registre numérisé, verso blanc",
                    "document_type": "registre",
                    "document_date": "2024-03-12",
                    "classification": "2.3/2024",
                },
            ),
            ("convention", "convention-signee.pdf", {"title": "Convention signée par un tiers"}),
            (
                "chiffre",
                "casse-chiffre.pdf",
                {"title": "Document chiffré", "document_type": "courrier", "document_date": "2025-01-02"},
            ),
        )
    }


@pytest.fixture
def visit(site: Site) -> Iterator[Callable[..., Page]]:
    """``visit("clerk", width=320, scripts=False)``: a page.

    Its complaints fail the test at the end.
    """
    opened: list[tuple[Page, Any]] = []

    def open_page(role: str | None = "platform_admin", **options: Any) -> Page:
        manager = site.visitor(role, **options)
        page = manager.__enter__()
        opened.append((page, manager))
        return page

    yield open_page
    for page, manager in opened:
        complaints, outside = page.complaints, page.outside  # type: ignore[attr-defined]
        manager.__exit__(None, None, None)
        assert complaints == []
        assert outside == []
