"""Addresses of the calendar: read without a key, ended with their person, never logged."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.access.tables import CalendarLinkRow, UserRow
from ingestion.assembly import System
from tests.unit.archive.disposition.due_rows import record, rules

OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
PAGE = "/echeances/calendrier"


@pytest.fixture
def reader(client: TestClient, person: Any, bare_system: System) -> TestClient:
    with bare_system.database.write() as session:
        for tenant, n in (("a", 3), ("b", 7)):
            rules(session, tenant)
            for one in range(n):
                due_on = date(bare_system.clock().year + 2, 5, 1)
                record(session, tenant_id=tenant, title=f"Secret {one}", due_on=due_on)
    client.post(f"/connexion/{person('a', 'reader')[1]}", headers=OURS)
    return client


def post(client: TestClient, path: str = PAGE, **form: str) -> Any:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(PAGE).text)
    assert found
    return client.post(path, data={"csrf": found[1], **form}, headers=OURS)


def made(client: TestClient) -> str:
    """A new address, without its origin."""
    found = re.search(r'value="https?://[^/"]+(/calendrier/[^"]+\.ics)"', post(client).text)
    assert found
    return found[1]


def test_a_program_without_a_key_reads_numbers_of_its_own_town_by_the_address(
    reader: TestClient, bare_system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    address = made(reader)
    assert address not in reader.get(PAGE).text, "shown once"
    with bare_system.database.read() as session:
        kept = [value for row in session.scalars(select(CalendarLinkRow)) for value in vars(row).values()]
    token = address.removeprefix("/calendrier/").removesuffix(".ics")
    assert token not in map(str, kept), "only its digest is kept"
    reader.cookies.clear()
    capsys.readouterr()
    answer = reader.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    assert "SUMMARY:3 " in answer.text
    assert "Secret" not in answer.text
    assert "no-store" in answer.headers["cache-control"]
    said = capsys.readouterr()
    assert "/calendrier/…" in said.out + said.err
    assert token not in said.out + said.err
    assert reader.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert reader.post(address, headers=OURS).status_code == 405


def test_an_address_that_was_revoked_or_never_made_reads_nothing(reader: TestClient) -> None:
    address, other = made(reader), made(reader)
    assert reader.get(address).status_code == 200
    shown = reader.get(PAGE).text
    ids = re.findall(r'name="adresse" value="([^"]+)"', shown)
    assert (len(ids), "Jamais lue" in shown, "dernière fois" in shown) == (2, True, True)
    post(reader, f"{PAGE}/retirer", adresse=ids[0])
    assert [reader.get(one).status_code for one in (address, other)] == [404, 200]
    assert reader.get("/calendrier/inconnu.ics").status_code == 404
    assert len(re.findall('name="adresse"', reader.get(PAGE).text)) == 1


def test_an_address_ends_with_its_person_and_only_its_person_revokes_it(
    reader: TestClient, person: Any, bare_system: System
) -> None:
    address = made(reader)
    mine = re.findall(r'name="adresse" value="([^"]+)"', reader.get(PAGE).text)[0]
    reader.cookies.clear()
    reader.post(f"/connexion/{person('a', 'archivist')[1]}", headers=OURS)
    assert mine not in reader.get(PAGE).text
    post(reader, f"{PAGE}/retirer", adresse=mine)
    assert reader.get(address).status_code == 200
    with bare_system.database.write() as session:
        owner = session.get_one(UserRow, session.scalars(select(CalendarLinkRow.user_id)).one())
        owner.disabled_at = bare_system.clock()
    assert reader.get(address).status_code == 404


def test_no_more_than_five_are_made(reader: TestClient) -> None:
    for _n in range(5):
        made(reader)
    refused = post(reader)
    assert refused.status_code == 422
    assert "déjà 5 adresses" in re.sub(r"[\u202f\u00a0]", " ", refused.text)
