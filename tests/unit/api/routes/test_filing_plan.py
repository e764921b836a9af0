"""The filing plan over the API: nodes, files, their records, refusals, effects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from archive.database.retention_tables import PlanNodeRow, RecordNodeRow, StatementRow
from archive.database.tables import RecordRow
from archive.holdings.describe import describe
from archive.model.identifiers import new_id
from ingestion.assembly import System
from signing.ground.errors import Refused
from tests.holdings import keep, receive

KeyOf = Callable[..., str]
NODES = "/api/v1/classification/nodes"
FILES = "/api/v1/files"


@pytest.fixture
def caller(client: TestClient, key_of: KeyOf) -> TestClient:
    key = key_of("a", "retention:write", "record:read", "record:describe", "deposit:write")
    client.headers["Authorization"] = f"Bearer {key}"
    return client


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def made(client: TestClient, path: str, **given: Any) -> dict[str, Any]:
    answer = client.post(path, json=given)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["etag"] == f'"{body["number"]}"'
    return body


def a_class(client: TestClient, mark: str, **given: Any) -> dict[str, Any]:
    return made(client, NODES, kind="class", code=mark, title=f"Classe {mark}", **given)


def a_file(client: TestClient, mark: str, **given: Any) -> dict[str, Any]:
    return made(client, FILES, code=mark, title=f"Dossier {mark}", **given)


def tag(node: dict[str, Any]) -> dict[str, str]:
    return {"If-Match": f'"{node["number"]}"'}


def record_in(system: System, folder: Path, number: int, **described: Any) -> str:
    record = keep(system, folder, number, "a")
    if described:
        describe(system.stores, "a", record, described, agent="user:1", expected_revision=1)
    return record


def settled(system: System, record: str) -> RecordRow:
    with system.database.read() as session:
        return session.get_one(RecordRow, record)


# -- the thin path: class, file, deposit, closing


def test_a_file_is_opened_filled_closed_and_reopened(caller: TestClient, bare_system: System, tmp_path: Path) -> None:
    above = a_class(caller, "2.3")
    file = a_file(caller, "MAR-1", parent_id=above["id"], opened_on="2020-01-01")
    assert (file["state"], file["path"], file["closed_on"]) == ("open", ["2.3"], None)
    record = record_in(bare_system, tmp_path, 1)
    filed = caller.post(f"{FILES}/{file['id']}/records", json={"records": [record]})
    assert filed.json() == {"records": [{"record": record, "filed": True, "code": None, "detail": None}]}

    shown = caller.get(f"{FILES}/{file['id']}").json()
    assert (shown["content"]["records"], shown["content"]["latest_document"]) == (1, "2026-03-12")
    assert shown["content"]["bytes"] == sum(
        form["size"] for form in caller.get(f"/api/v1/records/{record}").json()["representations"]
    )
    listed = caller.get(f"{FILES}/{file['id']}/records").json()["records"]
    assert [one["id"] for one in listed] == [record]

    closed = caller.post(f"{FILES}/{file['id']}/close", json={"closed_on": "2026-03-12"}, headers=tag(file))
    assert (closed.json()["state"], closed.json()["closed_on"]) == ("closed", "2026-03-12")
    assert settled(bare_system, record).stale_since is not None
    reopened = caller.post(f"{FILES}/{file['id']}/reopen", json={"reason": "Une pièce"}, headers=tag(closed.json()))
    assert (reopened.json()["state"], reopened.json()["number"]) == ("open", 3)
    with bare_system.database.read() as session:
        told = session.query(StatementRow).filter_by(subject=file["id"]).order_by(StatementRow.number).all()
        assert [b"Une pi" in one.content for one in told] == [False, False, True]


def test_a_closed_file_takes_no_document(caller: TestClient, bare_system: System, tmp_path: Path) -> None:
    file = a_file(caller, "MAR-1", closed_on="2026-03-20")
    a_file(caller, "MAR-2")
    with pytest.raises(Refused) as refused:
        receive(bare_system, b"%PDF", "k1", "a", file="MAR-2; MAR-1")
    assert (refused.value.code, refused.value.pointer) == ("file_closed", "/file")
    record = record_in(bare_system, tmp_path, 1)
    answer = caller.post(f"{FILES}/{file['id']}/records", json={"records": [record, new_id()]})
    assert [one["code"] for one in answer.json()["records"]] == ["file_closed", "record_not_found"]
    changed = caller.patch(f"/api/v1/records/{record}", json={"file": "MAR-1"}, headers={"If-Match": "*"})
    assert code(changed) == (422, "file_closed")
    assert settled(bare_system, record).file is None


def test_a_document_of_a_closed_file_stays_and_gets_no_later_date(
    caller: TestClient, bare_system: System, tmp_path: Path
) -> None:
    file = a_file(caller, "MAR-1")
    record = record_in(bare_system, tmp_path, 1, file="MAR-1")
    closing = caller.post(f"{FILES}/{file['id']}/close", json={"closed_on": "2026-03-12"}, headers=tag(file))
    assert closing.status_code == 200
    path = f"/api/v1/records/{record}"
    assert caller.patch(path, json={"title": "Autre"}, headers={"If-Match": "*"}).status_code == 200
    later = caller.patch(path, json={"document_date": "2026-03-13"}, headers={"If-Match": "*"})
    assert code(later) == (422, "file_closed")
    assert later.json()["errors"][0]["pointer"] == "/document_date"


def test_a_file_closed_while_a_document_is_put_into_it_refuses_it(
    caller: TestClient, bare_system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check at the door and the claim of the revision."""
    from archive.holdings import describe as module

    file = a_file(caller, "MAR-1")
    record = record_in(bare_system, tmp_path, 1)
    write = module.write_version

    def closing_first(*args: Any, **more: Any) -> Any:
        answer = caller.post(f"{FILES}/{file['id']}/close", json={"closed_on": "2026-03-12"}, headers=tag(file))
        assert answer.status_code == 200
        return write(*args, **more)

    monkeypatch.setattr(module, "write_version", closing_first)
    with pytest.raises(Refused) as refused:
        describe(bare_system.stores, "a", record, {"file": "MAR-1"}, agent="user:1", expected_revision=1)
    assert refused.value.code == "file_closed"
    assert (settled(bare_system, record).file, settled(bare_system, record).revision) == (None, 1)


