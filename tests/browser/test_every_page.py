"""What holds for every page: accessibility rules, narrow screens, keyboard, dark, no dead link."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, WIDE, Site
from tests.browser.every_page import PAGES, address_of

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def open_page(site: Site, visit: Visit, name: str, **options: object) -> Page:
    page = visit(PAGES[name][0], **options)
    page.goto(site.address + address_of(name, site.kept))
    page.complaints[:] = [c for c in page.complaints if "404" not in c and "403" not in c]  # type: ignore[attr-defined]
    for details in page.locator("main details").all():
        details.evaluate("e => e.open = true")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(site: Site, visit: Visit, name: str, scheme: str) -> None:
    page = open_page(site, visit, name, color_scheme=scheme)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    told = [
        f"{fault['id']}: {fault['help']}: {[node['html'][:160] for node in fault['nodes']][:3]}"
        for fault in found["violations"]
    ]
    assert told == []


def test_axe_would_find_a_fault(site: Site, visit: Visit) -> None:
    page = open_page(site, visit, "accueil")
    page.evaluate("document.querySelector('label[for=q]').remove()")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    assert "label" in {fault["id"] for fault in found["violations"]}


@pytest.mark.parametrize("name", PAGES)
def test_nothing_scrolls_sideways_at_320_pixels(site: Site, visit: Visit, name: str) -> None:
    page = open_page(site, visit, name, viewport=NARROW)
    beyond = page.evaluate(
        """() => [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 321
            && getComputedStyle(e).position !== 'absolute').map(e => e.outerHTML.slice(0, 120)).slice(0, 3)"""
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, beyond


@pytest.mark.parametrize("name", PAGES)
def test_main_targets_can_be_hit_by_a_thumb(site: Site, visit: Visit, name: str) -> None:
    page = open_page(site, visit, name, viewport=NARROW)
    small = page.evaluate(
        """controls => [...document.querySelectorAll(controls)]
            .filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5)
            .map(e => e.outerHTML.slice(0, 100))""",
        "main button, main .btn, main input:not([type=hidden], [type=checkbox], [type=radio]), main select, .tabs a,"
        " main label:has(> [type=radio])",
    )
    assert small == []


def test_no_link_is_dead(site: Site, visit: Visit) -> None:
    """Each page is read by a role that may, and whatever it offers that role may open."""
    roles = {role or "platform_admin" for role, _ in PAGES.values()}
    pages = {role: visit(role, java_script_enabled=False) for role in roles}
    seen: dict[tuple[str, str], int] = {}
    dead = []
    for name, (role, _) in PAGES.items():
        path = address_of(name, site.kept)
        if path in {"/rien-ici", "/connexion/inconnu", "/visa/inconnu", "/visa/bordereau"}:
            continue
        page = pages[role := role or "platform_admin"]
        page.goto(site.address + path)
        for href in page.eval_on_selector_all("a[href]", "links => links.map(l => l.getAttribute('href'))"):
            target = urljoin(page.url, href)
            address, fragment = target.split("#")[0], urlsplit(target).fragment
            if (role, address) not in seen:
                seen[role, address] = page.request.get(address).status
            if seen[role, address] >= 400:
                dead.append(f"{path}: {href}: {seen[role, address]} for {role}")
            if fragment and address == page.url.split("#")[0] and not page.locator(f"[id='{fragment}']").count():
                dead.append(f"{path}: {href}: no such place")
    assert dead == []
    assert len(seen) > 20


def test_the_keyboard_alone_logs_in_and_searches(site: Site, visit: Visit) -> None:
    page = visit(None)
    page.goto(site.link("clerk"))
    page.keyboard.press("Enter")  # the one button has the focus
    expect(page.get_by_role("heading", level=1)).to_contain_text("Bonjour")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Aller au contenu"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Aller à la recherche"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("registre")
    page.keyboard.press("Enter")
    expect(page.locator("#compte")).to_contain_text("pour")


def test_every_control_shows_where_the_focus_is(site: Site, visit: Visit) -> None:
    page = visit("platform_admin", viewport=WIDE)
    page.goto(site.address + "/")
    for _ in range(25):
        page.keyboard.press("Tab")
        width = page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        assert width >= 2 or page.evaluate("document.activeElement === document.body")


def test_words_in_the_margin_keep_off_the_line_below(site: Site, visit: Visit) -> None:
    page = open_page(site, visit, "plan", viewport=WIDE)
    paddings = page.evaluate(
        "[...document.querySelectorAll('.row > header')].map(e => parseFloat(getComputedStyle(e).paddingBottom))"
    )
    assert len(paddings) > 1
    assert min(paddings) >= 16


def test_the_policy_of_the_service_is_strict(site: Site, visit: Visit) -> None:
    page = visit(None)
    answer = page.goto(site.address + "/connexion")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_nothing_is_left_in_the_browser_s_storage(site: Site, visit: Visit) -> None:
    page = visit("platform_admin")
    page.goto(site.address + "/recherche?q=commune")
    page.goto(site.record("registre"))
    page.get_by_role("navigation", name="Pages du document").get_by_role("link").nth(1).click()
    page.wait_for_timeout(500)
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_the_first_page_is_light(site: Site, visit: Visit) -> None:
    page = visit(None)
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto(site.address + "/connexion", wait_until="networkidle")
    assert sum(sizes) <= 60_000


def test_print_leaves_out_what_is_not_paper(site: Site, visit: Visit) -> None:
    page = visit("platform_admin")
    page.goto(f"{site.address}/depots/{site.kept['registre']['id']}/recepisse")
    page.emulate_media(media="print")
    for hidden in (".tabs", ".foot", ".noprint"):
        expect(page.locator(hidden).first).not_to_be_visible()
