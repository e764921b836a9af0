"""Restricted reading: for who may not read a record, nothing shows more of it than its id."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from api.access.callers import ROLES
from api.access.tables import UserRow
from api.views import verification
from archive.database.tables import RecordRow
from archive.holdings import keep as holdings
from archive.holdings.describe import describe
from ingestion.assembly import System
from ingestion.deposits.states import DepositState
from ingestion.tables import DepositRow
from tests.holdings import keep, package, receive
from tests.unit.archive.disposition.due_rows import rules

Person = Callable[[str, str], tuple[UserRow, str]]
KeyOf = Callable[..., str]
OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
TOLD = ("Zirconium", "Molybdène", "Tungstène")
"""Words of the restricted record alone: its title, its file's name, its service."""


@dataclass(frozen=True)
class Town:
    """Two records in one file; one of them only who may hold may read."""

    system: System
    app: FastAPI
    client: TestClient
    hidden: str
    open: str
    deposit: str
    file: str
    hold: str
    key_of: KeyOf

    def by_key(self, *scopes: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key_of('a', *scopes)}"}


def kept_deposit(system: System, folder: Path) -> str:
    """Keep a record whose deposit is in the list of deposits, too."""
    received = receive(system, b"%PDF depot", "Molybdène", "a", title="Enquête Zirconium")
    given = replace(package(system, folder, 1, "a"), deposit_id=received.id)
    record = holdings.keep(system.stores, given, lambda _session, _kept: None).record_id
    with system.database.write() as session:
        session.get_one(DepositRow, received.id).state = DepositState.KEPT
    return record


@pytest.fixture
def town(bare_system: System, bare_app: FastAPI, client: TestClient, key_of: KeyOf, tmp_path: Path) -> Town:
    system = bare_system
    holder = {"Authorization": f"Bearer {key_of('a', 'hold:write', 'record:read', 'retention:write')}"}
    file = client.post("/api/v1/files", json={"code": "D1", "title": "Dossier"}, headers=holder).json()["id"]
    hidden, other = kept_deposit(system, tmp_path), keep(system, tmp_path, 2, "a")
    changes = {"title": "Enquête Zirconium", "producer": "Service Tungstène", "external_reference": "Molybdène-7"}
    describe(system.stores, "a", hidden, {**changes, "file": "D1"}, agent="key:1", expected_revision=1)
    describe(system.stores, "a", other, {"producer": "Voirie", "file": "D1"}, agent="key:1", expected_revision=1)
    system.follower.catch_up()
    asked = {"reason": "Instruction", "records": [hidden], "restricts_reading": True}
    hold = client.post("/api/v1/holds", json=asked, headers=holder).json()["id"]
    system.follower.catch_up()
    deposit = client.get(f"/api/v1/records/{hidden}", headers=holder).json()["deposit_id"]
    return Town(system, bare_app, client, hidden, other, deposit, file, hold, key_of)


def log_in(town: Town, person: Person, role: str) -> None:
    _, token = person("a", role)
    town.client.post(f"/connexion/{token}", headers=OURS)


def addresses(town: Town) -> list[str]:
    """Every address that is read, of the API and of the pages, with the town's own ids."""
    ids = {"record_id": town.hidden, "deposit_id": town.deposit, "node_id": town.file, "hold_id": town.hold}
    ids |= {"kind": "original", "page": "1", "number": "0", "name": "volume-regle"}
    found = set()
    for route in iter_route_contexts(town.app.routes):
        names = re.findall(r"{(\w+)", route.path)
        if "GET" in (route.methods or ()) and all(name in ids for name in names):
            found.add(re.sub(r"{(\w+)[^}]*}", lambda part: ids[part[1]], route.path))
    asked = {
        "/api/v1/search": "q=Zirconium",
        "/api/v1/retention/due": "state=rule_missing",
        "/recherche": "q=Zirconium",
        "/echeances": "etat=rule_missing",
        "/echeances.csv": "etat=rule_missing",
        "/depots": "tous=1",
        f"/plan/{town.file}": "reference=Molybd%C3%A8ne-7",
    }
    return sorted(found | {f"{path}?{query}" for path, query in asked.items()})


def shown(text: str, asked: str) -> set[str]:
    """The words of the record in an answer, what was asked for left out."""
    for word in TOLD:
        if word in asked or word.replace("è", "%C3%A8") in asked:
            text = text.replace(word, "")
    return {word for word in TOLD if word in text}


def test_no_answer_tells_a_word_of_it(town: Town) -> None:
    headers = town.by_key("record:read", "record:describe", "deposit:write", "journal:read")
    told = [path for path in addresses(town) if shown(town.client.get(path, headers=headers).text, path)]
    assert told == []


def test_no_page_tells_a_word_of_it(town: Town, person: Person) -> None:
    log_in(town, person, "clerk")
    told = [path for path in addresses(town) if shown(town.client.get(path).text, path)]
    assert told == []


def test_who_may_hold_reads_it_where_others_do_not(town: Town, person: Person) -> None:
    api = town.by_key("hold:write", "record:read")
    for path in (
        "accessions",
        "deposits",
        f"deposits/{town.deposit}",
        f"files/{town.file}/records",
        f"records/{town.hidden}",
        "retention/due?state=rule_missing",
        "search",
    ):
        assert shown(town.client.get(f"/api/v1/{path}", headers=api).text, ""), path
    log_in(town, person, "archivist")
    for path in (
        f"documents/{town.hidden}",
        f"gels/{town.hold}",
        f"plan/{town.file}",
        "depots?tous=1",
        f"depots/{town.deposit}",
        "echeances.csv?etat=rule_missing",
        "echeances?etat=rule_missing",
        "entrees",
        "recherche",
    ):
        assert shown(town.client.get(f"/{path}").text, ""), path