def test_an_unknown_file_is_taken_as_given_and_filled_once_it_is_there(
    caller: TestClient, bare_system: System, tmp_path: Path
) -> None:
    alone = record_in(bare_system, tmp_path, 1, file="MAR-9")
    several = record_in(bare_system, tmp_path, 2, file="AUTRE-1 ; MAR-9")
    other = record_in(bare_system, tmp_path, 3, file="MAR-99")
    classed = record_in(bare_system, tmp_path, 4, classification="2.4")
    file, above = a_file(caller, "MAR-9"), a_class(caller, "2.4")
    with bare_system.database.read() as session:
        there = {(one.node_id, one.record_id) for one in session.query(RecordNodeRow)}
    assert there == {(file["id"], alone), (file["id"], several), (above["id"], classed)}
    assert file["content"]["records"] == 2
    assert settled(bare_system, several).stale_since is not None
    assert settled(bare_system, other).stale_since is None


# -- closing


def test_a_file_is_closed_neither_before_its_latest_document_nor_in_the_future(
    caller: TestClient, bare_system: System, tmp_path: Path
) -> None:
    file = a_file(caller, "MAR-1", opened_on="2021-05-01")
    record = record_in(bare_system, tmp_path, 1, file="MAR-1")
    path = f"{FILES}/{file['id']}/close"
    early = caller.post(path, json={"closed_on": "2026-03-11"}, headers=tag(file))
    assert code(early) == (422, "bad_closing")
    assert record in early.json()["detail"]
    assert early.json()["errors"][0]["pointer"] == "/closed_on"
    for day in ("9000-01-01", "2021-04-30"):
        assert code(caller.post(path, json={"closed_on": day}, headers=tag(file))) == (422, "bad_closing"), day
    for day in ("2026-02-30", "hier", None, 20260312):
        assert caller.post(path, json={"closed_on": day}, headers=tag(file)).status_code == 422, day
    shown = caller.get(f"{FILES}/{file['id']}").json()
    assert (shown["closed_on"], shown["number"]) == (None, 1)
    assert code(caller.post(f"{FILES}/{file['id']}/reopen", json={"reason": "x"}, headers=tag(file))) == (
        409,
        "file_not_closed",
    )
    closed = caller.post(path, json={"closed_on": "2026-03-12"}, headers=tag(file)).json()
    assert code(caller.post(path, json={"closed_on": "2026-03-12"}, headers=tag(closed))) == (
        409,
        "file_already_closed",
    )
    for reason in ("", "   "):
        answer = caller.post(f"{FILES}/{file['id']}/reopen", json={"reason": reason}, headers=tag(closed))
        assert answer.status_code == 422


