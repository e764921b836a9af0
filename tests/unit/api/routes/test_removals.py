"""Removals: reading closed from the submission to all but two named people, by every reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from archive.holdings import keep as holdings
from ingestion.deposits.states import DepositState
from ingestion.tables import DepositRow
from tests.bordereau_people import API, Office, Somebody, office_of, plain, somebody
from tests.bordereaux import Town, Watch
from tests.guests import Phone, invited, token_of
from tests.holdings import opened, package, receive

RARE = ("Zirconium", "Molybdène", "Tungstène")
"""Words of the record alone: its title, its file's name, its service."""


@dataclass(frozen=True)
class World:
    """A record that is to be removed, and people who read it or not."""

    office: Office
    record: str
    deposit: str
    hold: str
    clerk: Somebody


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[World]:
    folder, watch = tmp_path_factory.mktemp("removals"), Watch()
    with opened(folder / "home", keys, clock=watch) as system:
        yield made(Town(system, folder, watch))


def made(town: Town) -> World:
    office = office_of(town, bon=4)
    received = receive(town.system, b"%PDF depot", "Molybdène", "demo", title="Enquête Zirconium")
    given = package(town.system, town.folder, 50)
    told: dict[str, Any] = {"title": "Enquête Zirconium", "document_type": "bon", "producer": "Service Tungstène"}
    told |= {"document_date": date(2020, 3, 20), "external_reference": "Molybdène"}
    given = replace(given, deposit_id=received.id, description=replace(given.description, **told))
    record = holdings.keep(town.system.stores, given, lambda _session, _kept: None).record_id
    with town.system.database.write() as session:
        row = session.get_one(DepositRow, received.id)
        row.state, row.record_id = DepositState.KEPT, record
    hold = town.system.holds.place("demo", [record], reason="Enquête", until=None, agent=office.anne.agent)
    town.system.follower.catch_up()
    return World(office, record, received.id, hold, somebody(town, office.app, "Clémence", "clerk"))


def wanted(world: World, records: list[str], **more: Any) -> dict[str, Any]:
    told = {"action": "remove", "title": "Retrait", "records": records, "reason": "Mauvais document"}
    return told | {"readers": [world.office.anne.user, world.clerk.user], "producer": "Direction"} | more


def test_it_names_two_people_who_may_read_and_says_why(world: World) -> None:
    anne, (record,) = world.office.anne, world.office.due(1)
    for wrong, pointer in (
        ({"readers": None}, "/readers"),
        ({"readers": [anne.user]}, "/readers"),
        ({"readers": [anne.user, anne.user]}, "/readers"),
        ({"readers": [anne.user, record]}, "/readers"),
        ({"reason": " "}, "/reason"),
        ({"action": "destroy"}, "/readers"),
    ):
        answer = anne.change("POST", API, **wanted(world, [record]) | wrong)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), wrong
    assert world.office.town.record(record).state == "kept"


def test_reading_is_closed_from_the_submission_until_it_ends(world: World) -> None:
    office, record = world.office, world.record
    anne, denis = office.anne, office.denis
    made = anne.change("POST", API, **wanted(world, [record])).json()
    assert (made["readers"], made["reading_closed"]) == (["Anne", "Clémence"], False)
    assert denis.ask("GET", f"/api/v1/records/{record}").status_code == 200, "a draft closes nothing"
    path = f"{API}/{made['id']}"
    assert anne.change("POST", f"{path}/submit").json()["reading_closed"] is True
    assert told_to(world, denis) == []
    for who in (denis, office.claire):
        answer = who.ask("GET", f"/api/v1/records/{record}/representations/original")
        assert (answer.status_code, answer.json()["code"]) == (403, "reading_restricted")
        assert "Un retrait ferme la lecture" in answer.json()["detail"]
        assert who.ask("GET", "/api/v1/search?q=Zirconium").json()["total"]["value"] == 0
    for who in (anne, world.clerk):
        assert who.ask("GET", f"/api/v1/records/{record}").json()["title"] == "Enquête Zirconium"
        assert who.ask("GET", "/api/v1/search?q=Zirconium").json()["total"]["value"] == 1
    no_package_shows_it(denis, anne, record)
    page = path.replace("/api/v1/disposals", "/bordereaux")
    text = denis.see(page)
    assert "La lecture de ses documents est fermée à tous, sauf à : Anne, Clémence." in text
    assert "Motif : Mauvais document" in text
    assert "Lecture fermée par un retrait" in denis.see(f"{page}?etat=blocked")
    for who in (office.bruno, office.claire):
        assert who.change("POST", f"{path}/visas", decision="approve").status_code == 200
    assert denis.ask("GET", f"/api/v1/records/{record}").status_code == 403, "still, in its cooling-off period"
    assert anne.change("POST", f"{path}/withdraw", reason="C’était le bon").status_code == 200
    assert denis.ask("GET", f"/api/v1/records/{record}").status_code == 200


