"""Decisions on what was set aside, by page and API; a virus is served on a second click only."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from archive.database.tables import RecordRow
from ingestion.assembly import System
from ingestion.tables import DepositRow
from tests.holdings import keep, receive

KeyOf = Callable[..., str]
OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}


@pytest.fixture
def aside(bare_system: System) -> str:
    deposit = receive(bare_system, b"%PDF piege", "piege", tenant="a")
    with bare_system.database.write() as session:
        row = session.get_one(DepositRow, deposit.id)
        row.state = "quarantined"
        row.problem = {"code": "malware", "detail": "Virus {name}", "action": "", "values": {"name": "EICAR"}}
    return str(deposit.id)


@pytest.fixture
def infected(bare_system: System, tmp_path: Path) -> str:
    record = keep(bare_system, tmp_path, 1, "a")
    with bare_system.database.write() as session:
        row = session.get_one(RecordRow, record)
        row.verdicts = dict(row.verdicts) | {"virus": {"verdict": "infected", "tool": "t", "at": None}}
    return record


def csrf(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert found
    return found[1]


def state(system: System, deposit_id: str) -> str:
    with system.database.read() as session:
        return session.get_one(DepositRow, deposit_id).state


def test_an_archivist_refuses_with_a_reason_and_takes_it_back(
    client: TestClient, person: Any, bare_system: System, aside: str
) -> None:
    client.post(f"/connexion/{person('a', 'archivist')[1]}", headers=OURS)
    assert "Garder tel quel" in client.get(f"/depots/{aside}").text
    form = {"csrf": csrf(client), "reason": " "}
    refused = client.post(f"/depots/{aside}/refuser", data=form, headers=OURS)
    assert refused.status_code == 422
    assert "Le motif du refus manque" in refused.text
    assert state(bare_system, aside) == "quarantined"
    shown = client.post(f"/depots/{aside}/refuser", data=form | {"reason": "Fichier piégé"}, headers=OURS)
    assert "Fichier piégé" in shown.text
    assert "puis détruits" in shown.text
    assert state(bare_system, aside) == "refused"
    client.post(f"/depots/{aside}/garder", data=form, headers=OURS)
    assert state(bare_system, aside) == "working"


def test_a_clerk_sees_why_and_decides_nothing(client: TestClient, person: Any, aside: str) -> None:
    client.post(f"/connexion/{person('a', 'clerk')[1]}", headers=OURS)
    page = client.get(f"/depots/{aside}").text
    assert "Virus EICAR" in page
    assert "garder" not in re.findall(r'action="/depots/[^"]+/(\w+)"', page)


def test_the_api_decides_for_its_own_tenant_only(
    client: TestClient, key_of: KeyOf, bare_system: System, aside: str
) -> None:
    client.headers["Authorization"] = f"Bearer {key_of('b', 'record:describe')}"
    for act in ("accept", "refuse"):
        assert client.post(f"/api/v1/deposits/{aside}/{act}", json={"reason": "x"}).status_code == 404
    client.headers["Authorization"] = f"Bearer {key_of('a', 'record:describe')}"
    assert client.post(f"/api/v1/deposits/{aside}/refuse", json={}).status_code == 422
    refused = client.post(f"/api/v1/deposits/{aside}/refuse", json={"reason": "Fichier piégé"})
    assert (refused.status_code, refused.json()["state"]) == (200, "refused")
    again = client.post(f"/api/v1/deposits/{aside}/refuse", json={"reason": "x"})
    assert (again.status_code, again.json()["code"]) == (409, "deposit_not_quarantined")
    accepted = client.post(f"/api/v1/deposits/{aside}/accept")
    assert (accepted.status_code, accepted.json()["state"]) == (202, "working")
    assert accepted.json()["stages"][1]["state"] == "skipped"


def test_a_virus_is_served_to_nobody_who_did_not_confirm(client: TestClient, key_of: KeyOf, infected: str) -> None:
    client.headers["Authorization"] = f"Bearer {key_of('a', 'record:read')}"
    bytes_ = f"/api/v1/records/{infected}/representations/original"
    proof = f"/api/v1/records/{infected}/evidence"
    for path in (bytes_, proof):
        for headers in ({}, {"Range": "bytes=0-3"}, {"If-None-Match": "*"}):
            answer = client.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (409, "infected"), (path, headers)
        assert client.get(path, params={"confirm": "yes"}).status_code == 422
    assert client.get(bytes_, params={"confirm": "infected"}).status_code == 200


def test_the_page_of_a_record_asks_twice(client: TestClient, person: Any, infected: str) -> None:
    client.post(f"/connexion/{person('a', 'clerk')[1]}", headers=OURS)
    page = client.get(f"/documents/{infected}").text
    assert "Je sais, le télécharger quand même" in page
    assert client.get(f"/documents/{infected}/telecharger/original").status_code == 409
    assert client.get(f"/documents/{infected}/telecharger/preuve").status_code == 409
    assert client.get(f"/documents/{infected}/telecharger/original?confirm=infected").status_code == 200
