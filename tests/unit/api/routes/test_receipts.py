"""A changed database gets no receipt at any door: JSON, PDF, page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from api.access.keys import create_key
from api.app import create_app
from ingestion.assembly import System
from ingestion.tables import DepositRow
from tests.holdings import START, receive

LIES: dict[str, Any] = {
    "received_at": START.replace(year=2020),
    "filename": "Un autre.pdf",
    "sha256": "0" * 64,
    "size": 1,
}


@pytest.fixture
def client(system: System) -> Iterator[TestClient]:
    with system.database.write() as session:
        key = create_key(session, tenant="demo", scopes=("record:read", "admin"), name="essai", now=system.clock())[1]
    with TestClient(create_app(system), base_url="http://127.0.0.1") as made:
        made.headers["Authorization"] = f"Bearer {key}"
        yield made


def test_no_door_signs_what_a_row_says(system: System, client: TestClient) -> None:
    deposit = receive(system, b"%PDF one", "k1", title="Délibération n° 12")
    address = f"/api/v1/deposits/{deposit.id}/receipt"
    told = client.get(address).json()
    assert told["receipt"]["filename"] == "k1.pdf"
    for published in (False, True):
        if published:
            system.publisher.publish()
        for column, value in LIES.items():
            with system.database.write() as session:
                session.execute(update(DepositRow).values({column: value}))
            for kind in ("application/json", "application/pdf"):
                answer = client.get(address, headers={"Accept": kind})
                assert (answer.status_code, answer.json()["code"]) == (409, "journal_contradicts"), (column, kind)
                assert answer.json()["kept"]
            with system.database.write() as session:
                session.execute(update(DepositRow).values({column: getattr(deposit, column)}))
        assert client.get(address).json()["note"] == told["note"]
        assert client.get(address, headers={"Accept": "application/pdf"}).content.startswith(b"%PDF")


def test_a_contradiction_is_told_by_metrics_and_health(system: System, client: TestClient) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    assert "chartrier_journal_contradicted 0.0" in client.get("/metrics").text
    with system.database.write() as session:
        session.execute(update(DepositRow).values(filename="Un autre.pdf"))
    assert client.get(f"/api/v1/deposits/{deposit.id}/receipt").status_code == 409
    assert "chartrier_journal_contradicted 1.0" in client.get("/metrics").text
    parts = client.get("/health/ready").json()["components"]
    assert parts["journal"]["state"] == "degraded"
