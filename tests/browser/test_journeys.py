"""What people do, each with JavaScript and without it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SAMPLES, Site
from tests.servers.service import deposit

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
BOTH = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


def wait_until_kept(page: Page) -> None:
    """Wait as a person does: by looking, or by asking for the page again."""
    for _ in range(240):
        if page.locator("#suivi [data-over]").count():
            return
        refresh = page.get_by_role("link", name="Actualiser la page")
        if page.evaluate("typeof htmx") == "undefined" and refresh.count():
            refresh.click()
        page.wait_for_timeout(500)
    raise AssertionError(page.locator("#suivi").inner_text())


@BOTH
def test_a_clerk_logs_in_deposits_follows_finds_and_logs_out(
    site: Site, visit: Visit, tmp_path: Path, scripts: bool
) -> None:
    page = visit(None, java_script_enabled=scripts)
    page.goto(f"{site.address}/")
    expect(page).to_have_url(f"{site.address}/connexion")
    page.goto(site.link("clerk"))
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bonjour, Agent de démonstration")

    page.set_input_files("#fichiers", SAMPLES / "scan-couleur.jpg")
    page.get_by_text("Décrire le document maintenant").click()
    title = f"Courrier du journal de bord {scripts}"
    page.get_by_label("Titre").fill(title)
    page.get_by_label("Type de document").select_option("courrier")
    for name, value in (("Jour", "5"), ("Mois", "2"), ("Année", "2024")):
        page.get_by_label(name).fill(value)
    page.get_by_role("button", name="Envoyer aux archives").click()

    expect(page.get_by_text("Reçu, rien ne peut plus se perdre")).to_be_visible()
    wait_until_kept(page)
    if scripts:
        expect(page.locator("#annonce")).to_contain_text("Conservé")
    page.get_by_role("link", name="Voir le document", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator(".leaf img")).to_be_visible()

    page.get_by_role("searchbox").fill(f'"journal de bord {scripts}"')
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator("#compte")).to_contain_text("1\u00a0document")
    expect(page.get_by_role("link", name=title)).to_be_visible()

    page.locator(".menu summary").click()
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page).to_have_url(f"{site.address}/connexion")
    page.goto(f"{site.address}/depots")
    expect(page).to_have_url(f"{site.address}/connexion")


def truth(name: str) -> list[str]:
    return re.findall(r"[A-Za-zÀ-ÿ]{8,}", (SAMPLES / "truth" / f"{name}.txt").read_text(encoding="utf-8"))


@BOTH
def test_searched_words_are_boxed_on_the_scan(site: Site, visit: Visit, scripts: bool) -> None:
    page = visit(java_script_enabled=scripts)
    word = truth("scan-gris-6-pages")[3]
    page.goto(f"{site.address}/recherche?q={word}")
    page.get_by_role("link", name="Registre numérisé, verso blanc").first.click()
    box = page.locator(".leaf rect").first
    link = page.locator(".strip a:has(mark)").first
    if not box.count():
        link.click()
    expect(page.locator(".leaf rect").first).to_be_visible()
    drawn = page.evaluate("""() => {
        const image = document.querySelector('.leaf img').getBoundingClientRect();
        return [...document.querySelectorAll('.leaf rect')].map(r => r.getBoundingClientRect()).every(
            b => b.left >= image.left && b.right <= image.right && b.top >= image.top
                && b.bottom <= image.bottom && b.width > 4 && b.height > 4) }""")
    assert drawn
    expect(page.locator(".quote mark").first).to_be_visible()
    for _ in range(100):  # the picture is made on demand
        if page.evaluate("document.querySelector('.leaf img').naturalWidth") == 900:
            return
        page.wait_for_timeout(100)
    raise AssertionError("the picture of the page did not come")


@BOTH
def test_pages_of_a_document_turn(site: Site, visit: Visit, scripts: bool) -> None:
    page = visit(java_script_enabled=scripts)
    page.goto(site.record("registre"))
    first = page.locator("#feuille").inner_text()
    page.get_by_role("navigation", name="Pages du document").get_by_role("link", name="3").click()
    expect(page.locator("#lire")).to_have_text(re.compile(r"Page 3 sur"))
    assert page.locator("#feuille").inner_text() != first
    expect(page).to_have_url(re.compile("page=3"))
    page.go_back()
    expect(page.locator("#lire")).to_have_text(re.compile(r"Page 1 sur"))


@BOTH
def test_verify_now_shows_each_check(site: Site, visit: Visit, scripts: bool) -> None:
    page = visit(java_script_enabled=scripts)
    page.goto(site.record("registre"))
    page.get_by_role("button", name="Vérifier maintenant").click()
    expect(page.get_by_role("heading", name="Vérifié à l’instant")).to_be_visible(timeout=60_000)
    assert page.locator("#verification .steps li").count() >= 3
    assert page.locator("#verification .steps li.bad").count() == 0
    page.goto(site.record("registre"))
    expect(page.get_by_text("Dernière vérification")).to_be_visible()


@BOTH
def test_facets_narrow_and_can_be_taken_off(site: Site, visit: Visit, scripts: bool) -> None:
    page = visit(java_script_enabled=scripts)
    page.goto(f"{site.address}/recherche")
    before = page.locator("#compte").inner_text()
    page.get_by_label("Registre").check()
    if not scripts:
        page.get_by_role("button", name="Appliquer").click()
    expect(page.locator(".chip")).to_have_count(1)
    expect(page).to_have_url(re.compile("document_type=registre"))
    assert page.locator("#compte").inner_text() != before
    assert page.get_by_label("Registre").is_checked()
    page.locator(".chip").click()
    expect(page.locator("#compte")).to_have_text(before)


@BOTH
def test_a_search_without_a_result_says_what_to_do(site: Site, visit: Visit, scripts: bool) -> None:
    page = visit(java_script_enabled=scripts)
    page.goto(f"{site.address}/recherche?q=xylophonequadrature+introuvable")
    expect(page.get_by_role("heading", name="Aucun document ne contient")).to_be_visible()
    expect(page.get_by_text("essayez-en un seul")).to_be_visible()


def test_a_broken_search_names_the_place(site: Site, visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    page.goto(f"{site.address}/recherche?q=%22sans+fin")
    expect(page.get_by_role("alert")).to_contain_text("au caractère")
    expect(page.get_by_label("Des mots, un numéro")).to_have_value('"sans fin')
    page.complaints.clear()  # type: ignore[attr-defined]


@BOTH
def test_anybody_can_verify_a_file(site: Site, visit: Visit, tmp_path: Path, scripts: bool) -> None:
    site.service.chartrier("checkpoint")  # before its entry is sealed, the answer is to come back in a minute
    page = visit(None, java_script_enabled=scripts)
    page.goto(f"{site.address}/verifier")
    page.set_input_files("#f", SAMPLES / "scan-gris-6-pages.pdf")
    page.get_by_role("button", name="Vérifier").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ce document est bien celui que nous gardons")
    expect(page.get_by_text("Sans valeur probante", exact=True)).to_be_visible()
    strange = tmp_path / "inconnu.txt"
    strange.write_text("Nous n’avons jamais vu ce fichier.", encoding="utf-8")
    page.set_input_files("#f", strange)
    page.get_by_role("button", name="Vérifier").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nous ne connaissons pas ce fichier")


def test_an_evidence_bundle_verifies_on_the_public_page(site: Site, visit: Visit, tmp_path: Path) -> None:
    page = visit(java_script_enabled=False)
    page.goto(site.record("registre"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Le dossier de preuve").click()
    bundle = tmp_path / "preuve.zip"
    download.value.save_as(bundle)
    stranger = visit(None, java_script_enabled=False)
    stranger.goto(f"{site.address}/verifier")
    stranger.set_input_files("#f", bundle)
    stranger.get_by_role("button", name="Vérifier").click()
    expect(stranger.get_by_role("heading", level=1)).to_have_text(re.compile("dossier de preuve"))
    assert stranger.locator(".steps li").count() >= 5


def test_the_original_downloads_byte_for_byte(site: Site, visit: Visit, tmp_path: Path) -> None:
    page = visit(java_script_enabled=False)
    page.goto(site.record("registre"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Le document reçu").click()
    target = tmp_path / "recu.pdf"
    download.value.save_as(target)
    assert target.read_bytes() == (SAMPLES / "scan-gris-6-pages.pdf").read_bytes()


def test_a_document_that_could_not_be_read_says_so(site: Site, visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    page.goto(site.record("chiffre"))
    expect(page.get_by_text("L’original est gardé tel qu’il a été reçu.").first).to_be_visible()
    assert page.locator(".notice.warn li").count() >= 1


def test_the_receipt_is_a_page_and_a_pdf(site: Site, visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    page.goto(f"{site.address}/depots/{site.kept['registre']['id']}/recepisse")
    expect(page.get_by_text("Reçu et relu")).to_be_visible()
    digest = site.kept["registre"]["digests"]["sha-256"]
    assert digest in page.locator("main").inner_text().replace(" ", "")
    expect(page.get_by_text("Sans valeur probante", exact=True)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Télécharger en PDF").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")


def test_an_archivist_completes_a_description(site: Site, visit: Visit) -> None:
    page = visit("archivist", java_script_enabled=False)
    page.goto(site.record("convention"))
    form = page.get_by_role("region", name="Décrire")
    form.get_by_label("Type de document").first.select_option("marche_travaux")
    form.get_by_label("Référence de l’affaire").fill("MAR-2021-07")
    form.get_by_label("Règle d’accès").select_option("AR048")
    day, end = (form.get_by_role("group", name=name) for name in ("Date du document", "Date de clôture"))
    for name, value in (("Jour", "31"), ("Mois", "6"), ("Année", "2024")):
        day.get_by_label(name).fill(value)
    page.get_by_role("button", name="Enregistrer la description").click()
    expect(page.get_by_role("alert")).to_contain_text(
        re.compile("Date du document.* porte un jour qui n’existe pas.*2024-06-31")
    )
    page.complaints.clear()  # type: ignore[attr-defined]  # the 422 is meant
    expect(day.get_by_label("Jour")).to_have_attribute("aria-invalid", "true")
    for box, value in (("Référence de l’affaire", "MAR-2021-07"), ("Règle d’accès", "AR048")):
        expect(form.get_by_label(box)).to_have_value(value)
    page.get_by_role("alert").get_by_role("link").click()
    expect(day.get_by_label("Jour")).to_be_focused()
    day.get_by_label("Jour").fill("30")
    page.get_by_role("button", name="Enregistrer la description").click()
    expect(page.locator("header .soft").first).to_contain_text("30\u00a0juin\u00a02024")
    kept = page.get_by_role("region", name="Garder et communiquer")
    expect(kept).to_contain_text("il manque la date de clôture")
    page.get_by_text("Compléter ou corriger la description").click()
    for name, value in (("Jour", "1"), ("Mois", "7"), ("Année", "2024")):
        end.get_by_label(name).fill(value)
    page.get_by_role("button", name="Enregistrer la description").click()
    expect(kept).to_contain_text("1er\u00a0juillet\u00a02034")


def test_the_administrator_sees_what_the_proofs_rest_on(site: Site, visit: Visit) -> None:
    page = visit("platform_admin", java_script_enabled=False)
    page.goto(f"{site.address}/etat")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tout fonctionne")
    for text in ("Sans valeur probante", "Indicatif"):
        expect(page.get_by_text(text).first).to_be_visible()


def test_a_flipped_byte_in_the_store_is_found_said_and_never_handed_out(site: Site, visit: Visit) -> None:
    with site.service.client(site.service.key()) as client:
        kept = deposit(client, SAMPLES / "casse-un-point.png", key="flipped", title="Document qui sera altéré")
        forms = client.get(f"/api/v1/records/{kept['record_id']}").json()["representations"]
    stored = site.service.home / "store" / next(form["store"]["key"] for form in forms if form["kind"] == "original")
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    modified_at = stored.stat().st_mtime  # the lock's date
    stored.chmod(0o644)
    stored.write_bytes(content)
    os.utime(stored, (modified_at, modified_at))
    page = visit(java_script_enabled=False)
    page.goto(f"{site.address}/documents/{kept['record_id']}")
    page.get_by_role("button", name="Vérifier maintenant").click()
    assert page.locator("#verification .steps li.bad").count() >= 1
    page.goto(f"{site.address}/documents/{kept['record_id']}")
    expect(page.get_by_text("ce n’est plus ce qui a été reçu et gardé")).to_be_visible()
    page.get_by_role("link", name="Le document reçu").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ce document ne peut pas être remis")
    page.goto(f"{site.address}/etat")
    expect(page.get_by_text("1\u00a0document touché")).to_be_visible()
    page.complaints.clear()  # type: ignore[attr-defined]  # the 409 is meant


def test_english_is_a_choice(site: Site, visit: Visit) -> None:
    page = visit(None, java_script_enabled=False)
    page.goto(f"{site.address}/verifier")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Verify a document")
    assert page.locator("html").get_attribute("lang") == "en"
    page.get_by_role("button", name="Français").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Vérifier un document")


def test_json_of_a_page_is_what_the_api_says(site: Site, visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    page.goto(site.record("registre"))
    page.get_by_role("link", name="Voir cette page en JSON").click()
    body = json.loads(page.locator("body").inner_text())
    assert body["id"] == site.kept["registre"]["record_id"]
