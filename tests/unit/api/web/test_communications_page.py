"""The register of communications, without scripts: register, step by step, refusals as typed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access.tables import UserRow

Person = Callable[[str, str], tuple[UserRow, str]]
OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
DAY = {"day": "31", "month": "3", "year": "2026"}


@pytest.fixture
def archivist(client: TestClient, person: Person) -> TestClient:
    _, token = person("a", "archivist")
    client.post(f"/connexion/{token}", headers=OURS)
    return client


def send(client: TestClient, path: str, **form: str) -> Any:
    page = client.get(path).text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    number = re.search(r'name="number" value="([^"]+)"', page)
    assert csrf
    data = {"csrf": csrf[1], "number": number[1] if number else ""} | form
    return client.post(path, data=data, headers=OURS, follow_redirects=False)


def plain(answer: Any) -> str:
    return str(answer.text).replace("\u202f", " ").replace("\xa0", " ")


def entered(client: TestClient, **form: str) -> str:
    given = {"kind": "derogation", "requester": "Zénobie", "subject": "Dossiers de 1962"} | DAY | form
    answer = send(client, "/communications", **given)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_a_derogation_is_registered_and_goes_its_way(archivist: TestClient) -> None:
    assert "Aucune demande." in archivist.get("/communications").text
    path = entered(archivist)
    page = plain(archivist.get(path))
    assert "Réponse le 31 mai 2026 au plus tard." in page
    assert 'value="grant"' not in page
    for step, more in (("send", {}), ("answer", {"agreed": "yes"}), ("grant", {}), ("consult", {}), ("close", {})):
        day = {"day": "2", "month": "4", "year": "2026"}
        answer = send(archivist, path, step=step, text=f"dit {step}", **day, **more)
        assert answer.status_code == 303, answer.text
    page = plain(archivist.get(path))
    assert "Accord du service d’origine" in page
    assert "dit consult" in page
    history = page[page.index("timeline") :]
    assert all(done in history for done in ("Envoyée au service d’origine", "Accordée", "Consultée", "Close"))
    assert not any(act in history for act in ("Envoyer", "Accorder", "Inscrire", "Clore"))
    assert 'name="step"' not in page
    assert "Zénobie" in archivist.get("/communications?etat=closed&q=dossiers").text
    assert "Zénobie" not in archivist.get("/communications?etat=open").text
    assert "Zénobie" in archivist.get("/communications/registre.csv").text


def test_a_refused_form_is_shown_again_as_it_was_filled(archivist: TestClient) -> None:
    answer = send(archivist, "/communications", requester="Zénobie", subject=" ", **DAY)
    assert (answer.status_code, 'href="#objet"' in answer.text, 'value="Zénobie"' in answer.text) == (422, True, True)
    path = entered(archivist)
    answer = send(archivist, path, step="send", text="", **DAY)
    assert (answer.status_code, 'href="#texte"' in answer.text) == (422, True)
    answer = send(archivist, path, step="send", text="Préfecture", day="31", month="2", year="2026")
    assert (answer.status_code, "Préfecture" in answer.text) == (422, True)
    assert send(archivist, path, step="send", text="Préfecture", number="7", **DAY).status_code == 412
    assert "Préfecture" not in archivist.get(path).text


def test_an_early_opening_is_registered_shown_decided_and_withdrawn(archivist: TestClient) -> None:
    opens = {"opens_day": "1", "opens_month": "1", "opens_year": "2030"}
    given = {"kind": "early_opening", "requester": "Archives", "subject": "Voirie 1962"} | opens | DAY
    answer = send(archivist, "/communications", **given, place="XX")
    assert (answer.status_code, 'href="#place"' in answer.text, 'value="XX"' in answer.text) == (422, True, True)
    assert 'value="2030"' in answer.text
    assert 'id="demandeur" name="requester" maxlength="500" required autocomplete="off" value=""' in answer.text
    answer = send(archivist, "/communications", **given)
    assert (answer.status_code, "un seul" in plain(answer)) == (422, True)
    answer = send(archivist, "/communications", **given, producer="voirie")
    assert answer.status_code == 303, answer.text
    path = str(answer.headers["location"])
    page = plain(archivist.get(path))
    assert "Si elle était décidée aujourd’hui :" in page
    assert "<dt>Documents concernés</dt><dd>0</dd>" in page
    assert 'value="grant"' not in page
    for step, more in (("send", {}), ("answer", {"agreed": "yes"}), ("grant", {})):
        day = {"day": "2", "month": "4", "year": "2026"}
        assert send(archivist, path, step=step, text=f"dit {step}", **day, **more).status_code == 303
    page = plain(archivist.get(path))
    assert "En vigueur" in page
    assert "Si elle était décidée" not in page
    assert re.findall(r'<option value="(\w+)"', page) == ["withdraw"]
    assert send(archivist, path, step="withdraw", text="Erreur", **DAY | {"year": "2027"}).status_code == 422
    assert send(archivist, path, step="withdraw", text="Erreur", day="3", month="4", year="2026").status_code == 303
    assert "Retirée" in archivist.get("/communications?nature=early_opening").text


def test_a_refusal_carries_its_remedies(archivist: TestClient) -> None:
    path = entered(archivist, kind="communication")
    assert send(archivist, path, step="refuse", text="Vie privée", **DAY).status_code == 303
    assert "CADA" in archivist.get(path).text


def test_a_clerk_has_no_register(client: TestClient, person: Person) -> None:
    _, token = person("a", "clerk")
    client.post(f"/connexion/{token}", headers=OURS)
    assert client.get("/communications").status_code == 403
    assert "/communications" not in client.get("/").text
