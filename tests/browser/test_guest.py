"""A guest gives a visa on a telephone of 320 pixels, without a script, invited by an archivist."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, SAMPLES, Site, deposit, submitted
from tests.browser.test_every_page import AXE, RULES

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]


def fits(page: Page) -> None:
    """No script, nothing scrolls sideways, every target fits a thumb, axe finds nothing."""
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    small = page.evaluate(
        "() => [...document.querySelectorAll('main button, main select, main input:not([type=hidden], [type=radio])')]"
        ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML.slice(0, 100))"
    )
    assert small == []
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    assert [fault["id"] for fault in found["violations"]] == []


def test_a_guest_on_a_telephone(site: Site, visit: Visit) -> None:
    scopes = "deposit:write,record:read,disposal:write"
    with site.service.client(site.service.key("demo", scopes)) as client:
        kept = deposit(client, SAMPLES / "casse-tronque.pdf", key="seed-guest", title="Registre des visites")
        made = submitted(client, kept["record_id"])
        address = f"/api/v1/disposals/{made['id']}"
        try:
            _invited_and_given(site, visit, made["id"])
            (visa,) = client.get(f"{address}/visas").json()["visas"]
            assert (visa["means"], visa["person"]) == ("guest", "Camille Durand")
            assert [one["decision"] for one in visa["answers"]["groups"]] == ["not_before"]
        finally:
            stopped = client.post(f"{address}/withdraw", json={"reason": "Essai"}, headers={"If-Match": "*"})
            stopped.raise_for_status()


def _invited_and_given(site: Site, visit: Visit, disposal: str) -> None:
    archivist = visit("archivist", java_script_enabled=False)
    archivist.goto(f"{site.address}/bordereaux/{disposal}")
    archivist.get_by_role("link", name="Inviter quelqu’un à donner un visa").click()
    archivist.get_by_label("Nom (obligatoire)").fill("Camille Durand")
    archivist.get_by_label("Fonction (obligatoire)").fill("Directrice des routes")
    archivist.get_by_label("Adresse de courriel").fill("camille@mairie.example")
    archivist.get_by_role("button", name="Inviter").click()
    code = archivist.locator("#code").input_value()
    (link,) = re.findall(r"http\S+/visa/\S+", archivist.locator("#texte").input_value())

    phone = visit(None, viewport=NARROW)
    phone.goto(link)
    expect(phone.get_by_role("heading", level=1)).to_have_text("Votre code")
    fits(phone)
    phone.get_by_label("Code de huit chiffres").fill(code)
    phone.get_by_role("button", name="Ouvrir le bordereau").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Registres de 2012 à 2015")
    fits(phone)
    assert "/visa/bordereau" in phone.url, "the address no longer carries the secret"
    phone.get_by_role("button", name="Document par document").click()
    expect(phone.get_by_role("rowheader", name="Registre des visites")).to_be_visible()
    fits(phone)
    phone.get_by_role("button", name="Revenir aux lignes").click()
    phone.locator("main select").select_option("not_before")
    for name, value in (("Jour", "1"), ("Mois", "1"), ("Année", "2034")):
        phone.get_by_label(name, exact=True).fill(value)
    phone.get_by_role("button", name="Garder ces réponses").click()
    expect(phone.get_by_role("status")).to_contain_text("1 décision à part est gardée")
    phone.get_by_role("radio", name="Accord pour tout le reste").check()
    phone.get_by_role("button", name="Donner mon visa").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Votre visa est donné")
    fits(phone)
    phone.goto(link)
    expect(phone.get_by_role("heading", level=1)).to_have_text("Ce lien a servi")
    fits(phone)
    phone.complaints.clear()  # type: ignore[attr-defined]  # the 410 is meant
