"""Events over the API: declared once, corrected, withdrawn, refused; shown with their record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.views.retention import retention_view
from archive.catalogue import rows
from archive.database.tables import DocumentTypeRow, RetentionRuleRow, TenantRow
from archive.holdings import keep as holdings
from archive.holdings.recompute import recompute_stale
from ingestion.assembly import System
from tests.holdings import package

KeyOf = Callable[..., str]
EVENTS = "/api/v1/retention/events"
END = {"event": "contract_end", "reference": "MAR-2021-07", "occurred_on": "2024-06-30", "id": "fin"}


@pytest.fixture
def caller(client: TestClient, key_of: KeyOf) -> TestClient:
    client.headers["Authorization"] = f"Bearer {key_of('a', 'retention:write', 'record:read')}"
    return client


@pytest.fixture
def record(bare_system: System, tmp_path: Path) -> str:
    """A record of the case, under a validated rule of ten years from the end of the contract."""
    with bare_system.database.write() as session:
        now = bare_system.clock()
        rule = {"duration": 10, "unit": "YEAR", "start_event": "contract_end", "final_action": "destroy"}
        named = {"tenant_id": "a", "code": "marche", "label": "Marché"}
        session.add(RetentionRuleRow(**named, **rule, version=1, source="[V] x", validated_at=now, created_at=now))
        session.add(DocumentTypeRow(**named, rule_code="marche", access_rule=None))
    given = package(bare_system, tmp_path, 1, "a")
    described = replace(given.description, document_type="marche", external_reference="MAR-2021-07")
    kept = holdings.keep(bare_system.stores, replace(given, description=described), lambda _session, _kept: None)
    return kept.record_id


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def retention(caller: TestClient, record: str) -> dict[str, Any]:
    shown: dict[str, Any] = caller.get(f"/api/v1/records/{record}").json()["retention"]
    return shown


def test_e1_e3_declared_once_corrected_withdrawn_and_told(caller: TestClient, bare_system: System, record: str) -> None:
    assert (retention(caller, record)["state"], retention(caller, record)["due_on"]) == ("start_missing", None)
    foreseen = caller.post(EVENTS, json=END, params={"dry_run": True})
    assert foreseen.json() == {"records": 1, "changed": 1, "earliest_due_on": "2034-07-01", "without_end": 0}
    assert caller.get(EVENTS).json()["events"] == []

    made = caller.post(EVENTS, json=END)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert made.headers["location"] == f"{EVENTS}/fin"
    assert made.json()["label"] == "la fin du contrat"
    again = caller.post(EVENTS, json=END)
    assert (again.status_code, again.json()) == (200, made.json())
    other = END | {"occurred_on": "2024-07-31"}
    assert code(caller.post(EVENTS, json=other)) == (409, "event_differs")
    assert retention(caller, record)["stale_since"] is not None
    recompute_stale(bare_system.stores)
    shown = retention(caller, record)
    assert (shown["ends_on"], shown["due_on"], shown["state"]) == ("2034-06-30", "2034-07-01", "not_yet")
    assert (shown["stale_since"], shown["validated"], shown["file"], shown["files"]) == (None, True, None, [])
    assert [part["start_event"] for part in shown["parts"]] == ["contract_end"]
    assert "la fin du contrat (30\xa0juin\xa02024)" in shown["reasons"][0]["sentence"]
    assert [one["code"] for one in shown["blockers"]] == ["not_yet", "locked_until", "may_go_on"]
    english = caller.get(f"/api/v1/records/{record}", headers={"Accept-Language": "en"}).json()["retention"]
    assert "30 June 2024" in english["reasons"][0]["sentence"].replace("\xa0", " ")

    assert code(caller.post(EVENTS, json=other, headers={"If-Match": '"7"'})) == (412, "precondition_failed")
    corrected = caller.post(EVENTS, json=other, headers={"If-Match": '"1"'})
    assert (corrected.status_code, corrected.json()["change"]) == (200, "corrected")
    recompute_stale(bare_system.stores)
    assert retention(caller, record)["due_on"] == "2034-08-01"

    gone = {"withdrawn": True, "reason": "Erreur de saisie"}
    assert code(caller.patch(f"{EVENTS}/fin", json=gone)) == (428, "precondition_required")
    assert code(caller.patch(f"{EVENTS}/fin", json=gone, headers={"If-Match": '"1"'})) == (412, "precondition_failed")
    told = caller.patch(f"{EVENTS}/fin", json=gone, params={"dry_run": True}).json()
    assert (told["changed"], told["without_end"]) == (1, 1)
    assert caller.patch(f"{EVENTS}/fin", json=gone, headers={"If-Match": '"2"'}).json()["withdrawn"] is True
    recompute_stale(bare_system.stores)
    assert (retention(caller, record)["due_on"], retention(caller, record)["state"]) == (None, "start_missing")

    whole = caller.get(f"{EVENTS}/fin")
    assert [one["change"] for one in whole.json()["statements"]] == ["declared", "corrected", "withdrawn"]
    assert (whole.json()["reason"], whole.headers["etag"]) == ("Erreur de saisie", '"3"')
    assert caller.get(f"{EVENTS}/fin", headers={"If-None-Match": '"3"'}).status_code == 304
    history = caller.get(f"/api/v1/records/{record}/history").json()["entries"]
    assert [one["sentence"] for one in history if one["type"] == "RetentionEventStated"] == [
        "Événement déclaré : la fin du contrat, le 2024-06-30 (affaire MAR-2021-07).",
        "Événement corrigé : la fin du contrat, le 2024-07-31 (affaire MAR-2021-07).",
        "Événement retiré : la fin du contrat, le 2024-07-31 (affaire MAR-2021-07).",
    ]
    assert all("MAR-2021-07" not in str(one["entry"]) for one in history), "the journal has the digest alone"


def test_e2_what_cannot_be_true_is_refused_with_its_place(caller: TestClient, bare_system: System) -> None:
    tomorrow = (bare_system.clock().date() + timedelta(2)).isoformat()
    for change, pointer in (
        ({"reference": None}, "/reference"),
        ({"reference": "  "}, "/reference"),
        ({"event": "document_date"}, "/event"),
        ({"event": "death_date", "occurred_on": tomorrow}, "/occurred_on"),
        ({"occurred_on": "2024-02-30"}, "/occurred_on"),
        ({"occurred_on": 20240630}, "/occurred_on"),
        ({"occurred_on": "24-06-30"}, "/occurred_on"),
        ({"id": "avec espace"}, "/id"),
    ):
        body = {name: value for name, value in (END | change).items() if value is not None}
        answer = caller.post(EVENTS, json=body)
        assert answer.status_code == 422, change
        assert [one["pointer"] for one in answer.json()["errors"]] == [pointer], change
    assert code(caller.patch(f"{EVENTS}/fin", json={"withdrawn": True})) == (404, "event_not_found")
    assert code(caller.patch(f"{EVENTS}/fin", json={})) == (422, "bad_event")
    assert caller.get(EVENTS).json() == {"events": [], "next": None}
    assert caller.post(EVENTS, json=END | {"occurred_on": "2100-01-01"}).status_code == 201, "fixed in advance"


def test_events_are_listed_by_tenant_in_pages(caller: TestClient, key_of: KeyOf) -> None:
    caller.post(EVENTS, json=END)
    theirs = {"Authorization": f"Bearer {key_of('b', 'retention:write', 'record:read')}"}
    assert code(caller.get(f"{EVENTS}/fin", headers=theirs)) == (404, "event_not_found")
    assert caller.get(EVENTS, headers=theirs).json()["events"] == []
    mine = END | {"occurred_on": "2020-01-01"}
    assert caller.post(EVENTS, json=mine, headers=theirs).status_code == 201, "the same identifier, another tenant"
    assert caller.get(f"{EVENTS}/fin").json()["occurred_on"] == "2024-06-30"
    assert caller.patch(f"{EVENTS}/fin", json={"withdrawn": True}, headers={"If-Match": "*"}).status_code == 200

    for number in range(3):
        caller.post(EVENTS, json=END | {"id": f"e{number}", "reference": f"R{number}"})
    first = caller.get(EVENTS, params={"limit": 2}).json()
    rest = caller.get(EVENTS, params={"limit": 2, "cursor": first["next"]}).json()
    assert [one["id"] for one in first["events"] + rest["events"]] == ["e2", "e1", "e0", "fin"]
    assert rest["next"] is None
    assert [one["id"] for one in caller.get(EVENTS, params={"reference": "R1"}).json()["events"]] == ["e1"]
    assert caller.get(EVENTS, params={"event": "birth_date"}).json()["events"] == []
    unnamed = {name: value for name, value in END.items() if name != "id"}
    ids = {caller.post(EVENTS, json=unnamed).json()["id"] for _ in range(2)}
    assert len(ids) == 2, "without an identifier nothing is known to be the same"


def test_d10_a_record_is_due_by_the_civil_day_of_its_tenant(bare_system: System, record: str) -> None:
    """Due on 1 January 2031: its state at a moment, once no lock runs any more."""
    with bare_system.database.write() as session:
        row = rows.get(session, "a", record)
        row.ends_on, row.due_on, row.basis = date(2030, 12, 31), date(2031, 1, 1), "dated"
        for one in rows.rows(session, record):
            one.locked_until = date(2030, 1, 1)
        for zone, moment, state in (
            ("America/Guadeloupe", datetime(2031, 1, 1, 2, tzinfo=UTC), "not_yet"),
            ("America/Guadeloupe", datetime(2031, 1, 1, 5, tzinfo=UTC), "ready"),
            ("Indian/Reunion", datetime(2030, 12, 31, 21, tzinfo=UTC), "ready"),
            ("Indian/Reunion", datetime(2030, 12, 31, 19, tzinfo=UTC), "not_yet"),
        ):
            session.get_one(TenantRow, "a").time_zone = zone
            session.flush()
            assert retention_view(session, row, moment)["state"] == state, (zone, moment)
