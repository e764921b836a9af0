"""Packages of SEDA over HTTP: handed over, followed, answered, shown as a tree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from api.access.keys import create_key
from api.access.people import create_user
from api.access.sessions import COOKIE, login_link, use_login_link
from api.app import create_app
from api.views import seda_transfer as views
from archive.catalogue.reading import Reader
from archive.disposition.transfers import incoming
from ingestion.assembly import System
from ingestion.deposits.leave import leave_deposit
from tests.holdings import system_at
from tests.seda import appraisal, manifest, package, unit
from tests.transfers import one_letter, rule, settle

PACKAGE = one_letter()
BASE = "http://127.0.0.1"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[System]:
    made = system_at(tmp_path_factory.mktemp("seda") / "home", keys)
    made.initialise()
    for tenant in ("demo", "autre"):
        made.create_tenant(tenant, tenant.title())
    rule(made, "APP-00001")
    yield made
    made.close()


def headers(system: System, tenant: str, *scopes: str) -> dict[str, str]:
    with system.database.write() as session:
        secret = create_key(session, tenant=tenant, scopes=scopes, name="essai", now=system.clock())[1]
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[TestClient]:
    with TestClient(create_app(system), base_url=BASE) as made:
        made.headers.update(headers(system, "demo", "deposit:write", "record:read"))
        yield made


@pytest.fixture(scope="module")
def sent(client: TestClient, system: System) -> dict[str, Any]:
    answer = client.post("/api/v1/seda/transfers", content=PACKAGE, headers={"Content-Type": "application/zip"})
    assert answer.status_code == 202, answer.text
    first: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/api/v1/seda/transfers/{first['id']}"
    early = client.get(f"{answer.headers['Location']}/reply")
    assert (early.status_code, early.json()["code"]) == (409, "transfer_not_answered")
    settle(system)
    return first


def test_a_package_is_received_first_and_has_a_receipt(client: TestClient, sent: dict[str, Any]) -> None:
    assert (sent["state"], sent["outcome"], sent["reply"]) == ("received", None, None)
    receipt = client.get(sent["receipt"])
    assert receipt.status_code == 200, receipt.text


def test_it_is_followed_to_its_reply(client: TestClient, sent: dict[str, Any]) -> None:
    told = client.get(f"/api/v1/seda/transfers/{sent['id']}").json()
    assert (told["state"], told["outcome"], told["identifier"]) == ("taken", "OK", "VERSEMENT-1")
    assert told["parts"] == {"total": 2, "kept": 2, "aside": 0}
    assert {"step": "CHECK_RULES", "outcome": "OK"} in told["steps"]
    answer = client.get(told["reply"])
    assert answer.headers["content-type"].startswith("application/xml")
    assert b"<ReplyCode>OK</ReplyCode>" in answer.content


def test_its_units_are_told_level_by_level(client: TestClient, sent: dict[str, Any]) -> None:
    (top,) = client.get(f"/api/v1/seda/transfers/{sent['id']}/units").json()["units"]
    assert (top["title"], top["kind"], top["units"]) == ("Dossier Pont", "node", 1)
    (letter,) = client.get(f"/api/v1/seda/transfers/{sent['id']}/units?above={top['position']}").json()["units"]
    assert (letter["kind"], letter["parts"][0]["state"]) == ("record", "kept")
    assert client.get(f"/api/v1/records/{letter['system_id']}").json()["title"] == "Lettre au maire"


def test_the_same_bytes_again_are_the_same_transfer(client: TestClient, sent: dict[str, Any]) -> None:
    again = client.post("/api/v1/seda/transfers", content=PACKAGE, headers={"Content-Type": "application/zip"})
    assert (again.status_code, again.json()["id"]) == (202, sent["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert sent["id"] in {one["id"] for one in client.get("/api/v1/seda/transfers").json()["transfers"]}


def test_errors_stand_on_their_node_in_both_languages(client: TestClient, system: System) -> None:
    made = manifest(unit("U1", title="Dossier", management=appraisal(("APP-99999", "2002-01-01"))))
    content = package(made.replace(b"VERSEMENT-1", b"VERSEMENT-KO"))
    identity = client.post("/api/v1/seda/transfers", content=content).json()["id"]
    settle(system)
    (finding,) = client.get(f"/api/v1/seda/transfers/{identity}", headers={"Accept-Language": "fr"}).json()["findings"]
    assert finding["node"] == "ArchiveUnit[U1]/Management/AppraisalRule/Rule"
    assert finding["detail"] == "La règle « APP-99999 » (AppraisalRule) n’est pas connue."
    (wrong,) = client.get(f"/api/v1/seda/transfers/{identity}/units").json()["units"]
    assert [one["code"] for one in wrong["findings"]] == ["seda_rule_unknown"]
    assert client.get(f"/api/v1/seda/transfers/{identity}").json()["problem"]["code"] == "refused"


def test_a_transfer_of_another_tenant_does_not_exist(system: System, sent: dict[str, Any]) -> None:
    with TestClient(create_app(system), base_url=BASE) as stranger:
        stranger.headers.update(headers(system, "autre", "deposit:write", "record:read"))
        for path in ("", "/reply", "/units"):
            answer = stranger.get(f"/api/v1/seda/transfers/{sent['id']}{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "transfer_not_found")
        assert stranger.get("/api/v1/seda/transfers").json()["transfers"] == []


def test_an_ordinary_deposit_is_no_transfer(client: TestClient, sent: dict[str, Any]) -> None:
    (top,) = client.get(f"/api/v1/seda/transfers/{sent['id']}/units").json()["units"]
    (letter,) = client.get(f"/api/v1/seda/transfers/{sent['id']}/units?above={top['position']}").json()["units"]
    assert client.get(f"/api/v1/seda/transfers/{letter['parts'][0]['deposit_id']}").status_code == 404


def test_pages_show_the_list_the_tree_and_the_form(system: System, sent: dict[str, Any]) -> None:
    with system.database.write() as session:
        row = create_user(session, tenant="demo", name="Anne", role="archivist", now=system.clock())
        token = login_link(session, row, system.clock())
    opened = use_login(system, token)
    with TestClient(create_app(system), base_url=BASE) as page:
        page.cookies.set(COOKIE, opened.token)
        listed = page.get("/versements")
        assert listed.status_code == 200, listed.text
        assert f"/versements/{sent['id']}" in listed.text
        assert "Pris en charge" in listed.text
        one = page.get(f"/versements/{sent['id']}")
        assert one.status_code == 200, one.text
        assert "Dossier Pont" in one.text
        inside = page.get(f"/versements/{sent['id']}?dans=1")
        assert "Lettre au maire" in inside.text
        given = {"csrf": opened.caller.csrf, "idempotency_key": "x"}
        other = page.post(
            "/versements",
            data=given,
            files={"paquet": ("p.zip", one_letter("VERSEMENT-P"), "application/zip")},
            headers={"Origin": BASE},
            follow_redirects=False,
        )
        assert other.status_code == 303, other.text
        waits = page.get(other.headers["Location"])
        assert "Reçu, pas encore examiné" in waits.text
        wrong = page.post(
            "/versements",
            data=given | {"csrf": "faux"},
            files={"paquet": ("p.zip", b"x", "application/zip")},
            headers={"Origin": BASE},
        )
        assert wrong.status_code == 403


def use_login(system: System, token: str) -> Any:
    with system.database.write() as session:
        return use_login_link(session, token, system.clock())


def test_a_unit_keeps_no_word_of_what_is_gone(client: TestClient, system: System, sent: dict[str, Any]) -> None:
    """Tried in a transaction that is taken back: other tests read the same transfer."""
    path = f"/api/v1/seda/transfers/{sent['id']}/units"
    (top,) = client.get(path).json()["units"]
    (letter,) = client.get(f"{path}?above={top['position']}").json()["units"]
    part = letter["parts"][0]
    assert letter["title"]

    def titles(session: Session) -> list[str | None]:
        row = incoming.get(session, "demo", sent["id"])
        assert row is not None
        units = [
            unit
            for above in (0, top["position"])
            for unit in incoming.units_below(session, row.id, above, after=0, limit=9)
        ]
        return [one["title"] for one in views.unit_views(session, Reader("demo", reads_all=True), row, units)]

    with pytest.raises(ZeroDivisionError), system.database.write() as session:
        assert titles(session) == [top["title"], letter["title"]]
        leave_deposit(system.settings.home, session, part["record_id"], part["deposit_id"])
        assert titles(session) == [top["title"], None], "what is kept keeps its title"
        raise ZeroDivisionError
