"""Services and deposit agreements over the API: names in time, files of services, both views."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingestion.assembly import System
from tests.servers.postgres import Databases

KeyOf = Callable[..., str]
SERVICES, FILE, AGREEMENTS = "/api/v1/services", "/api/v1/services.csv", "/api/v1/deposit-agreements"
ROADS = {
    "names": [
        {"name": "Direction des routes", "valid_until": "2015-12-31"},
        {"name": "Direction des mobilités", "valid_from": "2016-01-01"},
    ],
    "rank": "direction",
}
TERMS = {"title": "Factures", "services": ["FIN"], "max_per_month": 10}


@pytest.fixture
def caller(client: TestClient, key_of: KeyOf) -> TestClient:
    client.headers["Authorization"] = f"Bearer {key_of('a', 'retention:write', 'record:read', 'deposit:write')}"
    return client


@pytest.fixture(scope="module")
def databases(migrated_file: Path) -> Databases:
    """SQLite alone: what the servers do otherwise is tested at the door and in the register."""
    return Databases(None, migrated_file)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def sent(caller: TestClient, text: str, **more: str) -> Any:
    return caller.post(FILE, content=text.encode(), headers={"Content-Type": "text/csv"}, params=more)


def test_a_service_has_the_name_of_the_day_that_is_asked(caller: TestClient) -> None:
    made = caller.post(SERVICES, json=ROADS | {"code": "DR"})
    assert (made.status_code, made.headers["etag"], made.headers["location"]) == (201, '"1"', f"{SERVICES}/DR")
    caller.post(SERVICES, json={"code": "ENT", "parent": "DR", "names": [{"name": "Entretien"}]})
    for day, name in (("2015-12-31", "Direction des routes"), ("2016-01-01", "Direction des mobilités")):
        told = caller.get(SERVICES, params={"on": day}).json()
        assert [(one["code"], one["name"], one["above"], one["depth"]) for one in told["services"]] == [
            ("DR", name, [], 0),
            ("ENT", "Entretien", [name], 1),
        ]
        assert caller.get(f"{SERVICES}/ENT", params={"on": day}).json()["above"] == [name]
    assert code(caller.post(SERVICES, json=ROADS | {"code": "DR"})) == (409, "service_exists")
    assert code(caller.get(f"{SERVICES}/XX")) == (404, "service_not_found")


def test_two_archivists_on_one_service_see_both_views(caller: TestClient) -> None:
    caller.post(SERVICES, json=ROADS | {"code": "DR"})
    where, first, second = f"{SERVICES}/DR", ROADS | {"rank": "pôle"}, ROADS | {"rank": "bureau"}
    assert code(caller.put(where, json=first)) == (428, "precondition_required")
    changed = caller.put(where, json=first, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    stale = caller.put(where, json=second, headers={"If-Match": '"1"'})
    assert code(stale) == (412, "precondition_failed")
    assert (stale.json()["current"]["rank"], stale.json()["sent"]["rank"]) == ("pôle", "bureau")
    assert caller.get(where).json()["rank"] == "pôle"


def test_a_service_that_something_names_is_closed_and_not_removed(caller: TestClient) -> None:
    for one in ("FIN", "FIN-2", "X"):
        caller.post(SERVICES, json={"code": one, "names": [{"name": one}]})
    closed = {"names": [{"name": "FIN"}], "closed_on": "2025-12-31", "successors": ["FIN-2"]}
    assert caller.put(f"{SERVICES}/FIN", json=closed, headers={"If-Match": "*"}).status_code == 200
    used = caller.delete(f"{SERVICES}/FIN-2", headers={"If-Match": "*"})
    assert code(used) == (409, "service_used")
    assert "FIN" in used.json()["detail"]
    assert caller.delete(f"{SERVICES}/X", headers={"If-Match": '"1"'}).status_code == 204
    assert [one["code"] for one in caller.get(SERVICES).json()["services"]] == ["FIN", "FIN-2"]


def test_what_is_exported_changes_nothing_when_imported_and_fills_an_empty_town(
    caller: TestClient, key_of: KeyOf
) -> None:
    caller.post(SERVICES, json=ROADS | {"code": "DR", "closed_on": "2024-12-31"})
    caller.post(SERVICES, json={"code": "ENT", "parent": "DR", "names": [{"name": "=1+1"}]})
    roads = ROADS | {"closed_on": "2024-12-31", "successors": ["ENT"]}
    caller.put(f"{SERVICES}/DR", json=roads, headers={"If-Match": "*"})
    content = caller.get(FILE).content
    assert b"'=1+1" in content, "no spreadsheet computes it"
    before = caller.get(SERVICES).json()
    again = sent(caller, content.decode())
    assert again.json() == {"dry_run": False, "created": 0, "changed": 0, "unchanged": 2}
    assert caller.get(SERVICES).json() == before
    caller.headers["Authorization"] = f"Bearer {key_of('b', 'retention:write', 'record:read')}"
    assert caller.get(SERVICES).json()["services"] == []
    tried = sent(caller, content.decode(), dry_run="true")
    assert tried.json() == {"dry_run": True, "created": 2, "changed": 0, "unchanged": 0}
    assert caller.get(SERVICES).json()["services"] == []
    assert sent(caller, content.decode()).json()["created"] == 2
    own = {"number"}
    assert [{n: v for n, v in one.items() if n not in own} for one in caller.get(SERVICES).json()["services"]] == [
        {n: v for n, v in one.items() if n not in own} for one in before["services"]
    ]


def test_one_wrong_line_and_nothing_is_imported(caller: TestClient) -> None:
    wrong = """code;parent;rank;name;valid_from;valid_until;closed_on;successors
