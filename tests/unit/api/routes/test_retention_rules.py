"""Rules, packs and document types over the API: versions, refusals, files, simulations."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from archive.database.tables import RecordRow
from archive.holdings.recompute import recompute_stale
from ingestion.assembly import System
from tests.holdings import keep

KeyOf = Callable[..., str]
RULES = "/api/v1/retention/rules"
TYPES = "/api/v1/document-types"
GIVEN = {
    "code": "FIN-3",
    "label": "Factures",
    "legal_text": "code de commerce, art. L123-22",
    "duration": 10,
    "unit": "YEAR",
    "start_event": "fiscal_year_end",
    "final_action": "destroy",
}
TERMS = {name: value for name, value in GIVEN.items() if name != "code"}


@pytest.fixture
def caller(client: TestClient, key_of: KeyOf) -> TestClient:
    client.headers["Authorization"] = f"Bearer {key_of('a', 'retention:write', 'record:read')}"
    return client


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_versions_are_added_and_never_edited(caller: TestClient) -> None:
    made = caller.post(RULES, json=GIVEN)
    assert (made.status_code, made.headers["etag"], made.headers["location"]) == (201, '"1"', f"{RULES}/FIN-3")
    assert (made.json()["in_force"], made.json()["validated_at"]) == (1, None)
    assert code(caller.post(RULES, json=GIVEN)) == (409, "rule_code_used")
    changed = caller.put(f"{RULES}/FIN-3", json=TERMS | {"duration": 5}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    shown = caller.get(f"{RULES}/FIN-3")
    assert [(one["version"], one["duration"]) for one in shown.json()["versions"]] == [(2, 5), (1, 10)]
    assert shown.headers["etag"] == '"2"'


def test_two_archivists_on_one_rule_see_both_views(caller: TestClient) -> None:
    caller.post(RULES, json=GIVEN)
    assert code(caller.put(f"{RULES}/FIN-3", json=TERMS)) == (428, "precondition_required")
    first, second = (TERMS | {"duration": n} for n in (5, 7))
    assert caller.put(f"{RULES}/FIN-3", json=first, headers={"If-Match": '"1"'}).status_code == 200
    late = caller.put(f"{RULES}/FIN-3", json=second, headers={"If-Match": '"1"'})
    assert code(late) == (412, "precondition_failed")
    assert (late.json()["current"]["duration"], late.json()["sent"]["duration"]) == (5, 7)
    assert caller.get(f"{RULES}/FIN-3").json()["version"] == 2


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"duration": 1000}, "/duration"),
        ({"duration": True}, "/duration"),
        ({"unit": "WEEK"}, "/unit"),
        ({"start_event": "yesterday"}, "/start_event"),
        ({"final_action": "burn"}, "/final_action"),
        ({"legal_text": " "}, "/legal_text"),
        ({"criteria": "Un sur dix"}, "/criteria"),
        ({"access_rule": "AR048 AR999"}, "/access_rule"),
        ({"valid_from": "2026-02-30"}, "/valid_from"),
        ({"code": "fin 3"}, "/code"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_made(caller: TestClient, wrong: dict[str, Any], pointer: str) -> None:
    answer = caller.post(RULES, json=GIVEN | wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert caller.get(RULES).json()["rules"] == []


def test_a_key_validates_nothing(caller: TestClient) -> None:
    caller.post(RULES, json=GIVEN)
    answer = caller.post(f"{RULES}/FIN-3/validate", json={}, headers={"If-Match": '"1"'})
    assert code(answer) == (403, "rule_own_validation")
    assert caller.get(f"{RULES}/FIN-3").json()["validated_at"] is None


def test_a_file_comes_back_as_it_went_and_a_wrong_line_stops_all_of_it(caller: TestClient) -> None:
    caller.post(RULES, json=GIVEN | {"access_rule": "AR048", "valid_from": "2026-01-01"})
    caller.post(RULES, json=GIVEN | {"code": "TRI-1", "duration": None, "final_action": "sort", "criteria": "Un, deux"})
    exported = caller.get(f"{RULES}.csv")
    csv_type = {"Content-Type": "text/csv"}
    again = caller.post(f"{RULES}.csv", content=exported.content, headers=csv_type)
    assert again.json() == {"rules": {}, "unchanged": 2, "dry_run": False}
    lines = list(csv.DictReader(io.StringIO(exported.text)))
    lines[0] |= {"duration": "12"}
    broken = [*lines, lines[1], lines[0] | {"code": "NEW", "unit": "WEEK"}]
    refused = caller.post(f"{RULES}.csv", content=written(broken), headers=csv_type)
    assert code(refused) == (422, "bad_rule_file")
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/lines/4/code", "/lines/5/unit"]
    assert caller.get(f"{RULES}/FIN-3").json()["version"] == 1
    tried = caller.post(f"{RULES}.csv", params={"dry_run": True}, content=written(lines), headers=csv_type)
    assert tried.json() == {"rules": {"FIN-3": 2}, "unchanged": 1, "dry_run": True}
    assert caller.get(f"{RULES}/FIN-3").json()["version"] == 1
    semicolons = written(lines, ";")
    assert caller.post(f"{RULES}.csv", content=semicolons, headers=csv_type).json()["rules"] == {"FIN-3": 2}
    assert caller.get(f"{RULES}/FIN-3").json()["duration"] == 12
    for content in (b"\xff\xfe", b"code;label\n", b"", b'code,"x\n'):
        assert code(caller.post(f"{RULES}.csv", content=content, headers=csv_type))[0] == 422, content


def written(lines: list[dict[str, str]], delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(lines[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()


def test_a_type_gets_a_rule_and_its_simulation_pages_ids(
    caller: TestClient, bare_system: System, tmp_path: Path
) -> None:
    caller.post(RULES, json=GIVEN)
    made = caller.post(TYPES, json={"code": "deliberation", "label": "Délibération", "rule": "FIN-3"})
    assert made.status_code == 201
    assert code(caller.post(TYPES, json={"code": "deliberation", "label": "x"})) == (409, "document_type_exists")
    records = sorted(keep(bare_system, tmp_path, n, "a") for n in range(3))
    asked = {"rule": "FIN-3", "change": {"duration": 5}}
    found = caller.post("/api/v1/retention/simulations", json=asked, params={"limit": 2}).json()
    assert (found["records"], found["changed"], found["sooner"]) == (3, 3, 3)
    assert (found["due_before"], found["due_after"]) == ("2037-01-01", "2032-01-01")
    assert (found["before"], found["after"]) == ({"rule_not_validated": 3}, {"not_yet": 3})
    more = caller.post("/api/v1/retention/simulations", json=asked, params={"cursor": found["next"]}).json()
    assert [*found["ids"], *more["ids"]] == records
    assert caller.get(f"{RULES}/FIN-3").json()["records"] == 3
    assert code(caller.post("/api/v1/retention/simulations", json={"rule": "NON", "change": {}}))[0] == 404
    assert code(caller.post("/api/v1/retention/simulations", json={"change": {}})) == (422, "bad_simulation")
    tag = caller.get(f"{TYPES}/deliberation").headers["etag"]
    caller.post(RULES, json=GIVEN | {"code": "FIN-4", "duration": 1})
    as_type = {"document_type": "deliberation", "change": {"rule": "FIN-4"}}
    shown = caller.post("/api/v1/retention/simulations", json=as_type).json()
    assert (shown["due_after"], shown["must_agree"]) == ("2028-01-01", []), "a type follows at once"
    assert found["must_agree"] == ["second_person"]
    unknown = {"document_type": "autre", "change": {"rule": "FIN-4"}}
    assert code(caller.post("/api/v1/retention/simulations", json=unknown)) == (404, "document_type_not_found")
    unknown["change"]["label"] = "Autre"
    assert caller.post("/api/v1/retention/simulations", json=unknown).json()["records"] == 0
    put = {"label": "Délibération", "rule": "FIN-4"}
    assert caller.put(f"{TYPES}/deliberation", json=put, headers={"If-Match": tag}).status_code == 200
    late = caller.put(f"{TYPES}/deliberation", json=put | {"label": "Actes"}, headers={"If-Match": tag})
    assert code(late) == (412, "precondition_failed")
    assert (late.json()["current"]["label"], late.json()["sent"]["label"]) == ("Délibération", "Actes")
    assert code(caller.put(f"{TYPES}/deliberation", json=put | {"label": " "}, headers={"If-Match": "*"})) == (
        422,
        "bad_rule",
    )
    assert code(caller.put(f"{TYPES}/autre", json=put, headers={"If-Match": "*"}))[0] == 404
    recompute_stale(bare_system.stores)
    with bare_system.database.read() as session:
        assert str(session.get_one(RecordRow, records[0]).due_on) == "2028-01-01"
    removed = caller.post(f"{RULES}/FIN-3/remove", headers={"If-Match": '"1"'})
    assert removed.status_code == 204
    assert code(caller.get(f"{RULES}/FIN-3"))[0] == 404
    assert code(caller.post(f"{RULES}/FIN-4/remove", headers={"If-Match": '"1"'})) == (409, "rule_used")


def test_a_pack_is_taken_over_or_set_aside_line_by_line(caller: TestClient) -> None:
    pack = "/api/v1/retention/packs/fr-commune"
    lines = caller.get(pack).json()["lines"]
    assert {line["change"] for line in lines} == {"added"}
    first, second = lines[0]["code"], lines[1]["code"]
    decided = f"{pack}/decisions"
    rest = caller.post(decided, json={"code": first, "accept": True}).json()["lines"]
    assert first not in [line["code"] for line in rest]
    assert caller.get(f"{RULES}/{first}").json()["validated_at"] is None
    assert code(caller.post(decided, json={"code": second, "accept": False})) == (422, "bad_rule")
    aside = caller.post(decided, json={"code": second, "accept": False, "reason": "Délibération"}).json()["lines"]
    assert next(line for line in aside if line["code"] == second)["decision"]["reason"] == "Délibération"
    assert code(caller.post(decided, json={"code": "NON", "accept": True}))[0] == 404
    shown = caller.get(f"{RULES}/{first}").json()
    own = {name: shown[name] for name in TERMS} | {"legal_text": "Notre délibération"}
    caller.put(f"{RULES}/{first}", json=own, headers={"If-Match": '"1"'})
    changed = next(line for line in caller.get(pack).json()["lines"] if line["code"] == first)
    assert (changed["change"], "legal_text" in changed["fields"]) == ("changed", True)
    assert code(caller.get("/api/v1/retention/packs/zz"))[0] == 404


def test_a_list_is_filtered_and_paged(caller: TestClient) -> None:
    for n in range(5):
        caller.post(RULES, json=GIVEN | {"code": f"FIN-{n}", "final_action": "keep" if n == 2 else "destroy"})
    page = caller.get(RULES, params={"limit": 3}).json()
    rest = caller.get(RULES, params={"limit": 3, "cursor": page["next"]}).json()
    assert [one["code"] for one in page["rules"] + rest["rules"]] == [f"FIN-{n}" for n in range(5)]
    assert rest["next"] is None
    assert [one["code"] for one in caller.get(RULES, params={"final_action": "keep"}).json()["rules"]] == ["FIN-2"]
    assert len(caller.get(RULES, params={"q": "FACTUR"}).json()["rules"]) == 5
    assert caller.get(RULES, params={"validated": True}).json()["rules"] == []
