"""What is gone: every address answers 410 or shows no word of it, from the decision onwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from api.access.callers import ROLES, SCOPES
from api.access.keys import create_key
from api.access.permissions import permission_of
from api.views.record import find_record, find_representation
from archive.database.tables import JournalEntryRow, RecordRow, RepresentationRow
from archive.holdings import dispose
from archive.holdings import keep as holdings
from archive.holdings.describe import describe
from ingestion.deposits.leave import page_images
from ingestion.deposits.states import DepositState
from ingestion.tables import DepositRow
from signing.ground.errors import Refused
from tests.bordereau_people import API, Office, Somebody, office_of, plain, somebody
from tests.bordereaux import Town, Watch
from tests.holdings import opened, package, receive

RARE = ("Zirconium", "Molybdène", "Tungstène", "Quadrature")
"""Words of what is gone alone: its title, its file's name, its service, its text."""
STAYS = {"/api/v1/records/{record_id}/history"}
OTHERS = {"/api/v1/disposals/{disposal_id}/lines/{record_id}"}
"""Of the bordereau, not of the record."""


@dataclass(frozen=True)
class World:
    """A record that was destroyed, one whose destruction is decided, and what stays."""

    office: Office
    gone: str
    half: str
    twin: str
    deposits: dict[str, str]
    disposal: str
    file: str
    emptied: str
    key: str
    clerk: Somebody
    reader: Somebody

    def people(self) -> dict[str, Somebody]:
        office = self.office
        return {"clerk": self.clerk, "reader": self.reader, "archivist": office.anne, "controller": office.claire}

    def by_key(self, method: str, path: str, **more: Any) -> Any:
        client = TestClient(self.office.app, base_url="http://127.0.0.1")
        headers = {"Authorization": f"Bearer {self.key}"} | more.pop("headers", {})
        return client.request(method, path, headers=headers, follow_redirects=False, **more)


class PowerCut(BaseException):
    """The power goes."""


def kept(town: Town, title: str, name: str, producer: str, file: str = "D1") -> tuple[str, str]:
    """A record that is due, with a deposit of its own, all with the same bytes; ids of both."""
    received = receive(town.system, b"%PDF depot", name, "demo", title=title)
    given = package(town.system, town.folder, 1)
    told = {"title": title, "document_type": "bon", "document_date": date(2016, 3, 20), "file": file}
    told |= {"producer": producer, "external_reference": name}
    given = replace(given, deposit_id=received.id, description=replace(given.description, **told))
    record = holdings.keep(town.system.stores, given, lambda _session, _kept: None).record_id
    with town.system.database.write() as session:
        row = session.get_one(DepositRow, received.id)
        row.state, row.record_id = DepositState.KEPT, record
    return record, received.id


def publish(town: Town) -> None:
    town.system.statements.settle()
    town.system.publisher.publish(force_token=True)
    town.system.follower.catch_up()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[World]:
    folder, watch = tmp_path_factory.mktemp("gone"), Watch()
    with opened(folder / "home", keys, clock=watch) as system, pytest.MonkeyPatch.context() as patch:
        yield made(Town(system, folder, watch), patch)