A;;;Un;;2020-12-31;;
A;;autre;Deux;2021-01-01;;;
B;absent;;Trois;;;;
C;;;;;;;
D;;;Quatre;2020-02-30;;;
E;;;Cinq;;;;A
B;;;Encore;;;;
F;;;Un;;;;
F;;;Deux;;;;
"""
    answer = sent(caller, wrong)
    assert code(answer) == (422, "bad_services")
    assert [one["pointer"] for one in answer.json()["errors"]] == [
        "/lines/3/rank",
        "/lines/5/name",
        "/lines/6/valid_from",
        "/lines/7/successors",
        "/lines/8/code",
        "/lines/9/name",
    ]
    tree = sent(caller, "code;parent;name\nA;absent;Un\nB;A;Deux\nC;nulle;Trois\nD;D;Quatre\n")
    assert [one["pointer"] for one in tree.json()["errors"]] == [
        "/lines/2/parent",
        "/lines/4/parent",
        "/lines/5/parent",
    ]
    assert caller.get(SERVICES).json()["services"] == []
    for text in ("", "code\nA\n", "code;name;x\nA;a;b\n", "code;name\nA;b;c\n", 'code;name\nA;"b\n'):
        assert code(sent(caller, text)) == (422, "bad_service_file"), text
    assert code(caller.post(FILE, content=b"code;name\nA;\xff\n", headers={"Content-Type": "text/csv"})) == (
        422,
        "bad_service_file",
    )
    assert code(caller.post(FILE, content=b"{}", headers={"Content-Type": "application/json"})) == (
        415,
        "unsupported_media_type",
    )


def test_an_agreement_is_made_changed_and_named_by_what_it_refuses(caller: TestClient, bare_system: System) -> None:
    assert code(caller.post(AGREEMENTS, json=TERMS | {"code": "C-1"})) == (422, "bad_agreement"), "no such service"
    caller.post(SERVICES, json={"code": "FIN", "names": [{"name": "Finances"}]})
    unknown = caller.post(AGREEMENTS, json=TERMS | {"code": "C-1", "depositors": ["key:nobody"]})
    assert (code(unknown), unknown.json()["errors"][0]["pointer"]) == ((422, "bad_agreement"), "/depositors")
    made = caller.post(AGREEMENTS, json=TERMS | {"code": "C-1"})
    assert (made.status_code, made.headers["etag"], made.json()["in_force"]) == (201, '"1"', True)
    assert code(caller.post(AGREEMENTS, json=TERMS | {"code": "C-1"})) == (409, "agreement_exists")
    assert code(caller.delete(f"{SERVICES}/FIN", headers={"If-Match": "*"})) == (409, "service_used")
    changed = caller.put(f"{AGREEMENTS}/C-1", json=TERMS | {"max_bytes": 9}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    stale = caller.put(f"{AGREEMENTS}/C-1", json=TERMS, headers={"If-Match": '"1"'})
    assert (code(stale), stale.json()["current"]["max_bytes"]) == ((412, "precondition_failed"), 9)
    big = deposit(caller, b"0123456789", "1")
    assert (code(big), big.json()["kept"]) == ((422, "agreement_size"), "Rien n’a été conservé.")
    english = deposit(caller, b"0123456789", "1", {"Accept-Language": "en"})
    assert "agreement" in english.json()["detail"]
    small = deposit(caller, b"012345678", "1")
    assert (small.status_code, small.json()["agreement"]) == (202, "C-1")
    assert caller.get(f"{AGREEMENTS}/C-1").json()["received_this_month"] == 1


def test_a_tenant_may_require_an_agreement(caller: TestClient) -> None:
    assert deposit(caller, b"1", "1").status_code == 202
    assert caller.put(AGREEMENTS, json={"required": True}).json() == {"required": True}
    assert caller.get(AGREEMENTS).json() == {"required": True, "agreements": []}
    assert code(deposit(caller, b"2", "2")) == (422, "agreement_missing")
    assert deposit(caller, b"1", "1").status_code == 202, "the answer it had before"
    caller.put(AGREEMENTS, json={"required": False})
    assert deposit(caller, b"2", "2").status_code == 202


def test_another_tenant_sees_none_of_it(caller: TestClient, key_of: KeyOf) -> None:
    caller.post(SERVICES, json={"code": "FIN", "names": [{"name": "Finances"}]})
    caller.post(AGREEMENTS, json=TERMS | {"code": "C-1"})
    caller.headers["Authorization"] = f"Bearer {key_of('b', 'retention:write', 'record:read', 'deposit:write')}"
    assert caller.get(SERVICES).json()["services"] == []
    assert caller.get(AGREEMENTS).json() == {"required": False, "agreements": []}
    for address in (f"{SERVICES}/FIN", f"{AGREEMENTS}/C-1"):
        assert caller.get(address).status_code == 404
    assert caller.put(f"{SERVICES}/FIN", json=ROADS, headers={"If-Match": "*"}).status_code == 404
    assert caller.delete(f"{SERVICES}/FIN", headers={"If-Match": "*"}).status_code == 404


def deposit(caller: TestClient, content: bytes, key: str, headers: dict[str, str] | None = None) -> Any:
    return caller.post(
        "/api/v1/deposits",
        content=content,
        params={"producer": "Finances"},
        headers={
            "Idempotency-Key": key,
            "Content-Type": "application/pdf",
            "Content-Disposition": "attachment; filename=a.pdf",
        }
        | (headers or {}),
    )
