"""The pages of rules: effect first, then the version; validated by another person; packs."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access.sessions import COOKIE, Opened, use_login_link
from ingestion.assembly import System

FORM = {
    "code": "FIN-3",
    "label": "Factures",
    "legal_text": "code de commerce, art. L123-22",
    "duration": "10",
    "unit": "YEAR",
    "start_event": "fiscal_year_end",
    "final_action": "destroy",
}
Act = Callable[..., Any]


@pytest.fixture
def archivist(bare_system: System, person: Any) -> Callable[[], Opened]:
    """Somebody new, logged in."""

    def make() -> Opened:
        _, token = person("a", "archivist")
        with bare_system.database.write() as session:
            return use_login_link(session, token, bare_system.clock())

    return make


def send(client: TestClient, who: Opened, path: str, **form: str) -> Any:
    client.cookies.clear()
    client.cookies.set(COOKIE, who.token)
    origin = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
    return client.post(path, data=form | {"csrf": str(who.caller.csrf)}, headers=origin, follow_redirects=False)


def show(client: TestClient, who: Opened, path: str) -> str:
    client.cookies.clear()
    client.cookies.set(COOKIE, who.token)
    answer = client.get(path, headers={"Host": "127.0.0.1"})
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def test_effect_first_then_version_then_another_person(client: TestClient, archivist: Callable[[], Opened]) -> None:
    anne, bruno = archivist(), archivist()
    first = send(client, anne, "/regles/nouvelle", **FORM)
    assert (first.status_code, "À confirmer" in first.text) == (200, True)
    assert "FIN-3" not in show(client, anne, "/regles"), "shown, and nothing made"
    made = send(client, anne, "/regles/nouvelle", **FORM, confirm="1")
    assert (made.status_code, made.headers["location"]) == (303, "/regles/FIN-3")
    assert "Valider la version 1" not in show(client, anne, "/regles/FIN-3")
    own = send(client, anne, "/regles/FIN-3/valider", number="1")
    assert (own.status_code, "seconde personne" in own.text) == (403, True)
    assert "Valider la version 1" in show(client, bruno, "/regles/FIN-3")
    assert send(client, bruno, "/regles/FIN-3/valider", number="1", basis="visa").status_code == 303
    assert "visa" in show(client, anne, "/regles/FIN-3")
    changed = FORM | {"duration": "5", "confirm": "1"}
    assert send(client, anne, "/regles/FIN-3/version", **changed, number="1").status_code == 303
    late = send(client, bruno, "/regles/FIN-3/version", **changed, number="1")
    assert late.status_code == 412


def test_a_wrong_field_comes_back_as_typed(client: TestClient, archivist: Callable[[], Opened]) -> None:
    answer = send(client, archivist(), "/regles/nouvelle", **FORM | {"duration": "dix"})
    assert answer.status_code == 422
    assert 'href="#duration"' in answer.text
    assert 'value="dix"' in answer.text


def test_lines_of_a_pack_are_taken_over_or_set_aside(client: TestClient, archivist: Callable[[], Opened]) -> None:
    anne, pack = archivist(), "/regles/jeux/fr-commune"
    assert "COM-ELE-003" in show(client, anne, f"{pack}?mots=émargement")
    without = send(client, anne, pack, code="COM-ELE-003", decision="ecarter")
    assert (without.status_code, "pourquoi" in without.text) == (422, True)
    assert send(client, anne, pack, code="COM-ELE-003", decision="ecarter", reason="Autre usage").status_code == 303
    assert "COM-ELE-003" not in show(client, anne, f"{pack}?mots=émargement")
    assert "Autre usage" in show(client, anne, f"{pack}?suite=ecartees")
    assert send(client, anne, pack, code="COM-ELE-003", decision="reprendre").status_code == 303
    assert "COM-ELE-003" not in show(client, anne, f"{pack}?suite=toutes&mots=émargement")
    assert "COM-ELE-003" in show(client, anne, "/regles?validees=non&mots=COM-ELE-003&tri=documents")


def test_lines_of_a_pack_come_in_pages_each_in_words(client: TestClient, archivist: Callable[[], Opened]) -> None:
    anne, address, seen = archivist(), "/regles/jeux/fr-commune", []
    while address:
        page = show(client, anne, address)
        seen += re.findall(r'<li class="flow" id="([^"]+)"><h2>([^<]+)</h2>', page)
        more = re.search(r'href="([^"]+)" rel="next"', page)
        address = html.unescape(more[1]) if more else ""
    assert len({code for code, _label in seen}) == len(seen) > 100
    assert ("COM-FIN-006", "Factures (fonctionnement et investissement)") in seen
    assert "[NV]" not in show(client, anne, "/regles/jeux/fr-commune?mots=COM-ADM-006")
    assert "Source non lue." in show(client, anne, "/regles/jeux/fr-commune?mots=COM-ADM-006")


def test_a_rule_names_its_access_in_words(client: TestClient, archivist: Callable[[], Opened]) -> None:
    anne = archivist()
    send(client, anne, "/regles/jeux/fr-commune", code="COM-FIN-006", decision="reprendre")
    assert re.search(
        r"Règle d’accès[^<]*: aucun délai particulier \(AR038\)", show(client, anne, "/regles/COM-FIN-006")
    )


def test_the_day_of_a_version_is_typed_in_three_parts(client: TestClient, archivist: Callable[[], Opened]) -> None:
    anne, day = archivist(), {"valid_from-day": "1", "valid_from-month": "2", "valid_from-year": "2026"}
    wrong = send(client, anne, "/regles/nouvelle", **FORM, **day | {"valid_from-month": "13"})
    assert (wrong.status_code, 'href="#valid_from-day"' in wrong.text, 'value="13"' in wrong.text) == (422, True, True)
    shown = send(client, anne, "/regles/nouvelle", **FORM, **day)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', shown.text))
    assert send(client, anne, "/regles/nouvelle", **{**FORM, **hidden}).status_code == 303
    assert "À partir du 1er février 2026." in show(client, anne, "/regles/FIN-3").replace("\u00a0", " ")