def made(town: Town, patch: pytest.MonkeyPatch) -> World:
    office = office_of(town, bon=0)
    system = town.system
    key = by_scopes(town)
    client = TestClient(office.app, base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {key}"})
    file, emptied = (
        client.post("/api/v1/files", json={"code": code, "title": "Dossier"}).json()["id"] for code in ("D1", "D2")
    )
    shut = {"json": {"closed_on": "2016-03-20"}, "headers": {"If-Match": "*"}}
    for one in (file, emptied):
        assert client.post(f"/api/v1/files/{one}/close", **shut).status_code == 200
    gone, of_gone = kept(town, "Enquête Zirconium", "Molybdène-1", "Service Tungstène")
    half, of_half = kept(town, "Bilan Zirconium", "Molybdène-2", "Service Tungstène", "D2")
    twin, _ = kept(town, "Pièce gardée", "acte-3", "Voirie")
    describe(system.stores, "demo", gone, {"description": "Sur la Quadrature"}, agent="user:1", expected_revision=1)
    clerk, reader = (somebody(town, office.app, one.title(), one) for one in ("clerk", "reader"))
    folder = page_images(system.settings.home, gone)
    folder.mkdir(parents=True)
    (folder / "page.webp").write_bytes(b"image")
    disposal = destroyed(office, [gone])
    assert town.lines(disposal) == {gone: ("destroyed", None)}
    town.system.follower.catch_up()
    patch.setattr(dispose, "erase", power_cut)
    with pytest.raises(PowerCut):
        destroyed(office, [half])
    assert town.record(half).state == "disposed", town.record(half).title
    deposits = {gone: of_gone, half: of_half}
    return World(office, gone, half, twin, deposits, disposal, file, emptied, key, clerk, reader)


def by_scopes(town: Town) -> str:
    with town.system.database.write() as session:
        return create_key(session, tenant="demo", scopes=SCOPES, name="outil", now=town.system.clock())[1]


def power_cut(*_args: Any) -> Any:
    raise PowerCut


def destroyed(office: Office, records: list[str]) -> str:
    """A bordereau of these, drafted, visaed, confirmed and executed."""
    town, disposal = office.town, office.submitted(records, producer="Direction")
    for who in (office.bruno, office.claire):
        assert who.change("POST", f"{API}/{disposal}/visas", decision="approve").status_code == 200
    assert office.anne.change("POST", f"{API}/{disposal}/execute").status_code == 200
    town.at(str(date.fromordinal(office.day.toordinal() + 60)))
    for _ in range(2):
        publish(town)
        town.system.disposer.run()
    return disposal


def routes(world: World) -> list[str]:
    found = {route.path for route in iter_route_contexts(world.office.app.routes) if "GET" in (route.methods or ())}
    return sorted(found)


def address(path: str, world: World, record: str) -> str | None:
    """The address of a route with the world's ids; None where it asks for what it has not."""
    ids = {"record_id": record, "deposit_id": world.deposits[record], "node_id": world.file}
    ids |= {"disposal_id": world.disposal, "kind": "original", "page": "1", "number": "1", "unit_id": record}
    ids |= {"name": "volume-par-regle", "code": "bon", "rule_id": "BON", "type_id": "bon"}
    names = re.findall(r"{(\w+)", path)
    if not all(name in ids for name in names):
        return None
    return re.sub(r"{(\w+)[^}]*}", lambda part: ids[part[1]], path)


ASKED = {
    "/api/v1/search": ("q=Zirconium", "q=Quadrature", "producer=Service+Tungst%C3%A8ne", ""),
    "/recherche": ("q=Zirconium", ""),
    "/api/v1/retention/due": ("state=ready", "producer=Service+Tungst%C3%A8ne", "group=producer"),
    "/echeances": ("etat=ready", "liste=to_eliminate"),
    "/echeances.csv": ("etat=ready",),
    "/depots": ("tous=1",),
    "/api/v1/accessions": ("", "producer=Service+Tungst%C3%A8ne"),
    "/bordereaux/{disposal_id}": ("etat=destroyed", "groupe=1"),
}
"""What lists are asked besides nothing."""


def words(text: str, asked: str) -> set[str]:
    """Rare words of an answer, what was asked for and the deposit that stays left out."""
    return {word for word in RARE if word in text and word not in asked}


def answers(world: World, record: str, who: str, paths: list[str]) -> list[str]:
    """What is wrong with the answers of these addresses to somebody."""
    ask, wrong = world.by_key if who == "key" else world.people()[who].ask, []
    for path in paths:
        where = address(path, world, record)
        if where is None or "/static/" in where:
            continue
        for query in ("", *ASKED.get(path, ())):
            answer = ask("GET", f"{where}?{query}" if query else where)
            if "{record_id}" in path and path not in OTHERS and answer.status_code != expected(world, path, who):
                wrong.append(f"{where}: {answer.status_code}")
            if told := words(answer.text, query):
                wrong.append(f"{where}?{query} tells {told}")
    return wrong


def expected(world: World, path: str, who: str) -> int:
    """What an address of a record answers to somebody."""
    if who == "key" and not path.startswith("/api/"):
        return 303  # to the page of the login
    needed = getattr(permissions(world)[path], "scope", None)
    if who != "key" and needed not in {None, *ROLES[who]}:
        return 403
    return 200 if path in STAYS else 410


def permissions(world: World) -> dict[str, Any]:
    found = iter_route_contexts(world.office.app.routes)
    return {one.path: permission_of(one) for one in found if "GET" in (one.methods or ())}


@pytest.mark.parametrize("who", ["archivist", "key"])
def test_every_address_answers_410_or_tells_no_word(world: World, who: str) -> None:
    wrong = answers(world, world.half if who == "archivist" else world.gone, who, routes(world))
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("who", ["clerk", "reader", "archivist", "controller", "key"])
def test_nobody_reads_it(world: World, who: str) -> None:
    of_records = [path for path in routes(world) if "{record_id}" in path]
    assert len(of_records) == 10
    lists = ["/", "/api/v1/search", "/recherche", "/depots", "/depots/{deposit_id}", "/bordereaux/{disposal_id}"]
    for record in (world.gone, world.half):
        wrong = answers(world, record, who, [*of_records, *lists])
        assert wrong == [], "\n".join(wrong)


def test_conditions_and_ranges_change_nothing(world: World) -> None:
    for record in (world.gone, world.half):
        for headers in ({"If-None-Match": "*"}, {"Range": "bytes=0-3"}, {"If-None-Match": '"2"', "Range": "bytes=-1"}):
            for path in ("", "/representations/original", "/pages/1/image", "/text", "/evidence"):
                answer = world.by_key("GET", f"/api/v1/records/{record}{path}", headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (410, "disposed"), (path, headers)


def test_the_answer_says_how_it_went(world: World) -> None:
    told = world.by_key("GET", f"/api/v1/records/{world.gone}").json()["departure"]
    assert told["disposal"] == world.disposal
    assert told["certificate"] == f"/api/v1/disposals/{world.disposal}/certificate"
    assert told["decided_at"] <= told["done_at"]
    half = world.by_key("GET", f"/api/v1/records/{world.half}").json()["departure"]
    assert (half["done_at"], half["disposal"] != world.disposal) == (None, True)
    history = world.by_key("GET", f"/api/v1/records/{world.gone}/history").json()["entries"]
    assert [one["type"] for one in history][-2:] == ["DestructionDecided", "RecordDisposed"]


def test_its_page_says_by_which_bordereau_and_when(world: World) -> None:
    anne, address = world.office.anne, f"/documents/{world.gone}"
    page = anne.ask("GET", address)
    text = plain(page.text)
    assert (page.status_code, "Ce document a été éliminé" in text) == (410, True)
    assert f"par le bordereau {told_reference(world)}" in text
    assert world.gone in text
    assert f"/bordereaux/{world.disposal}" in page.text
    assert "Éliminé : un certificat le constate." in text
    clerk = world.clerk.ask("GET", address)
    assert (clerk.status_code, f"/bordereaux/{world.disposal}" in clerk.text) == (410, False)
    half = plain(anne.ask("GET", f"/documents/{world.half}").text)
    assert "Sa destruction est décidée depuis le" in half


def told_reference(world: World) -> str:
    return str(world.office.anne.ask("GET", f"{API}/{world.disposal}").json()["reference"])


def test_nothing_is_changed_about_it_any_more(world: World) -> None:
    for record in (world.gone, world.half):
        match = {"If-Match": "*"}
        before = entries(world)
        for method, path, body, said in (
            ("PATCH", f"records/{record}", {"title": "Autre"}, (410, "disposed")),
            ("POST", f"records/{record}/redactions", COVERED, (410, "disposed")),
            ("POST", f"records/{record}/verifications", {}, (410, "disposed")),
            ("POST", "holds", {"reason": "Trop tard", "records": [record]}, (409, "disposal_committed")),
            ("POST", "disposals", DRAFT | {"records": [record]}, (409, "record_not_kept")),
            ("POST", "disposals", REMOVAL | {"records": [record], "readers": two(world)}, (409, "record_not_kept")),
        ):
            answer = world.by_key(method, f"/api/v1/{path}", json=body, headers=match)
            assert (answer.status_code, answer.json().get("code")) == said, path
        filed = world.by_key("POST", f"/api/v1/files/{world.file}/records", json={"records": [record]})
        assert [one["filed"] for one in filed.json()["records"]] == [False]
        for form in ("decrire", "geler", "verifier", "occulter"):
            assert world.office.anne.send(f"/documents/{record}/{form}", {}).status_code == 410, form
        assert entries(world) == before


COVERED = {"reason": "Vie privée", "boxes": [{"page": 1, "x": 1, "y": 1, "width": 9, "height": 9}]}
DRAFT = {"action": "destroy", "title": "Encore"}
REMOVAL = {"action": "remove", "title": "Encore", "reason": "Erreur"}


def two(world: World) -> list[str]:
    return [world.clerk.user, world.reader.user]


def entries(world: World) -> int:
    with world.office.town.system.database.read() as session:
        return session.scalar(select(func.count()).select_from(JournalEntryRow)) or 0


def test_the_images_of_its_pages_leave_this_machine(world: World) -> None:
    home = world.office.town.system.settings.home
    assert not page_images(home, world.gone).exists()


def test_v9_the_same_bytes_of_another_record_stay_and_the_line_says_so(world: World) -> None:
    anne = world.office.anne
    (line,) = anne.ask("GET", f"{API}/{world.disposal}/lines").json()["lines"]
    assert (line["state"], set(line["detached"])) == ("destroyed", {world.half, world.twin})
    page = anne.see(f"/bordereaux/{world.disposal}?etat=destroyed")
    assert "Détaché : les mêmes octets restent dans 2 autres documents" in page
    original = f"/api/v1/records/{world.twin}/representations/original"
    assert world.by_key("GET", original).content == b"%PDF original 1"


def test_v9_a_file_goes_when_nothing_in_it_remains(world: World) -> None:
    shown = world.by_key("GET", f"/api/v1/files/{world.file}").json()
    assert shown["content"]["records"] == 1, "the twin"
    nodes = "/api/v1/classification/nodes"
    asked: dict[str, Any] = {"json": {"reason": "Vide"}, "headers": {"If-Match": "*"}}
    refused = world.by_key("POST", f"{nodes}/{world.file}/remove", **asked)
    assert (refused.status_code, refused.json()["code"]) == (409, "node_not_empty")
    assert world.by_key("POST", f"{nodes}/{world.emptied}/remove", **asked).status_code == 204


def test_who_reads_rows_without_the_api_is_refused_too(world: World) -> None:
    with world.office.town.system.database.read() as session:
        for record in (world.gone, world.half):
            for read in (partial(find_record), partial(find_representation, kind="original")):
                with pytest.raises(Refused) as refused:
                    read(session, "demo", record)
                assert refused.value.code == "disposed"
            with pytest.raises(Refused) as refused:
                find_record(session, "voisin", record)
            assert refused.value.code == "record_not_found", "nothing is said to another tenant"
            assert session.scalars(select(RepresentationRow).where(RepresentationRow.record_id == record)).all() == []
            row = session.get_one(RecordRow, record)
            assert (row.title, row.producer, row.filename) == ("", None, "")
