"""The accession register over the API and on its page: a month where the tenant lives."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from api.web.pages import entrees
from archive.catalogue.accessions import month_of
from archive.catalogue.producers import enter_service
from archive.database.tables import RecordRow, TenantRow
from archive.journal.types import EntryType
from ingestion.assembly import System
from tests.holdings import keep

PATH = "/api/v1/accessions"


@pytest.fixture
def caller(client: TestClient, key_of: Callable[..., str]) -> TestClient:
    client.headers["Authorization"] = f"Bearer {key_of('a', 'record:read')}"
    return client


def entered(system: System, folder: Path, number: int, at: datetime, producer: str | None, tenant: str = "a") -> str:
    """A record that was kept at that moment."""
    record = keep(system, folder, number, tenant)
    with system.database.write() as session:
        row = session.get_one(RecordRow, record)
        row.kept_at, row.producer = at, producer
    return record


def test_a_month_is_that_of_the_tenant_and_nobody_elses(
    caller: TestClient, bare_system: System, tmp_path: Path
) -> None:
    with bare_system.database.write() as session:
        session.get_one(TenantRow, "a").time_zone = "America/Guadeloupe"
    late = datetime(2026, 4, 1, 2, 0, tzinfo=UTC)  # still 31 March there
    first = entered(bare_system, tmp_path, 1, datetime(2026, 3, 5, 12, tzinfo=UTC), "=Voirie")
    second = entered(bare_system, tmp_path, 2, late, None)
    entered(bare_system, tmp_path, 3, datetime(2026, 4, 2, tzinfo=UTC), "Voirie")
    entered(bare_system, tmp_path, 4, datetime(2026, 3, 5, tzinfo=UTC), "Voirie", "b")

    told = caller.get(PATH, params={"month": "2026-03"}).json()
    assert [one["record"] for one in told["accessions"]] == [first, second]
    assert told["producers"] == [
        {"producer": None, "records": 1, "bytes": told["accessions"][1]["bytes"]},
        {"producer": "=Voirie", "records": 1, "bytes": told["accessions"][0]["bytes"]},
    ]
    assert told["accessions"][0]["bytes"] == len(b"%PDF original 1")
    assert told["accessions"][0]["received_at"] is not None
    assert told["accessions"][0]["number"] < told["accessions"][1]["number"]

    one = caller.get(PATH, params={"month": "2026-03", "limit": 1}).json()
    rest = caller.get(PATH, params={"month": "2026-03", "limit": 1, "cursor": one["next"]}).json()
    assert [line["record"] for page in (one, rest) for line in page["accessions"]] == [first, second]
    assert rest["next"] is None
    named = caller.get(PATH, params={"month": "2026-03", "producer": "=Voirie"}).json()
    assert [line["record"] for line in named["accessions"]] == [first]

    table = caller.get(PATH, params={"month": "2026-03"}, headers={"Accept": "text/csv"})
    lines = table.content.decode("utf-8-sig").splitlines()
    assert (len(lines), lines[0].split(";")[0]) == (3, "number")
    assert ";'=Voirie;" in lines[1]
    with bare_system.database.read() as session:
        month = month_of(session, "a", 2026, 12)
    assert (month.begin, month.end) == (datetime(2026, 12, 1, 4, tzinfo=UTC), datetime(2027, 1, 1, 4, tzinfo=UTC))


def test_a_line_has_the_producers_name_of_its_day_and_the_agreement_that_the_journal_tells(
    caller: TestClient, bare_system: System, tmp_path: Path
) -> None:
    names = [{"name": "Voirie", "valid_until": "2019-12-31"}, {"name": "Mobilités", "valid_from": "2020-01-01"}]
    with bare_system.database.write() as session:
        for line in ({"code": "DIR", "names": [{"name": "Services"}]}, {"code": "V", "parent": "DIR", "names": names}):
            enter_service(session, "a", line | {"number": 1})
    day = datetime(2026, 3, 31, 12, tzinfo=UTC)
    given = ("Voirie", "V", "Cabinet", None)
    records = [entered(bare_system, tmp_path, n, day, one) for n, one in enumerate(given)]
    with bare_system.database.write() as session:
        bare_system.ledger.append(
            session,
            type=EntryType.DEPOSIT_RECEIVED,
            tenant="a",
            subject=f"deposit:{session.get_one(RecordRow, records[1]).deposit_id}",
            agent=None,
            facts={"agreement": "C-1"},
        )
    told = caller.get(PATH, params={"month": "2026-03"}).json()["accessions"]
    assert [(line["producer"], line["service"], line["agreement"]) for line in told] == [
        ("Voirie", "Services › Mobilités", None),
        ("V", "Services › Mobilités", "C-1"),
        ("Cabinet", None, None),
        (None, None, None),
    ]


@pytest.mark.parametrize("month", ["2026-13", "26-03", "2026", "hier"])
def test_no_month_is_refused(caller: TestClient, month: str) -> None:
    assert caller.get(PATH, params={"month": month}).status_code == 422


def test_the_page_shows_the_month(client: TestClient, person: Any, bare_system: System, tmp_path: Path) -> None:
    record = entered(bare_system, tmp_path, 1, datetime(2026, 3, 5, 12, tzinfo=UTC), "Voirie")
    _, token = person("a", "archivist")
    client.post(f"/connexion/{token}", headers={"Origin": "http://127.0.0.1", "Host": "127.0.0.1"})
    page = client.get("/entrees", params={"mois": "2026-03"}).text
    assert f'href="/documents/{record}"' in page
    assert "mars" in page
    assert 'href="/entrees?mois=2026-02"' in page
    assert "Rien n’est entré" in client.get("/entrees", params={"mois": "2026-02"}).text


def test_the_pages_of_one_service_go_on_with_it(
    client: TestClient, person: Any, bare_system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrees, "PAGE", 1)
    day = datetime(2026, 3, 5, 12, tzinfo=UTC)
    ours = [entered(bare_system, tmp_path, n, day, "Voirie & réseaux") for n in (1, 3)]
    other = entered(bare_system, tmp_path, 2, day, "Finances")
    client.post(f"/connexion/{person('a', 'archivist')[1]}", headers={"Origin": "http://127.0.0.1"})
    seen, address = [], "/entrees?" + urlencode({"mois": "2026-03", "service": "Voirie & réseaux"})
    while address:
        page = client.get(address, headers={"Host": "127.0.0.1"}).text
        seen += re.findall(r'href="/documents/([^"]+)"', page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        address = html.unescape(following[1]) if following else ""
    assert (seen, other in seen) == (ours, False)
