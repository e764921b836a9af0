"""The name of the day beside the producer as given: records, due lists, home; filters take both."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from archive.catalogue.producers import enter_service
from archive.catalogue.service_names import texts_of
from archive.database.tables import RecordRow
from ingestion.assembly import System
from tests.holdings import keep
from tests.servers.postgres import Databases

OLD, NEW = datetime(2019, 6, 1, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)
GIVEN = {"V": NEW, "Voirie": OLD, "Mobilités": NEW, "Cabinet": NEW, "Parcs": NEW}
"""As the records say it, and when each was kept; two services have been called « Parcs »."""


@pytest.fixture(scope="module")
def databases(migrated_file: Path) -> Databases:
    """SQLite alone: the database only compares texts."""
    return Databases(None, migrated_file)


@pytest.fixture
def town(bare_system: System, tmp_path: Path) -> dict[str, str]:
    """Records by what they say of their producer."""
    names = [{"name": "Voirie", "valid_until": "2019-12-31"}, {"name": "Mobilités", "valid_from": "2020-01-01"}]
    parks = ({"code": code, "parent": "DIR", "names": [{"name": "Parcs"}]} for code in ("P1", "P2"))
    with bare_system.database.write() as session:
        for line in ({"code": "DIR", "names": [{"name": "Services"}]}, {"code": "V", "parent": "DIR", "names": names}):
            enter_service(session, "a", line | {"number": 1})
        for line in parks:
            enter_service(session, "a", line | {"number": 1})
    made = {text: keep(bare_system, tmp_path, n, "a") for n, text in enumerate(GIVEN)}
    with bare_system.database.write() as session:
        for text, record in made.items():
            row = session.get_one(RecordRow, record)
            row.producer, row.kept_at, row.deposit_id = text, GIVEN[text], f"other-{text}"
            row.basis, row.due_on, row.final_action, row.stale_since = "dated", date(2020, 1, 1), "destroy", None
    return made


def plain(text: str) -> str:
    return re.sub(r"[\s\u202f\u00a0]+", " ", re.sub(r"<[^>]+>", " ", text))


def test_what_was_given_stays_and_the_name_of_the_day_stands_beside(
    client: TestClient, key_of: Callable[..., str], person: Any, town: dict[str, str]
) -> None:
    by_key = {"Authorization": f"Bearer {key_of('a', 'record:read')}"}
    expected = {"V": "Services › Mobilités", "Voirie": "Services › Voirie", "Mobilités": "Services › Mobilités"}
    for text, record in town.items():
        told = client.get(f"/api/v1/records/{record}", headers=by_key).json()
        assert (told["producer"], told["service"]) == (text, expected.get(text))
    lines = client.get("/api/v1/retention/due", headers=by_key).json()["lines"]
    assert {line["producer"]: line["service"] for line in lines} == {text: expected.get(text) for text in town}
    table = client.get("/api/v1/retention/due", headers=by_key | {"Accept": "text/csv"}).content.decode("utf-8-sig")
    assert ",V,Services › Mobilités," in table
    client.post(f"/connexion/{person('a', 'archivist')[1]}", headers={"Origin": "http://127.0.0.1"})
    host = {"Host": "127.0.0.1"}
    assert "V (Services › Mobilités)" in plain(client.get(f"/documents/{town['V']}", headers=host).text)
    listed = plain(client.get("/echeances?liste=to_eliminate", headers=host).text)
    assert "V (Services › Mobilités)" in listed
    assert "Voirie (Services › Voirie)" in listed, "of its own day"
    grouped = plain(client.get("/echeances?liste=to_eliminate&grouper=producer", headers=host).text)
    assert "Services › Mobilités Voirie" in grouped, "a group has today's name"
    assert "V (Services › Mobilités)" in plain(client.get("/", headers=host).text)


@pytest.mark.parametrize("asked", ["V", "Voirie", "Mobilités"])
def test_a_service_is_found_by_its_code_and_by_each_of_its_names(
    client: TestClient, key_of: Callable[..., str], bare_system: System, town: dict[str, str], asked: str
) -> None:
    by_key = {"Authorization": f"Bearer {key_of('a', 'record:read')}"}
    same = {town["V"], town["Voirie"], town["Mobilités"]}
    due = client.get("/api/v1/retention/due", params={"producer": asked}, headers=by_key).json()
    assert {line["record_id"] for line in due["lines"]} == same
    assert due["analysis"]["total"]["records"] == 3
    entered = client.get("/api/v1/accessions", params={"producer": asked, "month": "2026-03"}, headers=by_key).json()
    assert {line["record"] for line in entered["accessions"]} == {town["V"], town["Mobilités"]}
    with bare_system.database.read() as session:
        assert texts_of(session, "a", "P1") == ("P1",), "a name that two have is nobody's"
        assert texts_of(session, "a", "Parcs") == ("Parcs",)
        assert texts_of(session, "a", "Cabinet") == ("Cabinet",)