def test_who_is_to_give_a_visa_reads_titles_and_why_and_no_document(world: World) -> None:
    office, (one, reserved) = world.office, world.office.due(2)
    made = office.anne.change("POST", API, **wanted(world, [one, reserved])).json()
    path = f"{API}/{made['id']}"
    assert office.anne.change("POST", f"{path}/submit").status_code == 200
    given = {"reason": "Secret de l’enquête", "restricts_reading": True}
    held = office.anne.change("POST", "/api/v1/holds", **given, records=[reserved])
    assert held.status_code == 201, held.text

    def told(who: Somebody) -> dict[str, tuple[bool, str | None]]:
        lines = who.ask("GET", f"{path}/lines").json()["lines"]
        return {line["record_id"]: (line["title"] is not None, line["restricted_by"]) for line in lines}

    asked = {one: (True, None), reserved: (False, "hold")}
    for who in (office.bruno, office.claire):
        assert told(who) == asked
        answer = who.ask("GET", f"/api/v1/records/{one}/representations/original")
        assert (answer.status_code, answer.json()["code"]) == (403, "reading_restricted")
    assert told(office.denis)[one] == (False, "removal"), "who gives no visa reads no title"
    page = plain(office.bruno.send(f"/bordereaux/{made['id']}/visa", {"vers": "lignes 1 0"}).text)
    assert "Retrait de ce qui est entré par erreur. Motif : Mauvais document" in page
    invitation = invited(office, made["id"])
    phone = Phone(office.app)
    phone.enter(token_of(invitation), invitation["code"])
    page = plain(phone.get("/visa/bordereau?ligne=1").text)
    assert "Retrait de ce qui est entré par erreur. Motif : Mauvais document" in page
    assert page.count("Lecture réservée par un gel") == 2, "in its line and its choice, of the record that is held"
    assert "fermée par un retrait" not in page
    assert office.bruno.change("POST", f"{path}/visas", decision="approve").status_code == 200
    assert told(office.bruno)[one] == (False, "removal"), "the visa is given"
    assert told(office.claire) == asked


def no_package_shows_it(stranger: Somebody, named: Somebody, record: str) -> None:
    """A copy as SEDA shows what the record shows: to those who may read it alone."""
    asked = {"archival_agency": "FRAD026", "records": [record]}
    refused = stranger.ask("POST", "/api/v1/seda/deliveries", json=asked)
    assert (refused.status_code, refused.json()["code"]) == (403, "reading_restricted")
    made = named.ask("POST", "/api/v1/seda/deliveries", json=asked)
    assert made.status_code == 201, made.text
    package = made.json()["packages"][0]["href"]
    for address in (package, f"{package}/proofs", made.json()["listing"]):
        answer = stranger.ask("GET", address)
        assert (answer.status_code, answer.json()["code"]) == (403, "reading_restricted"), address
    assert named.ask("GET", package).status_code == 200


def told_to(world: World, who: Somebody) -> list[str]:
    """Addresses that tell somebody a word of the record."""
    ids = {"record_id": world.record, "deposit_id": world.deposit, "hold_id": world.hold, "kind": "original"}
    ids |= {"page": "1", "number": "0", "name": "echeances"}
    queries = {
        "/api/v1/search": "q=Zirconium",
        "/api/v1/retention/due": "state=in_disposal",
        "/recherche": "q=Zirconium",
        "/echeances": "etat=in_disposal",
        "/echeances.csv": "etat=in_disposal",
        "/depots": "tous=1",
        "/gels/nouveau": "portee=query&words=Zirconium",
    }
    wrong = []
    for route in iter_route_contexts(world.office.app.routes):
        names = re.findall(r"{(\w+)", route.path)
        if "GET" not in (route.methods or ()) or not all(name in ids for name in names):
            continue
        path = re.sub(r"{(\w+)[^}]*}", lambda part: ids[part[1]], route.path)
        for query in {"", queries.get(route.path, "")}:
            text = who.ask("GET", f"{path}?{query}").text
            shown = {"Tungstène"} if path == "/" else set()  # a figure of all records: volume by service
            found = [word for word in RARE if word in text and word not in query and word not in shown]
            wrong += [f"{path}?{query}: {found}"] if found else []
    return sorted(wrong)


def test_the_form_drafts_one(world: World) -> None:
    anne, (record,) = world.office.anne, world.office.due(1)
    page = anne.ask("GET", f"/documents/{record}").text
    (href,) = re.findall(r'href="(/retraits/nouveau[^"]*)"', page)
    form = anne.ask("GET", unescape(href)).text
    assert record in form
    told = {"documents": record, "titre": "Doublon", "motif": "Mauvais document"}
    refused = anne.send("/retraits", told | {"lecteur1": anne.user, "lecteur2": anne.user})
    assert (refused.status_code, 'href="#lecteur1"' in refused.text) == (422, True)
    sent = anne.send("/retraits", told | {"lecteur1": anne.user, "lecteur2": world.clerk.user})
    assert sent.status_code == 303, plain(sent.text)
    page = anne.see(sent.headers["location"])
    assert all(text in page for text in ("Retrait", "Doublon", "ne seront plus lus que par : Anne, Clémence."))
