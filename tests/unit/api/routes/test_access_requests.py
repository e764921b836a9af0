"""The register of access requests over the API: who asked stays out of the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from archive.catalogue.access_requests import pressing
from archive.catalogue.access_steps import Warned
from archive.custody.rebuild.statements import disagreements
from archive.database.access_tables import AccessRequestRow
from archive.database.tables import JournalEntryRow
from ingestion.assembly import System
from signing.ground.clock import utc_now

KeyOf = Callable[..., str]
PATH = "/api/v1/access-requests"
NAME = "Zénobie Xylophone"


@pytest.fixture
def caller(client: TestClient, key_of: KeyOf) -> TestClient:
    client.headers["Authorization"] = f"Bearer {key_of('a', 'retention:write')}"
    return client


def made(client: TestClient, **given: Any) -> dict[str, Any]:
    values = {"kind": "derogation", "requester": NAME, "subject": "Dossiers", "registered_on": "2026-03-31"} | given
    answer = client.post(PATH, json=values)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["etag"] == '"1"'
    return body


def step(client: TestClient, body: dict[str, Any], name: str, tag: int | None = None, **more: Any) -> Any:
    given = {"step": name, "on": "2026-04-02", "text": f"dit {name}"} | more
    headers = {"If-Match": f'"{tag or body["number"]}"'}
    return client.post(f"{PATH}/{body['id']}/steps", json=given, headers=headers)


def test_a_derogation_is_registered_answered_and_closed(caller: TestClient, bare_system: System) -> None:
    body = made(caller)
    assert (body["state"], body["answer_by"]) == ("registered", "2026-05-31")
    for name, more in (("send", {}), ("answer", {"agreed": True}), ("grant", {}), ("consult", {}), ("close", {})):
        answer = step(caller, body, name, **more)
        assert answer.status_code == 200, answer.text
        body = answer.json()
    assert (body["state"], body["number"], body["next_steps"]) == ("closed", 6, [])
    assert caller.get(f"{PATH}/{body['id']}").json() == body
    with bare_system.database.read() as session:
        bodies = [row.body for row in session.scalars(select(JournalEntryRow))]
        assert list(disagreements(session, lambda *_: True)) == []
    told = b"".join(bodies).decode()
    assert told.count("AccessRequestStated") == 6
    assert "Xylophone" not in told


def test_two_people_on_one_request_see_both_states(caller: TestClient) -> None:
    body = made(caller)
    assert step(caller, body, "send").status_code == 200
    answer = step(caller, body, "send", tag=1)
    assert answer.status_code == 412
    assert (answer.json()["current"]["state"], answer.json()["sent"]["step"]) == ("sent", "send")


def test_what_does_not_follow_is_refused_and_nothing_changes(caller: TestClient) -> None:
    body = made(caller)
    for name, more, code in (
        ("grant", {}, (409, "access_step_refused")),
        ("consult", {}, (409, "access_step_refused")),
        ("send", {"text": ""}, (422, "bad_access_request")),
        ("send", {"on": "2999-01-01"}, (422, "bad_access_request")),
    ):
        answer = step(caller, body, name, **more)
        assert (answer.status_code, answer.json()["code"]) == code
    assert caller.get(f"{PATH}/{body['id']}").json()["number"] == 1


def test_the_list_filters_pages_and_goes_to_a_spreadsheet(caller: TestClient) -> None:
    first = made(caller, subject="Cadastre")
    second = made(caller, kind="communication", requester="=cmd()", subject="Budget")
    step(caller, second, "refuse", text="Vie privée")
    shown = caller.get(PATH, params={"limit": 1}).json()
    assert [one["id"] for one in shown["requests"]] == [second["id"]]
    more = caller.get(PATH, params={"limit": 1, "cursor": shown["next"]}).json()
    assert ([one["id"] for one in more["requests"]], more["next"]) == ([first["id"]], None)
    for params, wanted in (
        ({"kind": "derogation"}, [first["id"]]),
        ({"state": "refused"}, [second["id"]]),
        ({"q": "cada"}, [first["id"]]),
        ({"registered_from": "2026-04-01"}, []),
    ):
        found = caller.get(PATH, params=params).json()["requests"]
        assert [one["id"] for one in found] == wanted, params
    told = caller.get(PATH, headers={"Accept": "text/csv"}).text
    assert "'=cmd()" in told
    assert "CADA" in told


def test_an_early_opening_shows_its_effect_and_is_in_force_until_withdrawn(caller: TestClient) -> None:
    opening = {"producer": "voirie", "opens_on": "2030-01-01"}
    body = made(caller, kind="early_opening", opening=opening)
    assert (body["answer_by"], body["warning"], body["opening"]["producer"]) == (None, None, "voirie")
    effect = caller.get(f"{PATH}/{body['id']}/effect").json()
    assert (effect["records"], effect["changed"], effect["opens_on"]) == (0, 0, "2030-01-01")
    assert step(caller, body, "grant").json()["code"] == "access_step_refused"
    for name, more in (("send", {}), ("answer", {"agreed": True}), ("grant", {})):
        body = step(caller, body, name, **more).json()
    assert (body["state"], body["next_steps"], body["opening"]["records"]) == ("granted", ["withdraw"], 0)
    found = caller.get(PATH, params={"kind": "early_opening", "state": "open"}).json()["requests"]
    assert [one["id"] for one in found] == [body["id"]]
    assert step(caller, body, "withdraw", text="").json()["code"] == "bad_access_request"
    body = step(caller, body, "withdraw").json()
    assert (body["state"], body["next_steps"]) == ("withdrawn", [])
    assert caller.get(PATH, params={"state": "open"}).json()["requests"] == []
    told = caller.get(PATH, headers={"Accept": "text/csv"}).text
    assert "voirie;2030-01-01;2026-04-02" in told
    for wrong in (opening, None):
        given = {"kind": "early_opening" if wrong is None else "derogation", "requester": NAME, "subject": "x"}
        answer = caller.post(PATH, json=given | ({"opening": wrong} if wrong else {}))
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_access_request")
    plain = made(caller)
    assert caller.get(f"{PATH}/{plain['id']}/effect").json()["code"] == "access_request_not_found"


def test_another_tenant_sees_none_of_it(caller: TestClient, key_of: KeyOf) -> None:
    body = made(caller)
    caller.headers["Authorization"] = f"Bearer {key_of('b', 'retention:write')}"
    assert caller.get(PATH).json()["requests"] == []
    assert caller.get(f"{PATH}/{body['id']}").json()["code"] == "access_request_not_found"
    assert step(caller, body, "send").json()["code"] == "access_request_not_found"


def test_the_home_page_is_told_what_presses(caller: TestClient, bare_system: System) -> None:
    today = utc_now().date()
    late = made(caller, registered_on="2020-01-01")
    made(caller, registered_on=today.isoformat())
    made(caller, kind="communication", registered_on="2020-01-01")
    with bare_system.database.read() as session:
        found = pressing(session, "a", today)
    assert [(row.id, what) for row, what in found] == [(late["id"], Warned.LATE)]


def test_a_rebuild_brings_the_row_back_from_its_statement(caller: TestClient, bare_system: System) -> None:
    body = made(caller)
    with bare_system.database.write() as session:
        session.get_one(AccessRequestRow, body["id"]).state = "closed"
    with bare_system.database.read() as session:
        wrong = list(disagreements(session, lambda *_: True))
    assert wrong == [(f"statement:request:{body['id']}", "access_requests.state")]
