"""Bordereaux by the API: drafted, decided line by line, submitted, stopped, given visas."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access.keys import create_key
from archive.disposition.holds.terms import Terms, listed
from tests.bordereau_people import API, Office, office_of
from tests.bordereaux import Town, Watch
from tests.holdings import opened


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Office]:
    """Made once: each test has records of its own."""
    folder, watch = tmp_path_factory.mktemp("bordereaux"), Watch()
    with opened(folder / "home", keys, clock=watch) as system:
        yield office_of(Town(system, folder, watch), bon=26, coupe=1, lot=2)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_bordereau_goes_from_draft_to_cooling_off(office: Office) -> None:
    one, other = office.due(2)
    made = office.draft([one, other])
    assert (made["state"], made["drafted_by"], made["reference"][:5]) == ("draft", "Anne", "2026-")
    assert made["lines"]["included"]["records"] == 2
    path = f"{API}/{made['id']}"
    tagged = office.anne.ask("GET", path)
    assert tagged.headers["etag"] == '"1"'
    out = office.anne.change("PATCH", f"{path}/lines/{other}", 1, decision="exclude", comment="Valeur historique")
    assert (out.status_code, out.headers["etag"]) == (200, '"2"')
    assert (out.json()["state"], out.json()["reason"]) == ("excluded", "Valeur historique")
    sent = office.anne.change("POST", f"{path}/submit", 2).json()
    assert (sent["state"], sent["proposed_on"]) == ("submitted", str(office.day))
    assert [(one["step"], one["state"]) for one in sent["steps"]] == [
        ("producer", "expected"),
        ("controller", "to_come"),
    ]
    first = office.bruno.change("POST", f"{path}/visas", 3, decision="approve", quality="Directeur").json()
    assert [one["state"] for one in first["steps"]] == ["given", "expected"]
    last = office.claire.change("POST", f"{path}/visas", None, decision="approve", reference="AD-2026-311").json()
    assert (last["state"], last["days_left"]) == ("cooling_off", 15)
    assert last["stop_until"] == str(office.day + timedelta(days=15))
    visas = office.anne.ask("GET", f"{path}/visas").json()["visas"]
    assert [(one["step"], one["person"], one["quality"], one["means"]) for one in visas] == [
        ("producer", "Bruno", "Directeur", "account"),
        ("controller", "Claire", "Archives départementales", "account"),
    ]
    assert visas[1]["reference"] == "AD-2026-311"
    assert office.states(made["id"]) == {one: "included", other: "excluded"}
    office.town.at(str(office.day + timedelta(days=13)))
    assert office.claire.ask("GET", path).json()["days_left"] == 2
    stopped = office.anne.change("POST", f"{path}/withdraw", reason="Contentieux possible").json()
    assert (stopped["state"], stopped["ended_reason"], stopped["days_left"]) == (
        "withdrawn",
        "Contentieux possible",
        None,
    )
    assert office.town.record(one).state == "kept"


def test_two_archivists_on_one_bordereau(office: Office) -> None:
    one, other = office.due(2)
    path = f"{API}/{office.draft([one, other])['id']}"
    told = {"decision": "exclude", "comment": "À garder"}
    assert office.anne.change("PATCH", f"{path}/lines/{one}", 1, **told).status_code == 200
    late = office.denis.change("PATCH", f"{path}/lines/{other}", 1, **told)
    assert code(late) == (412, "precondition_failed")
    assert late.json()["current"]["lines"]["excluded"]["records"] == 1
    assert late.json()["sent"] == told
    for method, address, body in (
        ("POST", f"{path}/submit", {}),
        ("POST", f"{path}/withdraw", {"reason": "Erreur"}),
        ("PATCH", f"{path}/lines", {"lines": [{"record_id": other, **told}]}),
    ):
        assert code(office.denis.change(method, address, 1, **body)) == (412, "precondition_failed"), address
        assert code(office.denis.ask(method, address, json=body)) == (428, "precondition_required"), address


def test_a_page_of_decisions_is_one_change(office: Office) -> None:
    records = office.due(3)
    made = office.draft(records)
    path = f"{API}/{made['id']}/lines"
    out = [{"record_id": one, "decision": "exclude", "comment": "À garder"} for one in records[:2]]
    assert office.anne.change("PATCH", path, 1, lines=out).json()["number"] == 2
    both = [{"record_id": records[0], "decision": "include"}, {**out[0], "record_id": records[2]}]
    assert office.anne.change("PATCH", path, 2, lines=both).json()["lines"]["excluded"]["records"] == 2
    assert [office.states(made["id"])[one] for one in records] == ["included", "excluded", "excluded"]
    unknown = {**out[0], "record_id": made["id"]}
    assert code(office.anne.change("PATCH", path, lines=[unknown])) == (404, "line_not_found")
    for wrong in ([{**out[0], "comment": " "}], [out[0], out[0]]):
        assert code(office.anne.change("PATCH", path, lines=wrong)) == (422, "bad_disposal")


def test_v1_who_may_give_a_visa(office: Office) -> None:
    path = f"{API}/{office.submitted(office.due(1))}/visas"
    assert code(office.anne.change("POST", path, decision="approve")) == (403, "scope_missing")
    with office.town.system.database.write() as session:
        now = office.town.system.clock()
        key = create_key(session, tenant="demo", scopes=("disposal:visa",), name="outil", now=now)[1]
    client = TestClient(office.app, base_url="http://127.0.0.1")
    by_key = {"Authorization": f"Bearer {key}", "If-Match": "*"}
    assert code(client.post(path, json={"decision": "approve"}, headers=by_key)) == (403, "person_needed")
    wrong = office.bruno.change("POST", path, decision="approve", step="controller")
    assert code(wrong) == (409, "visa_not_expected")
    assert office.bruno.change("POST", path, decision="approve").status_code == 200
    assert code(office.bruno.change("POST", path, decision="approve")) == (403, "visa_twice")
    heads = office.claire.change("POST", path, decision="approve")
    assert heads.status_code == 200
    assert code(office.claire.change("POST", path, decision="approve")) == (409, "visa_not_expected")


def test_v6_a_controller_does_not_control_the_service_of_their_own_account(office: Office) -> None:
    path = f"{API}/{office.submitted(office.due(1), producer='Archives départementales')}/visas"
    assert office.bruno.change("POST", path, decision="approve").status_code == 200
    assert code(office.claire.change("POST", path, decision="approve")) == (403, "controller_heads_producer")
    said = office.claire.change("POST", path, decision="approve", heads="Un service inventé")
    assert code(said) == (403, "controller_heads_producer"), "what is said takes nothing from the account"


def test_v6_a_service_is_the_same_however_it_is_written(office: Office) -> None:
    path = f"{API}/{office.submitted(office.due(1), producer='Direction de l’Eau')}/visas"
    assert office.bruno.change("POST", path, decision="approve").status_code == 200
    for heads in ("Direction  de l’Eau", "DIRECTION DE L'EAU", "Direction de l’É\u200bau"):
        answer = office.claire.change("POST", path, decision="approve", heads=heads)
        assert code(answer) == (403, "controller_heads_producer"), heads


def test_a_visa_answers_by_group_and_by_line(office: Office) -> None:
    (plan,) = office.due(1, "coupe")
    late, out, gone = office.due(3)
    disposal = office.submitted([plan, late, out, gone])
    path = f"{API}/{disposal}"
    groups = {one["rule"]: one for one in office.bruno.ask("GET", f"{path}/groups").json()["groups"]}
    assert (groups["BON"]["records"], groups["COUPE"]["records"]) == (3, 1)
    assert (groups["BON"]["earliest"], groups["BON"]["duration"], groups["BON"]["unit"]) == ("2016-03-20", 10, "YEAR")
    office.bruno.change("POST", f"{path}/visas", decision="approve")
    answers = {
        "groups": [{"group": groups["COUPE"]["group"], "decision": "sort_needed"}],
        "lines": [
            {"record_id": late, "decision": "not_before", "not_before": "2034-01-01"},
            {"record_id": out, "decision": "refuse"},
        ],
    }
    wrong = {**answers, "lines": [{"record_id": late, "decision": "not_before"}]}
    assert code(office.claire.change("POST", f"{path}/visas", decision="approve", **wrong)) == (422, "bad_disposal")
    assert office.claire.change("POST", f"{path}/visas", decision="approve", **answers).status_code == 200
    lines = {one["record_id"]: one for one in office.anne.ask("GET", f"{path}/lines").json()["lines"]}
    assert {one: lines[one]["decision"] for one in (plan, late, out, gone)} == {
        plan: "sort_needed",
        late: "not_before",
        out: "refuse",
        gone: "approve",
    }
    assert lines[late]["not_before"] == "2034-01-01"


def test_a_refusal_of_the_whole_says_nothing_of_what_follows(office: Office) -> None:
    (one,) = office.due(1)
    path = f"{API}/{office.submitted([one])}"
    body = office.bruno.change("POST", f"{path}/visas", decision="refuse", comment="Contentieux").json()
    assert body["state"] == "submitted", "the controller is asked as well"
    body = office.claire.change("POST", f"{path}/visas", decision="approve").json()
    assert (body["state"], body["lines"]["refused"]["records"]) == ("refused", 1)
    assert office.town.record(one).state == "kept"
    assert office.draft([one])["lines"]["included"]["records"] == 1, "it may be proposed again"


def test_lists_go_page_by_page(office: Office) -> None:
    records = office.due(5)
    ids = [office.draft([one])["id"] for one in records[:2]]
    made = office.draft(records[2:])
    first = office.bruno.ask("GET", f"{API}?limit=2&state=draft&state=submitted").json()
    assert [one["id"] for one in first["disposals"]] == [made["id"], ids[1]]
    assert first["disposals"][0]["records"]["included"] == 3
    then = office.bruno.ask("GET", f"{API}?limit=1&state=draft&state=submitted&cursor={first['next']}").json()
    assert [one["id"] for one in then["disposals"]] == [ids[0]]
    assert office.bruno.ask("GET", f"{API}?state=executed").json() == {"disposals": [], "next": None}
    path = f"{API}/{made['id']}/lines"
    seen, cursor = [], ""
    while cursor is not None:
        answer = office.anne.ask("GET", f"{path}?limit=2&group=1" + (f"&cursor={cursor}" if cursor else "")).json()
        seen += [one["position"] for one in answer["lines"]]
        cursor = answer["next"]
    assert seen == [1, 2, 3]
    assert office.anne.ask("GET", f"{path}?state=excluded").json()["lines"] == []
    office.anne.change("PATCH", f"{path}/{records[4]}", decision="exclude", comment="À garder")
    (line,) = office.anne.ask("GET", f"{path}?state=excluded").json()["lines"]
    assert line["record_id"] == records[4]
    assert code(office.anne.ask("GET", f"{API}/{records[0]}/lines")) == (404, "disposal_not_found")


def test_a_hold_that_restricts_reading_hides_a_title_from_a_controller(office: Office) -> None:
    town = office.town
    (hidden,) = office.due(1)
    path = f"{API}/{office.submitted([hidden])}/lines"
    town.system.holds.place(
        "demo", listed([hidden]), reason="Enquête", agent="user:x", terms=Terms(restricts_reading=True)
    )
    (by_archivist,) = office.anne.ask("GET", path).json()["lines"]
    (by_controller,) = office.claire.ask("GET", path).json()["lines"]
    assert by_archivist["title"]
    assert (by_controller["title"], by_controller["restricted"]) == (None, True)
    assert by_archivist["title"] not in office.claire.ask("GET", path).text


def test_what_may_not_be_drafted(office: Office) -> None:
    (one,) = office.due(1)
    told: dict[str, Any] = {"action": "destroy", "title": "Bons"}
    both = {"records": [one], "query": {}}
    for wrong in (told, told | both, told | {"records": []}, told | {"query": {}, "title": " "}):
        assert code(office.anne.change("POST", API, **wrong)) == (422, "bad_disposal"), wrong
    assert code(office.claire.change("POST", API, **told, query={})) == (403, "scope_missing")
    unknown = office.anne.change("POST", API, **told, records=["0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01"])
    assert code(unknown) == (404, "record_not_found")
    made = office.draft(None, query={"document_type": "lot"})
    assert set(office.states(made["id"])) == set(office.due(2, "lot")), "all that is ready, and nothing else"
    assert code(office.anne.change("POST", API, **told, records=list(office.states(made["id"])))) == (
        409,
        "record_in_disposal",
    )
