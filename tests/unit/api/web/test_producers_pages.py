"""Pages of services and deposit agreements: what is typed comes back, what is wrong is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access.sessions import COOKIE, Opened, use_login_link
from archive.catalogue.producers import agreement_of, get_agreement, get_service, service_of
from ingestion.assembly import System
from tests.servers.postgres import Databases

ORIGIN = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}


@pytest.fixture(scope="module")
def databases(migrated_file: Path) -> Databases:
    """SQLite alone: the pages ask what the API asks."""
    return Databases(None, migrated_file)


@pytest.fixture
def anne(bare_system: System, person: Any) -> Opened:
    _, token = person("a", "archivist")
    with bare_system.database.write() as session:
        return use_login_link(session, token, bare_system.clock())


def send(client: TestClient, who: Opened, path: str, **form: str) -> Any:
    client.cookies.set(COOKIE, who.token)
    given = form | {"csrf": str(who.caller.csrf)}
    return client.post(path, data=given, headers=ORIGIN, follow_redirects=False)


def show(client: TestClient, who: Opened, path: str) -> str:
    client.cookies.set(COOKIE, who.token)
    answer = client.get(path, headers={"Host": "127.0.0.1"})
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def test_a_service_is_made_renamed_shown_on_a_day_and_removed(
    client: TestClient, bare_system: System, anne: Opened
) -> None:
    names = "Direction des routes ; ; 2015-12-31\nDirection des mobilités; 2016-01-01"
    made = send(client, anne, "/services", code="DR", names=names, rank="direction")
    assert (made.status_code, made.headers["location"]) == (303, "/services/DR")
    assert "Direction des routes" in show(client, anne, "/services?jour=2012-05-01")
    assert "Direction des mobilités" in show(client, anne, "/services?jour=2020-05-01")
    assert "Direction des routes" not in show(client, anne, "/services?jour=2020-05-01")
    assert "Direction des routes" in show(client, anne, "/services?day=1&month=5&year=2012")
    unread = client.get("/services?day=31&month=2&year=2012", headers={"Host": "127.0.0.1"})
    assert (unread.status_code, 'href="#jour-day"' in unread.text, 'value="31"' in unread.text) == (422, True, True)
    page = show(client, anne, "/services/DR")
    assert "Direction des routes; ; 2015-12-31\nDirection des mobilités; 2016-01-01" in page
    with bare_system.database.read() as session:
        before = service_of(get_service(session, "a", "DR"))
    same = send(client, anne, "/services/DR", names=names, rank="direction", number="1")
    assert same.status_code == 303
    with bare_system.database.read() as session:
        row = get_service(session, "a", "DR")
        assert (service_of(row), row.number) == (before, 1), "what the form shows changes nothing"
    assert send(client, anne, "/services/DR", names="Mobilités", number="1").status_code == 303
    late = send(client, anne, "/services/DR", names="Trop tard", number="1")
    assert (late.status_code, "Quelqu’un d’autre" in late.text, "Trop tard" in late.text) == (412, True, True)
    wrong = send(client, anne, "/services", code="A", names="Un ; 2020-02-30")
    assert (wrong.status_code, "2026-03-12" in wrong.text, 'value="A"' in wrong.text) == (422, True, True)
    day = {"closed_on-day": "30", "closed_on-month": "2", "closed_on-year": "2024"}
    never = send(client, anne, "/services/DR", names="Mobilités", number="2", **day)
    assert (never.status_code, 'href="#closed_on-day"' in never.text, 'value="30"' in never.text) == (422, True, True)
    closed = send(client, anne, "/services/DR", names="Mobilités", number="2", **day | {"closed_on-day": "29"})
    assert closed.status_code == 303
    assert "Fermé le 29 février 2024" in show(client, anne, "/services/DR").replace("\u00a0", " ")
    removed = send(client, anne, "/services/DR", retirer="1", number="3")
    assert (removed.status_code, removed.headers["location"]) == (303, "/services")
    assert client.get("/services/DR", headers={"Host": "127.0.0.1"}).status_code == 404


def test_a_file_of_services_is_imported_whole_or_its_lines_are_named(client: TestClient, anne: Opened) -> None:
    def sent(text: str) -> Any:
        client.cookies.set(COOKIE, anne.token)
        return client.post(
            "/services/import",
            data={"csrf": str(anne.caller.csrf)},
            files={"file": ("s.csv", text.encode(), "text/csv")},
            headers=ORIGIN,
        )

    wrong = sent("code;parent;name\nA;;Un\nB;nul;Deux\n")
    said = " ".join(wrong.text.split())  # blanks of French typography are blanks
    assert (wrong.status_code, "Ligne 3, colonne « parent »" in said) == (422, True)
    assert "Aucun service n’est encore décrit" in wrong.text
    right = sent("code;parent;name\nA;;Un\nB;A;Deux\n")
    assert (right.status_code, "2 créés" in right.text) == (200, True)
    client.cookies.set(COOKIE, anne.token)
    assert client.get("/services/export", headers={"Host": "127.0.0.1"}).content.count(b"\r\n") == 3


def test_an_agreement_is_made_changed_and_required_on_pages(
    client: TestClient, bare_system: System, anne: Opened
) -> None:
    send(client, anne, "/services", code="FIN", names="Finances")
    agent = f"user:{anne.caller.id}"
    form = {
        "title": "Factures",
        "services": "FIN",
        f"deposant:{agent}": "1",
        "formats": "application/pdf; image/*",
        "max_bytes": "10 000",
        "default_document_type": "facture",
        **{f"valid_from-{part}": value for part, value in (("day", "1"), ("month", "2"), ("year", "2026"))},
    }
    made = send(client, anne, "/conventions/nouvelle", code="C-1", **form)
    assert (made.status_code, made.headers["location"]) == (303, "/conventions/C-1")
    with bare_system.database.read() as session:
        one = agreement_of(get_agreement(session, "a", "C-1"))
    assert (str(one.valid_from), one.valid_until) == ("2026-02-01", None)
    assert (one.depositors, one.formats, one.max_bytes, one.defaults) == (
        (agent,),
        ("application/pdf", "image/*"),
        10_000,
        {"document_type": "facture"},
    )
    page = show(client, anne, "/conventions/C-1")
    assert f'name="deposant:{agent}" value="1" checked' in page
    assert send(client, anne, "/conventions/C-1", number="1", suspended="1", **form).status_code == 303
    assert "Suspendue" in show(client, anne, "/conventions")
    wrong = send(client, anne, "/conventions/C-1", number="2", **(form | {"max_bytes": "beaucoup"}))
    assert 'id="valid_from-month" name="valid_from-month" inputmode="numeric" maxlength="2"' in wrong.text
    assert (wrong.status_code, "nombre entier" in wrong.text, "beaucoup" in wrong.text) == (422, True, True)
    late = send(client, anne, "/conventions/C-1", number="1", **form)
    assert late.status_code == 412
    assert send(client, anne, "/conventions", required="1").status_code == 303
    assert "Aucun versement n’est reçu sans convention" in show(client, anne, "/conventions")