# -- the tree


def test_a_code_never_serves_twice_and_a_node_with_content_stays(
    caller: TestClient, bare_system: System, tmp_path: Path
) -> None:
    above = a_class(caller, "2")
    below = a_class(caller, "2.1", parent_id=above["id"])
    full = a_file(caller, "F-1")
    record_in(bare_system, tmp_path, 1, file="F-1")
    again = caller.post(NODES, json={"kind": "class", "code": "2.1", "title": "Encore"})
    assert code(again) == (409, "node_code_used")
    for node in (above, full):
        answer = caller.post(f"{NODES}/{node['id']}/remove", json={"reason": "Doublon"}, headers=tag(node))
        assert code(answer) == (409, "node_not_empty")
        assert caller.get(f"{NODES}/{node['id']}").status_code == 200
    assert (
        caller.post(f"{NODES}/{below['id']}/remove", json={"reason": "Doublon"}, headers=tag(below)).status_code == 204
    )
    assert code(caller.get(f"{NODES}/{below['id']}")) == (404, "node_not_found")
    again = caller.post(NODES, json={"kind": "class", "code": "2.1", "title": "Encore"})
    assert code(again) == (409, "node_code_used")
    assert caller.post(f"{NODES}/{above['id']}/remove", json={"reason": "Vide"}, headers=tag(above)).status_code == 204


def test_a_plan_has_no_circle_no_abyss_and_nothing_in_a_file(caller: TestClient, key_of: KeyOf) -> None:
    first = a_class(caller, "1")
    second = a_class(caller, "1.1", parent_id=first["id"])
    third = a_class(caller, "1.1.1", parent_id=second["id"])
    file = a_file(caller, "F-1")
    for wanted in (first, third):
        answer = caller.patch(f"{NODES}/{first['id']}", json={"parent_id": wanted["id"]}, headers=tag(first))
        assert code(answer) == (422, "node_cycle")
    for parent in (file["id"], new_id(), "rien"):
        answer = caller.patch(f"{NODES}/{third['id']}", json={"parent_id": parent}, headers=tag(third))
        assert code(answer) == (422, "bad_node"), parent
        assert answer.json()["errors"][0]["pointer"] == "/parent_id"
    last = third
    for level in range(4, 21):
        last = a_class(caller, f"n{level}", parent_id=last["id"])
    deeper = caller.post(NODES, json={"kind": "class", "code": "n21", "title": "x", "parent_id": last["id"]})
    assert code(deeper) == (422, "plan_too_deep")
    apart = a_class(caller, "z")
    a_class(caller, "z.1", parent_id=apart["id"])
    level19 = caller.get(NODES, params={"code": "n19"}).json()["nodes"][0]
    answer = caller.patch(f"{NODES}/{apart['id']}", json={"parent_id": level19["id"]}, headers=tag(apart))
    assert code(answer) == (422, "plan_too_deep")


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"kind": "dossier"}, "/kind"),
        ({"code": ""}, "/code"),
        ({"code": "a;b"}, "/code"),
        ({"code": "a\nb"}, "/code"),
        ({"code": "x" * 101}, "/code"),
        ({"title": "  "}, "/title"),
        ({"opened_on": "2020-01-01"}, "/opened_on"),
        ({"retention": {"rules": [""]}}, "/retention"),
        ({"retention": {"starts": {"A": {"on": "2020-02-30"}}}}, "/retention/starts/A/on"),
        ({"extent": {"metres": "dix"}}, "/extent"),
        ({"extent": {"metres": "-1"}}, "/extent"),
        ({"extent": {"metres": "Infinity"}}, "/extent"),
        ({"extent": {"from": "2020-01-01", "to": "2019-01-01"}}, "/extent"),
        ({"extent": {"poids": "3"}}, "/extent/poids"),
        ({"couleur": "rouge"}, "/couleur"),
    ],
    ids=str,
)
def test_a_bad_node_is_refused_at_its_field(caller: TestClient, given: dict[str, Any], pointer: str) -> None:
    answer = caller.post(NODES, json={"kind": "class", "code": "2", "title": "Deux"} | given)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert caller.get(NODES).json()["nodes"] == []


