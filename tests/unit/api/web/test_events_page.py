"""Events on their pages: the effect is shown before the button, refusals keep what was typed."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access.tables import UserRow
from archive.catalogue import events
from ingestion.assembly import System

Person = Callable[[str, str], tuple[UserRow, str]]
OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
END = {"event": "contract_end", "reference": "BAIL-3", "day": "30", "month": "6", "year": "2024", "reason": "Fini"}


@pytest.fixture
def archivist(client: TestClient, person: Person) -> TestClient:
    _, token = person("a", "archivist")
    client.post(f"/connexion/{token}", headers=OURS)
    return client


def send(client: TestClient, path: str, **form: str) -> Any:
    """Send a form of the page, with its token."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/evenements").text)
    assert found
    return client.post(path, data=form | {"csrf": found[1]}, headers=OURS)


def hidden(text: str) -> dict[str, str]:
    """The hidden boxes of the form that confirms."""
    part = text[text.index('id="effet"') :]
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', part)}


def test_an_event_is_foreseen_declared_corrected_and_withdrawn(archivist: TestClient, bare_system: System) -> None:
    def told() -> list[tuple[str, str]]:
        with bare_system.database.read() as session:
            found = events.page(session, "a")
        return [(one.change, one.occurrence.occurred_on.isoformat()) for one in found]

    shown = send(archivist, "/evenements", **END)
    assert "0 document porte cette référence" in unescape(shown.text).replace("\xa0", " ")
    assert "pour les documents versés plus tard" in shown.text
    assert told() == [], "nothing before the confirmation"
    done = archivist.post("/evenements", data=hidden(shown.text), headers=OURS)
    assert (done.status_code, done.url.query) == (200, b"affaire=BAIL-3")
    assert told() == [("declared", "2024-06-30")]
    address = re.findall(r'href="(/evenements/[^"]+)"', done.text)[0]
    assert "Fini" in archivist.get(address).text

    shown = send(archivist, address, **END | {"day": "31", "month": "7", "number": "1"})
    archivist.post(address, data=hidden(shown.text), headers=OURS)
    assert told() == [("corrected", "2024-07-31")]
    late = send(archivist, address, **END | {"number": "1", "confirm": "1"})
    assert (late.status_code, "Quelqu’un d’autre l’a modifié" in late.text) == (412, True)
    shown = send(archivist, address, **END | {"number": "2", "withdraw": "1"})
    page = archivist.post(address, data=hidden(shown.text), headers=OURS)
    assert told() == [("withdrawn", "2024-07-31")]
    assert page.text.count("Retiré") == 2
    assert "Déclaré" in page.text
    assert "Corrigé" in page.text


def test_a_refused_event_keeps_what_was_typed(archivist: TestClient, person: Person) -> None:
    for change, words in (
        ({"reference": " "}, "toucherait tous les documents"),
        ({"day": "31"}, "n’existe pas"),
        ({"day": "", "month": "", "year": ""}, "La date de l’événement manque"),
        ({"event": "death_date", "year": "2999"}, "dans l’avenir"),
    ):
        answer = send(archivist, "/evenements", **END | change)
        assert (answer.status_code, words in unescape(answer.text)) == (422, True), change
        assert ">Fini</textarea>" in answer.text
    assert archivist.get("/evenements/inconnu").status_code == 404
    _, token = person("a", "reader")
    archivist.post(f"/connexion/{token}", headers=OURS)
    assert "Aucun événement déclaré." in archivist.get("/evenements").text
    assert "Voir l’effet" not in archivist.get("/evenements").text
