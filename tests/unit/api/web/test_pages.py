"""Pages over a real database and store, without a browser."""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha384
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from api.access.tables import UserRow
from api.web.assets import HTMX_INTEGRITY, STATIC, Assets
from archive.database.tables import RecordRow
from ingestion.assembly import System
from ingestion.deposits.states import DepositState
from ingestion.tables import DepositRow
from signing.authority import ensure_generated
from tests.holdings import keep

Person = Callable[[str, str], tuple[UserRow, str]]
OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}


@pytest.fixture
def clerk(client: TestClient, person: Person) -> TestClient:
    _, token = person("a", "clerk")
    assert client.post(f"/connexion/{token}", headers=OURS).url.path == "/"
    return client


def csrf(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert found
    return found[1]


def send(client: TestClient, *files: tuple[str, bytes], **fields: str):
    form = {"csrf": csrf(client), "idempotency_key": "k"} | fields
    parts = [("file", (name, content, "application/pdf")) for name, content in files]
    return client.post("/depots", data=form, files=parts, headers=OURS, follow_redirects=False)


# --- getting in -----------------------------------------------------------------------------------


def test_looking_at_a_link_does_not_spend_it(client: TestClient, person: Person) -> None:
    _, token = person("a", "clerk")
    for _ in range(3):
        assert client.get(f"/connexion/{token}").status_code == 200
    assert client.head(f"/connexion/{token}").status_code in {200, 405}
    assert client.post(f"/connexion/{token}", headers=OURS).url.path == "/"


def test_a_link_works_once(client: TestClient, person: Person) -> None:
    _, token = person("a", "clerk")
    client.post(f"/connexion/{token}", headers=OURS)
    client.cookies.clear()
    again = client.post(f"/connexion/{token}", headers=OURS)
    assert again.status_code == 404
    assert "Ce lien ne marche plus" in again.text
    assert "chartrier" not in client.cookies


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://ailleurs.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_another_site_cannot_log_somebody_in(client: TestClient, person: Person, headers: dict[str, str]) -> None:
    _, token = person("a", "clerk")
    assert client.post(f"/connexion/{token}", headers=headers).status_code == 403


def test_strangers_are_led_to_the_login_page(client: TestClient) -> None:
    for path in ("/", "/depots", "/recherche", "/etat", "/documents/x"):
        assert client.get(path, follow_redirects=False).headers["location"] == "/connexion"


def test_the_session_cookie_is_out_of_reach_of_scripts(client: TestClient, person: Person) -> None:
    _, token = person("a", "clerk")
    cookie = client.post(f"/connexion/{token}", headers=OURS, follow_redirects=False).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_logging_out_ends_the_session_on_the_server(clerk: TestClient) -> None:
    cookie = clerk.cookies["chartrier"]
    clerk.post("/deconnexion", data={"csrf": csrf(clerk)}, headers=OURS)
    clerk.cookies.set("chartrier", cookie)
    assert clerk.get("/", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("path", ["/deconnexion", "/depots", "/depots/x/relancer", "/documents/x/verifier"])
def test_no_change_without_the_page_s_own_token(clerk: TestClient, path: str) -> None:
    answer = clerk.post(path, data={"csrf": "faux"}, files={"x": b""} if path == "/depots" else None, headers=OURS)
    assert answer.status_code in {403, 422}
    assert clerk.get("/").status_code == 200
    assert clerk.post(path, data={"csrf": csrf(clerk)}).status_code == 403  # no Origin


# --- depositing -----------------------------------------------------------------------------------


def test_a_deposit_is_received_and_followed(clerk: TestClient) -> None:
    answer = send(clerk, ("arrêté.pdf", b"%PDF-1.4 une page"), title="Arrêté <b>114</b>")
    assert answer.status_code == 303
    page = clerk.get(answer.headers["location"])
    assert page.status_code == 200
    assert "Reçu, rien ne peut plus se perdre" in page.text
    assert "Arrêté &lt;b&gt;114&lt;/b&gt;" in page.text
    assert "<b>114</b>" not in page.text
    assert "Actualiser la page" in page.text


def test_a_second_click_makes_no_second_deposit(clerk: TestClient) -> None:
    first = send(clerk, ("a.pdf", b"%PDF-1.4 a"))
    second = send(clerk, ("a.pdf", b"%PDF-1.4 a"))
    assert first.headers["location"] == second.headers["location"]


def test_one_bad_file_among_many_loses_none_of_the_others(clerk: TestClient) -> None:
    answer = send(clerk, ("a.pdf", b"%PDF-1.4 a"), ("vide.pdf", b""), ("b.pdf", b"%PDF-1.4 b"))
    assert answer.status_code == 422
    assert "vide.pdf" in answer.text
    assert "Ce fichier est vide" in answer.text
    assert "2\u00a0fichiers ont bien été reçus" in answer.text
    listed = clerk.get("/depots").text
    assert "a.pdf" in listed
    assert "b.pdf" in listed


def test_sending_nothing_is_said(clerk: TestClient) -> None:
    answer = send(clerk, ("", b""))
    assert answer.status_code == 422
    assert "Choisissez au moins un fichier" in answer.text


def test_a_date_that_does_not_exist_is_refused_in_words(clerk: TestClient) -> None:
    answer = send(clerk, ("a.pdf", b"%PDF-1.4 a"), day="31", month="6", year="2024")
    assert answer.status_code == 422
    assert "porte un jour qui n’existe pas" in answer.text


def test_a_page_asked_again_with_its_etag_is_not_sent_again(clerk: TestClient) -> None:
    place = send(clerk, ("a.pdf", b"%PDF-1.4 a")).headers["location"]
    tag = clerk.get(place).headers["etag"]
    again = clerk.get(place, headers={"HX-Request": "true", "If-None-Match": tag})
    assert again.status_code == 304
    assert again.text == ""


def test_a_document_kept_and_not_yet_findable_can_be_looked_at_and_asked_about_again(
    clerk: TestClient, bare_system: System, tmp_path: Path
) -> None:
    ensure_generated(bare_system.settings.signing.keys, organisation="Essai", clock=bare_system.clock)
    place = send(clerk, ("a.pdf", b"%PDF-1.4 a")).headers["location"]
    deposit = place.rpartition("/")[2]
    record = keep(bare_system, tmp_path, 1, "a")
    with bare_system.database.write() as session:
        session.execute(update(RecordRow).where(RecordRow.id == record).values(deposit_id=deposit))
        session.execute(update(DepositRow).where(DepositRow.id == deposit).values(state=DepositState.KEPT))
    page = clerk.get(place).text
    assert "data-over" not in page
    assert f'href="/documents/{record}"' in page
    assert f'href="{place}">Actualiser la page</a>' in page


def test_htmx_gets_the_block_alone(clerk: TestClient) -> None:
    place = send(clerk, ("a.pdf", b"%PDF-1.4 a")).headers["location"]
    block = clerk.get(place, headers={"HX-Request": "true"}).text
    assert "<html" not in block
    assert '<ol class="steps">' in block


def test_a_deposit_without_any_field_has_its_receipt_page(clerk: TestClient, bare_system: System) -> None:
    ensure_generated(bare_system.settings.signing.keys, organisation="Essai", clock=bare_system.clock)
    place = send(clerk, ("sans-titre.pdf", b"%PDF-1.4 sans titre")).headers["location"]
    page = clerk.get(f"{place}/recepisse")
    assert page.status_code == 200, page.text
    assert "sans-titre.pdf" in page.text


def test_another_tenant_s_deposit_does_not_exist(clerk: TestClient, person: Person) -> None:
    place = send(clerk, ("secret.pdf", b"%PDF-1.4 secret")).headers["location"]
    _, token = person("b", "clerk")
    clerk.cookies.clear()
    clerk.post(f"/connexion/{token}", headers=OURS)
    for path in (place, f"{place}/recepisse", f"{place}/recepisse.pdf"):
        answer = clerk.get(path)
        assert answer.status_code == 404
        assert "secret" not in answer.text
    assert "secret" not in clerk.get("/depots?tous=1").text


def test_a_reader_sees_no_deposit_form(client: TestClient, person: Person) -> None:
    _, token = person("a", "reader")
    client.post(f"/connexion/{token}", headers=OURS)
    assert 'type="file"' not in client.get("/").text
    assert client.post("/depots", files={"file": b"x"}, headers=OURS).status_code == 403


def test_only_administrators_see_the_state(clerk: TestClient) -> None:
    assert clerk.get("/etat").status_code == 403
    assert "/etat" not in clerk.get("/").text


# --- every page -----------------------------------------------------------------------------------

PAGES = ("/", "/depots", "/depots?etat=incomplets", "/aide", "/accessibilite", "/connexion", "/rien-ici")


@pytest.mark.parametrize("path", PAGES)
def test_no_page_holds_inline_code_or_an_outside_address(clerk: TestClient, path: str) -> None:
    text = clerk.get(path, follow_redirects=True).text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=|hx-on|javascript:", text)
    assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*"', text) == []


def test_errors_are_pages_for_people_and_problems_for_programs(clerk: TestClient) -> None:
    page = clerk.get("/rien-ici")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "Cette page n’existe pas" in page.text
    assert clerk.get("/api/v1/rien-ici").headers["content-type"] == "application/problem+json"


def test_pages_are_french_until_somebody_chooses(client: TestClient) -> None:
    assert '<html lang="fr">' in client.get("/connexion", headers={"Accept-Language": "en"}).text
    client.post("/langue", data={"lang": "en", "retour": "/connexion"}, headers=OURS)
    page = client.get("/connexion").text
    assert '<html lang="en">' in page


@pytest.mark.parametrize(
    "target", ["https://ailleurs.example/", "//ailleurs.example", "/\\ailleurs.example", "javascript:x"]
)
def test_choosing_a_language_leads_nowhere_else(client: TestClient, target: str) -> None:
    answer = client.post("/langue", data={"lang": "en", "retour": target}, headers=OURS, follow_redirects=False)
    assert answer.headers["location"] == "/"


# --- static files ---------------------------------------------------------------------------------


def test_static_files_are_kept_for_ever_under_a_name_that_changes(client: TestClient) -> None:
    style = re.search(r'href="(/static/style\.[0-9a-f]{12}\.css)"', client.get("/connexion").text)
    assert style
    answer = client.get(style[1], headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert client.get("/static/style.css").status_code == 404
    assert client.get("/static/../site.py").status_code == 404
    assert client.get("/static/ORIGIN.md").status_code == 404


def test_the_style_sheet_and_first_page_are_small(client: TestClient) -> None:
    assets = Assets()
    loaded = [assets._by_name[name] for name in ("style.css", "icons.svg", "favicon.svg", "page.js", "htmx.min.js")]
    assert len(loaded[0].plain) <= 14_000
    page = len(gzip.compress(client.get("/connexion").content))
    assert page + sum(len(asset.packed or asset.plain) for asset in loaded) <= 60_000
    assert len(assets._by_name["page.js"].plain) <= 10_000


def test_htmx_is_the_file_its_makers_published() -> None:
    digest = sha384((STATIC / "htmx.min.js").read_bytes()).digest()
    assert f"sha384-{b64encode(digest).decode()}" == HTMX_INTEGRITY
    assert Path(STATIC / "htmx.LICENSE.txt").exists()


def test_the_tight_style_sheet_keeps_its_strings() -> None:
    style = Assets()._by_name["style.css"].plain.decode()
    assert '"\\202f: "' in style
    assert "/*" not in style
    assert style.count("{") == style.count("}")