def test_code_and_kind_never_change(caller: TestClient) -> None:
    node = a_class(caller, "2")
    for given in ({"code": "3"}, {"kind": "file"}, {"closed_on": "2020-01-01"}):
        assert caller.patch(f"{NODES}/{node['id']}", json=given, headers=tag(node)).status_code == 422


# -- two people at once, and other towns


def test_two_people_on_one_node_see_both_states(caller: TestClient) -> None:
    node = a_class(caller, "2")
    path = f"{NODES}/{node['id']}"
    assert code(caller.patch(path, json={"title": "x"})) == (428, "precondition_required")
    first = caller.patch(path, json={"title": "Finances"}, headers=tag(node))
    assert (first.json()["number"], first.headers["etag"]) == (2, '"2"')
    second = caller.patch(path, json={"title": "Budget"}, headers=tag(node))
    assert code(second) == (412, "precondition_failed")
    assert second.json()["current"]["title"] == "Finances"
    assert second.json()["sent"] == {"title": "Budget"}
    for wrong in ('"1"', 'W/"2"', '"deux"', "2"):
        assert caller.patch(path, json={"title": "x"}, headers={"If-Match": wrong}).status_code == 412
    removal = caller.post(f"{path}/remove", json={"reason": "x"}, headers=tag(node))
    assert code(removal) == (412, "precondition_failed")
    same = caller.patch(path, json={"title": "Finances"}, headers={"If-Match": "*"})
    assert same.json()["number"] == 2  # nothing changed, nothing stated


def test_another_town_sees_nothing_of_a_plan(caller: TestClient, key_of: KeyOf) -> None:
    node, file = a_class(caller, "2"), a_file(caller, "F-1")
    key = key_of("b", "retention:write", "record:read", "record:describe")
    theirs = {"Authorization": f"Bearer {key}"}
    assert caller.get(NODES, headers=theirs).json() == {"nodes": [], "next": None}
    for answer in (
        caller.get(f"{NODES}/{node['id']}", headers=theirs),
        caller.patch(f"{NODES}/{node['id']}", json={"title": "x"}, headers=theirs | tag(node)),
        caller.post(f"{NODES}/{node['id']}/remove", json={"reason": "x"}, headers=theirs | tag(node)),
        caller.get(f"{FILES}/{file['id']}", headers=theirs),
        caller.post(f"{FILES}/{file['id']}/close", json={"closed_on": "2020-01-01"}, headers=theirs | tag(file)),
        caller.post(f"{FILES}/{file['id']}/records", json={"records": [new_id()]}, headers=theirs),
    ):
        assert code(answer) == (404, "node_not_found")
    inside = caller.post(
        NODES, json={"kind": "class", "code": "2.1", "title": "x", "parent_id": node["id"]}, headers=theirs
    )
    assert code(inside) == (422, "bad_node")
    made = caller.post(NODES, json={"kind": "class", "code": "2", "title": "La leur"}, headers=theirs)
    assert made.status_code == 201


def test_a_class_is_no_file(caller: TestClient) -> None:
    node = a_class(caller, "2")
    assert code(caller.get(f"{FILES}/{node['id']}")) == (404, "node_not_found")
    answer = caller.post(f"{FILES}/{node['id']}/close", json={"closed_on": "2020-01-01"}, headers=tag(node))
    assert code(answer) == (404, "node_not_found")
    assert code(caller.post(f"{FILES}/{node['id']}/records", json={"records": [new_id()]})) == (422, "bad_node")


# -- effects


