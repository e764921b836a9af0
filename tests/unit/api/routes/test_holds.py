"""Holds over the API and on the record's page: who may, what is answered, what is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access.tables import UserRow
from archive.catalogue import rows as catalogue
from archive.model.identifiers import new_id
from ingestion.assembly import System
from signing.ground.errors import Unavailable
from tests.holdings import keep

Person = Callable[[str, str], tuple[UserRow, str]]
KeyOf = Callable[..., str]
OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}


@pytest.fixture
def record(bare_system: System, tmp_path: Path) -> str:
    return keep(bare_system, tmp_path, 1, "a")


@pytest.fixture
def caller(client: TestClient, key_of: KeyOf) -> TestClient:
    client.headers["Authorization"] = f"Bearer {key_of('a', 'hold:write', 'record:read')}"
    return client


@pytest.fixture
def archivist(client: TestClient, person: Person) -> TestClient:
    _, token = person("a", "archivist")
    client.post(f"/connexion/{token}", headers=OURS)
    return client


def in_store(system: System, record: str) -> set[bool]:
    with system.database.read() as session:
        return {system.store.stat(item.key, item.version).legal_hold for item in catalogue.placed(session, record)}


def place(client: TestClient, *records: str, **given: Any) -> Any:
    return client.post("/api/v1/holds", json={"reason": "Contentieux", "records": list(records)} | given)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def csrf(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert found
    return found[1]


# -- API


def test_a_hold_is_placed_shown_and_released(caller: TestClient, bare_system: System, record: str) -> None:
    made = place(caller, record)
    assert made.status_code == 201
    hold = made.json()
    assert made.headers["location"] == f"/api/v1/holds/{hold['id']}"
    assert (hold["state"], hold["records"], hold["in_step"], hold["until"]) == ("active", [record], True, None)
    assert (hold["reason"], hold["placed_by"], hold["released_at"]) == ("Contentieux", "essai", None)
    assert in_store(bare_system, record) == {True}

    shown = caller.get(f"/api/v1/records/{record}").json()
    assert shown["holds"] == [{name: hold[name] for name in ("id", "reason", "until", "placed_at", "in_step")}]
    assert {form["store"]["legal_hold"] for form in shown["representations"]} == {True}
    assert caller.get(f"/api/v1/holds/{hold['id']}").json() == hold

    released = caller.post(f"/api/v1/holds/{hold['id']}/release", json={"reason": "Jugé"})
    assert released.status_code == 200
    assert (released.json()["state"], released.json()["release_reason"]) == ("released", "Jugé")
    assert in_store(bare_system, record) == {False}
    shown = caller.get(f"/api/v1/records/{record}").json()
    assert shown["holds"] == []
    assert {form["store"]["legal_hold"] for form in shown["representations"]} == {False}
    assert code(caller.post(f"/api/v1/holds/{hold['id']}/release", json={"reason": "x"})) == (409, "hold_released")

    history = caller.get(f"/api/v1/records/{record}/history").json()["entries"]
    assert [entry["sentence"] for entry in history][-2:] == ["Gelé : ne peut pas être éliminé.", "Gel levé."]
    assert "Contentieux" not in json.dumps(history)


def test_lists_are_paged_and_filtered(caller: TestClient, record: str) -> None:
    ids = [place(caller, record, reason=f"Motif {n}").json()["id"] for n in range(3)]
    caller.post(f"/api/v1/holds/{ids[1]}/release", json={"reason": "Jugé"})
    first = caller.get("/api/v1/holds", params={"limit": 2}).json()
    rest = caller.get("/api/v1/holds", params={"limit": 2, "cursor": first["next"]}).json()
    assert [one["id"] for one in first["holds"] + rest["holds"]] == ids[::-1]
    assert rest["next"] is None
    active = caller.get("/api/v1/holds", params={"state": "active"}).json()["holds"]
    assert [one["id"] for one in active] == [ids[2], ids[0]]
    assert [one["id"] for one in caller.get("/api/v1/holds?state=ended").json()["holds"]] == [ids[1]]


def test_what_is_wrong_is_said_with_its_place(caller: TestClient, bare_system: System, record: str) -> None:
    assert code(place(caller)) == (422, "invalid_request")
    assert code(caller.post("/api/v1/holds", json={"reason": "x"})) == (422, "bad_hold")
    assert code(place(caller, record, reason=" ")) == (422, "bad_hold")
    past = (bare_system.clock().date() - timedelta(1)).isoformat()
    refused = place(caller, record, until=past)
    assert code(refused) == (422, "bad_hold")
    assert refused.json()["errors"][0]["pointer"] == "/until"
    assert code(place(caller, record, new_id())) == (404, "record_not_found")
    for wrong, pointer in (({"query": {}}, "/query"), ({"query": {"colour": "red"}}, "/query/colour")):
        asked = caller.post("/api/v1/holds", json={"reason": "x"} | wrong)
        assert code(asked) == (422, "bad_hold_query")
        assert asked.json()["errors"][0]["pointer"] == pointer
    assert code(place(caller, record, query="marché")) == (422, "bad_hold")
    nowhere = caller.post("/api/v1/holds", json={"reason": "x", "node": new_id()})
    assert code(nowhere) == (404, "node_not_found")
    assert code(caller.get(f"/api/v1/holds/{new_id()}")) == (404, "hold_not_found")
    assert caller.get("/api/v1/holds").json()["holds"] == []


def test_a_query_says_first_what_it_would_hold_then_holds_it(caller: TestClient, record: str) -> None:
    wanted = {"reason": "Contentieux", "query": {"document_type": "deliberation", "words": "acte"}}
    first = caller.post("/api/v1/holds", json=wanted | {"dry_run": True})
    assert (first.status_code, first.json()["record_count"], first.json()["records"]) == (200, 1, [record])
    assert caller.get("/api/v1/holds").json()["holds"] == []
    made = caller.post("/api/v1/holds", json=wanted | {"authority": "judge", "reference": "TA 26", "owner": "DAJ"})
    assert made.status_code == 201
    hold = made.json()
    assert (hold["scope"], hold["query"], hold["records"]) == (
        "query",
        {"document_type": ["deliberation"], "words": "acte"},
        [record],
    )
    assert (hold["record_count"], hold["settled_count"], hold["in_step"]) == (1, 1, True)
    for given, found in (
        ({"authority": "judge"}, 1),
        ({"authority": "audit"}, 0),
        ({"scope": "query", "owner": "DAJ", "reference": "TA 26"}, 1),
        ({"scope": "list"}, 0),
        ({"record": record}, 1),
        ({"record": new_id()}, 0),
    ):
        assert len(caller.get("/api/v1/holds", params=given).json()["holds"]) == found, given
    listed = caller.get(f"/api/v1/holds/{hold['id']}/records").json()
    assert listed == {"records": [record], "next": None}


def test_a_review_moves_its_day_and_releases_nothing(caller: TestClient, bare_system: System, record: str) -> None:
    today = bare_system.clock().date()
    soon, later = (today + timedelta(30)).isoformat(), (today + timedelta(200)).isoformat()
    hold = place(caller, record, review_on=soon, owner="DAJ").json()
    assert len(caller.get("/api/v1/holds", params={"review_by": soon}).json()["holds"]) == 1
    path = f"/api/v1/holds/{hold['id']}/reviews"
    assert code(caller.post(path, json={"comment": " "})) == (422, "bad_hold")
    past = (today - timedelta(2)).isoformat()
    assert code(caller.post(path, json={"comment": "x", "review_on": past})) == (422, "bad_hold")
    shown = caller.post(path, json={"comment": "L’affaire continue", "review_on": later}).json()
    assert (shown["state"], shown["review_on"], shown["last_review"], shown["owner"]) == (
        "active",
        later,
        "L’affaire continue",
        "DAJ",
    )
    assert caller.get("/api/v1/holds", params={"review_by": soon}).json()["holds"] == []
    assert caller.post(path, json={"comment": "Plus de revue"}).json()["review_on"] is None
    caller.post(f"/api/v1/holds/{hold['id']}/release", json={"reason": "Jugé"})
    assert code(caller.post(path, json={"comment": "x"})) == (409, "hold_released")


def test_only_who_may_hold_holds(client: TestClient, key_of: KeyOf, record: str, bare_system: System) -> None:
    hold = bare_system.holds.place("a", [record], reason="Secret", until=None, agent="user:1")
    for tenant, scopes, expected in (
        ("a", ("record:read", "record:describe", "admin"), (403, 403, 200)),
        ("a", ("hold:write",), (201, 200, 403)),
        ("b", ("hold:write", "record:read"), (404, 404, 404)),
    ):
        client.headers["Authorization"] = f"Bearer {key_of(tenant, *scopes)}"
        placed = place(client, record)
        got = client.get(f"/api/v1/holds/{hold}")
        released = client.post(f"/api/v1/holds/{hold}/release", json={"reason": "x"})
        assert (placed.status_code, released.status_code, got.status_code) == expected
        if tenant == "b":
            assert client.get("/api/v1/holds").json()["holds"] == []
            assert "Secret" not in got.text


def test_a_store_that_is_away_does_not_stop_the_decision(
    caller: TestClient, bare_system: System, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise Unavailable("store_away", "Le magasin ne répond pas.")

    with monkeypatch.context() as patch:
        patch.setattr(bare_system.store, "hold", away)
        made = place(caller, record)
    assert (made.status_code, made.json()["in_step"]) == (201, False)
    shown = caller.get(f"/api/v1/records/{record}").json()
    assert [one["in_step"] for one in shown["holds"]] == [False]
    assert {form["store"]["legal_hold"] for form in shown["representations"]} == {False}
    assert bare_system.holds.run().settled == 1
    assert caller.get(f"/api/v1/holds/{made.json()['id']}").json()["in_step"] is True


# -- page


def post(client: TestClient, path: str, **form: str) -> Any:
    return client.post(path, data={"csrf": csrf(client)} | form, headers=OURS, follow_redirects=False)


def test_an_archivist_holds_and_releases_on_the_page(archivist: TestClient, bare_system: System, record: str) -> None:
    page = f"/documents/{record}"
    assert "Ce document n’est pas gelé." in archivist.get(page).text
    answer = post(archivist, f"{page}/geler", reason="Contentieux <du> marché.", day="31", month="12", year="2099")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{page}#gel")
    shown = archivist.get(page).text.replace("\u00a0", " ").replace("\u202f", " ")
    assert "jusqu’au 31 décembre 2099 : Contentieux &lt;du&gt; marché. Il ne peut pas être éliminé." in shown
    assert "Décidé par Essai." in shown
    assert in_store(bare_system, record) == {True}
    lever = re.search(rf'action="({page}/gels/[^"]+/lever)"', shown)
    assert lever
    assert post(archivist, lever[1], reason="Jugé").status_code == 303
    assert "Ce document n’est pas gelé." in archivist.get(page).text
    assert in_store(bare_system, record) == {False}
    again = post(archivist, lever[1], reason="Jugé")
    assert again.status_code == 422
    assert "Ce gel est déjà levé." in again.text


def test_a_faulty_form_comes_back_as_it_was_filled(archivist: TestClient, bare_system: System, record: str) -> None:
    answer = post(archivist, f"/documents/{record}/geler", reason="Contentieux", day="31", month="2", year="2099")
    assert answer.status_code == 422
    assert "n’existe pas" in answer.text
    assert 'href="#terme-day"' in answer.text
    assert ">Contentieux</textarea>" in answer.text
    assert 'value="2099"' in answer.text
    empty = post(archivist, f"/documents/{record}/geler", reason=" ")
    assert empty.status_code == 422
    assert 'href="#motif"' in empty.text
    assert in_store(bare_system, record) == {False}


def test_no_form_without_its_token_and_none_for_who_may_not(
    client: TestClient, person: Person, bare_system: System, record: str
) -> None:
    hold = bare_system.holds.place("a", [record], reason="Contentieux", until=None, agent="user:1")
    for role, may in (("clerk", False), ("reader", False), ("controller", False), ("tenant_admin", True)):
        client.cookies.clear()
        _, token = person("a", role)
        client.post(f"/connexion/{token}", headers=OURS)
        shown = client.get(f"/documents/{record}").text
        assert "ne peut pas être éliminé" in shown, "everybody who reads it is told"
        assert ("/geler" in shown, "/lever" in shown) == (may, may)
        for path in (f"/documents/{record}/geler", f"/documents/{record}/gels/{hold}/lever"):
            bare = client.post(path, data={"reason": "x"}, headers=OURS, follow_redirects=False)
            assert bare.status_code == 403, (role, path)
            if not may:
                assert post(client, path, reason="x").status_code == 403
    with bare_system.database.read() as session:
        assert [row.id for row in catalogue.holds_on(session, record)] == [hold]


def test_another_tenants_record_and_hold_are_not_there(
    client: TestClient, person: Person, bare_system: System, record: str, tmp_path: Path
) -> None:
    own = keep(bare_system, tmp_path, 2, "b")
    hold = bare_system.holds.place("a", [record], reason="Contentieux", until=None, agent="user:1")
    _, token = person("b", "archivist")
    client.post(f"/connexion/{token}", headers=OURS)
    assert post(client, f"/documents/{record}/geler", reason="x").status_code == 404
    assert post(client, f"/documents/{own}/gels/{hold}/lever", reason="x").status_code == 404


def test_the_page_speaks_english_too(archivist: TestClient, record: str) -> None:
    post(archivist, f"/documents/{record}/geler", reason="Litigation")
    archivist.post("/langue", data={"lang": "en", "retour": "/"}, headers=OURS)
    shown = archivist.get(f"/documents/{record}").text
    assert ". It cannot be disposed of." in shown
    assert "ne peut pas" not in shown


# -- pages of all holds


def test_the_pages_show_the_reach_first_then_place_review_and_release(
    archivist: TestClient, bare_system: System, record: str
) -> None:
    form = {"portee": "query", "words": "acte", "reason": "Enquête <2026>", "demande": "inquiry", "reference": "E 12"}
    first = post(archivist, "/gels", **form)
    assert first.status_code == 200
    assert "1 document serait gelé" in first.text.replace("\u202f", " ").replace("\u00a0", " ")
    assert f"/documents/{record}" in first.text
    assert "Aucun gel ici" in archivist.get("/gels").text, "nothing is held by looking"
    stale = post(archivist, "/gels", **form, suite="geler", vu="7")
    assert stale.status_code == 200, "what was seen is not what there is: it is shown again"
    made = post(archivist, "/gels", **form, suite="geler", vu="1")
    assert made.status_code == 303
    page = made.headers["location"]
    shown = archivist.get(page).text
    assert "Enquête &lt;2026&gt;" in shown
    assert f"/documents/{record}" in shown
    assert in_store(bare_system, record) == {True}
    assert page in archivist.get("/gels?etat=en-vigueur&demande=inquiry&portee=query&reference=E+12").text
    assert page not in archivist.get("/gels?demande=judge").text
    soon = bare_system.clock().date() + timedelta(40)
    day = {"revue-day": str(soon.day), "revue-month": str(soon.month), "revue-year": str(soon.year)}
    assert post(archivist, f"{page}/revoir", comment="", **day).status_code == 422
    assert post(archivist, f"{page}/revoir", comment="Suivi", **day).status_code == 303
    assert "Suivi" in archivist.get(page).text
    assert post(archivist, f"{page}/lever", reason="").status_code == 422
    assert post(archivist, f"{page}/retablir").status_code == 422, "it is in force"
    assert post(archivist, f"{page}/lever", reason="Close").status_code == 303
    assert "Close" in archivist.get(page).text
    assert page in archivist.get("/gels?etat=finis").text
    assert in_store(bare_system, record) == {False}


@pytest.mark.parametrize(
    ("form", "anchor"),
    [
        ({"portee": "list", "documents": "x", "reason": "x"}, "#documents"),
        ({"portee": "list", "documents": "", "reason": "x"}, "#documents"),
        ({"portee": "subtree", "noeud": "9.9", "reason": "x"}, "#noeud"),
        ({"portee": "query", "words": "§", "reason": "x"}, "#words"),
        (
            {"portee": "query", "date_from-day": "31", "date_from-month": "2", "date_from-year": "2020"},
            "#date_from-day",
        ),
        ({"portee": "query", "words": "acte", "reason": " "}, "#motif"),
        ({"portee": "query", "words": "acte", "reason": "x", "terme-day": "31", "terme-year": "1999"}, "#terme-day"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_faulty_hold_is_shown_with_its_field(archivist: TestClient, form: dict[str, str], anchor: str) -> None:
    answer = post(archivist, "/gels", **form)
    assert answer.status_code == 422
    assert f'href="{anchor}"' in answer.text
    assert archivist.get("/api/v1/holds").json()["holds"] == []


def test_the_pages_of_holds_are_the_tenants_own(
    client: TestClient, person: Person, bare_system: System, record: str
) -> None:
    hold = bare_system.holds.place("a", [record], reason="Secret", agent="user:1")
    _, token = person("b", "archivist")
    client.post(f"/connexion/{token}", headers=OURS)
    assert "Secret" not in client.get("/gels").text
    assert client.get(f"/gels/{hold}").status_code == 404
    for act in ("lever", "revoir", "retablir"):
        assert post(client, f"/gels/{hold}/{act}", reason="x", comment="x").status_code == 404


def test_a_hold_may_restrict_reading_to_who_may_hold(
    client: TestClient, key_of: KeyOf, person: Person, bare_system: System, record: str
) -> None:
    holder = {"Authorization": f"Bearer {key_of('a', 'hold:write', 'record:read')}"}
    reader = {"Authorization": f"Bearer {key_of('a', 'record:read', 'record:describe', 'journal:read')}"}
    stranger = {"Authorization": f"Bearer {key_of('b', 'record:read')}"}
    bare_system.follower.catch_up()
    assert [hit["record_id"] for hit in client.get("/api/v1/search", headers=reader).json()["hits"]] == [record]
    asked = {"reason": "Enquête", "records": [record], "restricts_reading": True}
    hold = client.post("/api/v1/holds", json=asked, headers=holder).json()
    for path in ("", "/representations/original", "/text", "/history", "/evidence", "/pages/1/image"):
        answer = client.get(f"/api/v1/records/{record}{path}", headers=reader)
        assert code(answer) == (403, "reading_restricted"), path
        assert code(client.get(f"/api/v1/records/{record}{path}", headers=stranger))[0] == 404, path
    assert client.get(f"/api/v1/records/{record}", headers=holder).status_code == 200
    assert client.get("/api/v1/search", headers=reader).json()["hits"] == []
    assert len(client.get("/api/v1/search", headers=holder).json()["hits"]) == 1
    _, token = person("a", "reader")
    client.post(f"/connexion/{token}", headers=OURS)
    for path in ("", "/telecharger/original", "/telecharger/preuve"):
        shown = client.get(f"/documents/{record}{path}", headers={"Accept": "text/html"})
        assert shown.status_code == 403, path
        assert "Un gel réserve la lecture de ce document." in shown.text
    client.post(f"/api/v1/holds/{hold['id']}/release", json={"reason": "Close"}, headers=holder)
    client.cookies.clear()
    assert client.get(f"/api/v1/records/{record}", headers=reader).status_code == 200
