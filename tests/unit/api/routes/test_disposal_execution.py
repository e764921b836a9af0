"""Executions by API and page: confirmed by a person, taken back in time, never otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from api.access.keys import create_key
from api.access.tables import UserRow
from archive.database.disposal_tables import DisposalRow
from tests.bordereau_people import API, Office, office_of
from tests.bordereaux import Town, Watch
from tests.holdings import opened


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Office]:
    """Made once: each test has records of its own."""
    folder, watch = tmp_path_factory.mktemp("executions"), Watch()
    with opened(folder / "home", keys, clock=watch) as system:
        yield office_of(Town(system, folder, watch), bon=9)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def visaed(office: Office, count: int) -> str:
    """A bordereau with both visas, in its cooling-off period; its address."""
    path = f"{API}/{office.submitted(office.due(count))}"
    for who in (office.bruno, office.claire):
        assert who.change("POST", f"{path}/visas", decision="approve").status_code == 200
    return path


def publish(office: Office) -> None:
    office.town.system.statements.settle()
    office.town.system.publisher.publish(force_token=True)


def run(office: Office) -> int:
    """Two looks of the duty, a checkpoint before each."""
    publish(office)
    office.town.system.disposer.run()
    publish(office)
    return office.town.system.disposer.run().destroyed


def test_a_person_confirms_it_and_takes_it_back_in_time(office: Office) -> None:
    path, anne, first = visaed(office, 1), office.anne, office.day
    seen = anne.ask("GET", path).json()
    assert (seen["confirmed"], seen["executes_from"]) == (False, str(first + timedelta(days=16)))
    with office.town.system.database.write() as session:
        now = office.town.system.clock()
        key = create_key(session, tenant="demo", scopes=("disposal:write",), name="outil", now=now)[1]
    client = TestClient(office.app, base_url="http://127.0.0.1")
    by_key = {"Authorization": f"Bearer {key}", "If-Match": "*"}
    for method in ("POST", "DELETE"):
        assert code(client.request(method, f"{path}/execute", headers=by_key)) == (403, "person_needed")
        assert code(office.claire.change(method, f"{path}/execute")) == (403, "scope_missing")
        assert code(anne.ask(method, f"{path}/execute")) == (428, "precondition_required")
    late = anne.change("POST", f"{path}/execute", 1)
    assert (code(late), late.json()["current"]["number"]) == ((412, "precondition_failed"), seen["number"])
    assert code(anne.change("DELETE", f"{path}/execute")) == (409, "execution_not_confirmed")
    told = anne.change("POST", f"{path}/execute", seen["number"]).json()
    assert (told["confirmed"], told["confirmed_by"], told["state"]) == (True, "Anne", "cooling_off")
    assert code(office.denis.change("POST", f"{path}/execute")) == (409, "execution_confirmed")
    office.town.at(str(first + timedelta(days=15)), 21)  # 23:00 in Paris, its last day
    back = office.denis.change("DELETE", f"{path}/execute").json()
    assert (back["confirmed"], back["state"]) == (False, "cooling_off")
    office.town.at(str(first + timedelta(days=16)))
    assert run(office) == 0
    told = anne.ask("GET", path).json()
    assert (told["state"], told["lines"]["included"]["records"]) == ("approved", 1)
    assert anne.change("POST", f"{path}/execute").status_code == 200
    assert code(anne.change("DELETE", f"{path}/execute")) == (409, "disposal_closed")
    assert run(office) == 1
    assert anne.ask("GET", path).json()["state"] == "executed"


def test_its_controller_does_not_confirm_it(office: Office) -> None:
    path = visaed(office, 1)
    with office.town.system.database.write() as session:
        session.get_one(UserRow, office.claire.user).role = "archivist"
    try:
        assert code(office.claire.change("POST", f"{path}/execute")) == (403, "confirmed_by_controller")
    finally:
        with office.town.system.database.write() as session:
            session.get_one(UserRow, office.claire.user).role = "controller"
    assert office.anne.ask("GET", path).json()["confirmed"] is False


def test_a_row_that_says_confirmed_executes_nothing(office: Office) -> None:
    path = visaed(office, 1)
    disposal = path.rpartition("/")[2]
    with office.town.system.database.write() as session:
        row = session.get_one(DisposalRow, disposal)
        content = {**row.content, "confirmed_by": office.anne.agent}
        session.execute(update(DisposalRow).where(DisposalRow.id == disposal).values(content=content))
    office.town.at(str(office.day + timedelta(days=16)))
    publish(office)
    assert office.town.system.disposer.run().failed[disposal] == "disposal_contradicted"
    with office.town.system.database.write() as session:
        content = {**content, "confirmed_by": None}
        session.execute(update(DisposalRow).where(DisposalRow.id == disposal).values(content=content))


def test_the_page_says_what_will_happen_and_takes_the_confirmation(office: Office) -> None:
    anne, path = office.anne, visaed(office, 2).replace("/api/v1/disposals", "/bordereaux")
    from_day = office.day + timedelta(days=16)
    page = anne.see(path)
    assert "2 documents" in page
    assert "seront détruits dans chaque copie" in page
    assert f"Elle commence le {from_day.day}" in page
    assert "Confirmer l’exécution" not in office.claire.see(path)
    assert "exécution à confirmer" in anne.see("/") or "exécutions à confirmer" in anne.see("/")
    assert path in anne.ask("GET", "/bordereaux?etat=a-confirmer").text
    number = re.findall(r'name="number" value="(\d+)"', anne.ask("GET", path).text)[0]
    stale = anne.send(f"{path}/executer", {"number": "1"})
    assert (stale.status_code, "Quelqu’un d’autre" in stale.text) == (422, True)
    assert anne.send(f"{path}/executer", {"number": number}).status_code == 303
    page = anne.see(path)
    assert "Confirmée par Anne" in page
    assert "Annuler l’exécution" in page
    assert path not in anne.ask("GET", "/bordereaux?etat=a-confirmer").text
    assert anne.send(f"{path}/annuler", {"number": str(int(number) + 1)}).status_code == 303
    assert "Confirmer l’exécution" in anne.see(path)


def test_what_blocks_is_listed_by_reason_and_stands_on_the_home(office: Office) -> None:
    anne, town = office.anne, office.town
    held, free = office.due(2)
    path = f"{API}/{office.submitted([held, free])}"
    assert anne.ask("GET", path).json()["blocked"] == []
    hold = town.system.holds.place("demo", [held], reason="Contentieux", until=None, agent="user:x")
    told = anne.ask("GET", path).json()
    assert [(one["reason"], one["records"]) for one in told["blocked"]] == [("held", 1)]
    lines = anne.ask("GET", f"{path}/lines?state=blocked&reason=held").json()["lines"]
    assert [one["record_id"] for one in lines] == [held]
    assert anne.ask("GET", f"{path}/lines?state=blocked&reason=changed").json()["lines"] == []
    page = path.replace("/api/v1/disposals", "/bordereaux")
    href = f"{page}?etat=blocked&amp;motif=held#lignes"
    assert href in anne.ask("GET", page).text
    assert href in anne.ask("GET", "/").text
    assert page in anne.ask("GET", "/bordereaux?etat=bloques&motif=held").text
    assert page not in anne.ask("GET", "/bordereaux?etat=bloques&motif=changed").text
    assert town.record(held).title in anne.see(f"{page}?etat=blocked&motif=held")
    town.system.holds.release("demo", hold, reason="Jugé", agent="user:x")
    assert anne.ask("GET", path).json()["blocked"] == []
    assert office.states(path.rpartition("/")[2])[held] == "included"