def test_neither_totals_nor_facets_nor_filters_count_it(town: Town) -> None:
    reader, holder = town.by_key("record:read"), town.by_key("record:read", "hold:write")

    def counts(headers: dict[str, str]) -> list[object]:
        ask = lambda path, **query: town.client.get(f"/api/v1/{path}", params=query, headers=headers).json()  # noqa: E731
        found, word = ask("search"), ask("search", q="Zirconium")
        due = ask("retention/due", state="rule_missing")
        return [
            (found["total"]["value"], sum(one["count"] for one in found["facets"]["producer"])),
            (word["total"]["value"], word["loosened"], ask("search", q="Zirconiun voirie")["total"]["value"]),
            (due["analysis"]["total"]["records"], len(due["lines"])),
            ask("retention/due", producer="Service Tungstène")["analysis"]["total"]["records"],
            len(ask("retention/due", state="rule_missing", group="producer")["groups"]),
            ask(f"files/{town.file}")["content"]["records"],
            len(ask("deposits")["deposits"]),
            sum(one["records"] for one in ask("accessions")["producers"]),
            len(ask("accessions", producer="Service Tungstène")["accessions"]),
        ]

    assert counts(holder) == [(2, 2), (1, False, 1), (2, 2), 1, 2, 2, 1, 2, 1]
    assert counts(reader) == [(1, 1), (0, False, 0), (1, 1), 0, 1, 1, 0, 1, 0]
    number = town.client.get("/api/v1/accessions", headers=reader).json()["accessions"]
    assert [(line["record"], line["title"]) for line in number] == [(town.hidden, None), (town.open, "Acte 2")]


def test_a_file_that_is_verified_shows_no_title(town: Town) -> None:
    with town.system.database.read() as session:
        told = {
            one: verification.said_of(session, town.system, session.get_one(RecordRow, one), "a")
            for one in (town.hidden, town.open)
        }
    assert told[town.hidden]["id"] == town.hidden
    assert ("title" in told[town.hidden], "title" in told[town.open]) == (False, True)


def test_once_released_everybody_reads_it_again(town: Town) -> None:
    reader, holder = town.by_key("record:read"), town.by_key("hold:write", "record:read")
    town.client.post(f"/api/v1/holds/{town.hold}/release", json={"reason": "Jugé"}, headers=holder)
    town.client.cookies.clear()
    found = town.client.get("/api/v1/search", params={"q": "Zirconium"}, headers=reader).json()
    assert [hit["record_id"] for hit in found["hits"]] == [town.hidden]
    assert town.client.get(f"/api/v1/deposits/{town.deposit}", headers=reader).status_code == 200


def test_a_hold_without_restriction_hides_nothing(town: Town) -> None:
    reader, holder = town.by_key("record:read"), town.by_key("hold:write", "record:read")
    town.client.post("/api/v1/holds", json={"reason": "Audit", "records": [town.open]}, headers=holder)
    assert town.client.get("/api/v1/search", headers=reader).json()["total"]["value"] == 1
    assert town.client.get(f"/api/v1/records/{town.open}", headers=reader).status_code == 200


def test_neither_the_sorting_page_nor_a_calendar_counts_it(town: Town, person: Person) -> None:
    assert all("hold:write" in held for held in ROLES.values() if "retention:write" in held), "home shows it all"
    due = town.system.clock().date().replace(day=1) + timedelta(days=40)
    with town.system.database.write() as session:
        rules(session, "a")
        for one, action in ((town.hidden, "sort"), (town.open, "sort")):
            row = session.get_one(RecordRow, one)
            row.basis, row.due_on, row.final_action, row.stale_since = "dated", date(2020, 1, 15), action, None
            row.rule_code, row.rule_version, row.other_rules, row.held_until = "FIN-03", 1, None, None
    for role, number in (("clerk", "1 document à trier"), ("archivist", "2 documents à trier")):
        log_in(town, person, role)
        page = re.sub("[\u202f\u00a0]", " ", town.client.get("/tri").text)
        assert number in page, role
        assert f"{number.partition(' à')[0]}, règle" in page, role
    with town.system.database.write() as session:
        for one in (town.hidden, town.open):
            session.get_one(RecordRow, one).due_on = due
    town.client.cookies.clear()
    for scopes, number in ((("record:read",), "1 document à trier"), (("record:read", "hold:write"), "2 documents")):
        calendar = town.client.get("/api/v1/retention/due.ics", headers=town.by_key(*scopes)).text
        assert number in calendar
    for role, number in (("clerk", "1 document à trier"), ("archivist", "2 documents à trier")):
        log_in(town, person, role)
        csrf = re.search(r'name="csrf" value="([^"]+)"', town.client.get("/echeances/calendrier").text)
        assert csrf is not None
        made = town.client.post("/echeances/calendrier", data={"csrf": csrf[1]}, headers=OURS).text
        address = re.search(r"/calendrier/[^.\"]+\.ics", made)
        assert address is not None
        town.client.cookies.clear()
        assert number in town.client.get(address[0]).text, role