def test_the_effect_of_a_change_is_told_and_nothing_is_changed(
    caller: TestClient, bare_system: System, tmp_path: Path
) -> None:
    above, apart = a_class(caller, "2"), a_class(caller, "3")
    file = a_file(caller, "F-1", parent_id=above["id"])
    record = record_in(bare_system, tmp_path, 1, file="F-1")
    with bare_system.database.write() as session:
        session.get_one(RecordRow, record).stale_since = None
        session.flush()
    for path, given in (
        (f"{FILES}/{file['id']}/close", {"closed_on": "2026-03-12"}),
        (f"{FILES}/{file['id']}", {"parent_id": apart["id"]}),
        (f"{NODES}/{above['id']}", {"retention": {"block_all": True}}),
    ):
        node = file if file["id"] in path else above
        method = "POST" if path.endswith("close") else "PATCH"
        answer = caller.request(method, path, json=given, headers=tag(node), params={"dry_run": "true"})
        assert answer.status_code == 200, answer.text
        assert (answer.json()["records"], answer.json()["whole"]) == (1, True)
    assert settled(bare_system, record).stale_since is None
    assert caller.get(f"{FILES}/{file['id']}").json() == caller.get(f"{NODES}/{file['id']}").json()
    assert caller.get(f"{FILES}/{file['id']}").json()["number"] == 1
    with bare_system.database.read() as session:
        assert session.query(StatementRow).count() == 3
    moved = caller.patch(f"{FILES}/{file['id']}", json={"parent_id": apart["id"]}, headers=tag(file))
    assert moved.json()["path"] == ["3"]
    assert settled(bare_system, record).stale_since is not None


def test_a_new_title_makes_no_date_stale(caller: TestClient, bare_system: System, tmp_path: Path) -> None:
    file = a_file(caller, "F-1")
    record = record_in(bare_system, tmp_path, 1, file="F-1")
    with bare_system.database.write() as session:
        session.get_one(RecordRow, record).stale_since = None
    caller.patch(f"{FILES}/{file['id']}", json={"title": "Autre"}, headers=tag(file))
    assert settled(bare_system, record).stale_since is None


# -- lists


def test_lists_filter_and_page(caller: TestClient) -> None:
    above = a_class(caller, "2", extent={"medium": "papier", "metres": "0,350", "place": "Travée 4"})
    assert above["extent"] == {"medium": "papier", "metres": "0.35", "from": None, "to": None, "place": "Travée 4"}
    for number in range(5):
        a_file(caller, f"F-{number}", parent_id=above["id"], producer="Voirie" if number < 2 else "Achats")
    closed = caller.get(FILES, params={"code": "F-3"}).json()["files"][0]
    caller.post(f"{FILES}/{closed['id']}/close", json={"closed_on": "2020-01-01"}, headers=tag(closed))

    def codes(**query: Any) -> list[str]:
        return [one["code"] for one in caller.get(FILES, params=query).json()["files"]]

    assert codes(state="closed") == ["F-3"]
    assert codes(state="open", producer="Achats") == ["F-2", "F-4"]
    assert codes(q="dossier f-1") == ["F-1"]
    assert codes(q="%") == []
    assert codes(parent=above["id"], limit=2) == ["F-0", "F-1"]
    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = caller.get(NODES, params=query).json()
        found += [one["code"] for one in page["nodes"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == ["2", "F-0", "F-1", "F-2", "F-3", "F-4"]
    top = caller.get(NODES, params={"parent": ""}).json()["nodes"]
    assert [(one["code"], one["content"]["nodes"]) for one in top] == [("2", 5)]
    assert [one["code"] for one in caller.get(NODES, params={"kind": "class"}).json()["nodes"]] == ["2"]


def test_what_is_stated_reaches_the_store_and_comes_back(
    caller: TestClient, bare_system: System, tmp_path: Path
) -> None:
    file = a_file(caller, "F-1", retention={"rules": ["R-1"], "in_addition": True})
    caller.post(f"{FILES}/{file['id']}/close", json={"closed_on": "2020-01-01"}, headers=tag(file))
    assert bare_system.statements.settle().settled == 2
    keys = [one.key for one in bare_system.store.list("register/a/statements/node/")]
    assert len(keys) == 2
    with bare_system.database.read() as session:
        row = session.get_one(PlanNodeRow, file["id"])
        assert (row.retention, row.number) == ({"rules": ["R-1"], "in_addition": True}, 2)
