"""The page of the due lists and the archivist's home: what they show, say and let one do."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.access.tables import UserRow
from archive.database.retention_tables import PlanNodeRow
from archive.database.tables import RecordRow, RetentionRuleRow
from archive.model.identifiers import new_id
from ingestion.assembly import System
from tests.unit.archive.disposition.due_rows import all_of, hold, record, rules

Person = Callable[[str, str], tuple[UserRow, str]]
OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
NOW = datetime(2031, 6, 1, 9, tzinfo=UTC)


@pytest.fixture
def town(bare_system: System) -> System:
    with bare_system.database.write() as session:
        for tenant in ("a", "b"):
            rules(session, tenant)
        for n in range(3):
            record(session, tenant_id="a", title=f"Facture {n}", producer="Finances", document_type="facture")
        record(session, tenant_id="a", title="Registre", final_action="sort", file="D-1")
        record(session, tenant_id="a", title="Plus tard", due_on=date(2033, 5, 2))
        record(session, tenant_id="a", title="Sans départ", basis="start_missing", due_on=None, ends_on=None)
        hold(session, record(session, tenant_id="a", title="Gelée", bytes=10_000_000))
        record(session, tenant_id="b", title="Ailleurs")
    bare_system.clock = lambda: NOW
    return bare_system


def log_in(client: TestClient, person: Person, role: str) -> TestClient:
    client.post(f"/connexion/{person('a', role)[1]}", headers=OURS)
    return client


@pytest.fixture
def archivist(client: TestClient, person: Person, town: System) -> TestClient:
    return log_in(client, person, "archivist")


def text_of(answer: Any) -> str:
    assert answer.status_code in {200, 422}, answer.text
    plain = re.sub(r"<[^>]+>", " ", answer.text)
    return re.sub(r"[\s\u202f\u00a0]+", " ", plain)


def csrf(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)
    assert found
    return found[1]


def test_the_page_counts_three_lists_and_every_state(archivist: TestClient) -> None:
    shown = text_of(archivist.get("/echeances"))
    assert "5 documents sont échus au 1er juin 2031" in shown
    assert "4 documents à éliminer" in shown
    assert "3 sans obstacle" in shown
    assert "1 document à trier" in shown
    assert re.search(r"En tout 7 10 Mo", shown), shown[-900:]
    assert "Ailleurs" not in shown


def test_a_list_shows_its_records_in_their_state_and_no_other(archivist: TestClient) -> None:
    shown = text_of(archivist.get("/echeances", params={"liste": "to_eliminate"}))
    assert all(word in shown for word in ("Facture 0", "Facture 2", "Gelée", "Gelé"))
    assert not any(re.search(rf"{word}\b", shown) for word in ("Registre", "Plus tard", "Ailleurs"))
    assert "Plus tard" in text_of(
        archivist.get("/echeances", params={"liste": "to_eliminate", "year": "2040", "day": "1", "month": "1"})
    )
    assert "Sans départ" in text_of(archivist.get("/echeances", params={"etat": "start_missing"}))


def test_a_filter_narrows_list_and_counts_and_goes_into_the_csv(archivist: TestClient) -> None:
    asked = {"liste": "to_eliminate", "service": "Finances"}
    shown = text_of(archivist.get("/echeances", params=asked))
    assert "Gelée" not in shown
    assert "3 documents sont échus" in shown
    rows = list(csv.DictReader(io.StringIO(archivist.get("/echeances.csv", params=asked).text.removeprefix("\ufeff"))))
    assert sorted(row["title"] for row in rows) == ["Facture 0", "Facture 1", "Facture 2"]
    grouped = text_of(archivist.get("/echeances", params={"liste": "to_eliminate", "grouper": "producer"}))
    assert re.search(r"Finances 3 ", grouped)


def test_a_date_that_does_not_exist_is_said_and_nothing_breaks(archivist: TestClient) -> None:
    answer = archivist.get("/echeances", params={"day": "31", "month": "2", "year": "2031"})
    assert answer.status_code == 422
    assert "n’existe pas" in text_of(answer)
    assert 'value="31"' in answer.text
    odd = {"liste": "rien", "etat": "<script>", "grouper": "x", "day": "", "apres": ""}
    assert "<script>" not in archivist.get("/echeances", params=odd).text
    assert archivist.get("/echeances", params={"liste": "to_sort", "apres": "AAAA"}).status_code == 422


def test_chosen_records_are_held_and_a_hold_without_reason_keeps_the_choice(
    archivist: TestClient, town: System
) -> None:
    with town.database.read() as session:
        chosen = [row.id for row in all_of(session, "a") if row.title in {"Facture 0", "Facture 1"}]
    form = {"csrf": csrf(archivist), "record": chosen, "liste": "to_eliminate", "reason": " "}
    refused = archivist.post("/echeances/geler", data=form, headers=OURS)
    assert refused.status_code == 422
    assert refused.text.count(" checked") == 2
    held = archivist.post("/echeances/geler", data=form | {"reason": "Contentieux"}, headers=OURS)
    assert "2 documents sont gelés" in text_of(held)
    with town.database.read() as session:
        assert {row.title for row in all_of(session, "a") if row.held_until} == {"Facture 0", "Facture 1", "Gelée"}


def test_a_record_of_another_tenant_is_not_held(archivist: TestClient, town: System) -> None:
    with town.database.read() as session:
        foreign = all_of(session, "b")[0].id
    form = {"csrf": csrf(archivist), "record": [foreign], "reason": "x"}
    assert archivist.post("/echeances/geler", data=form, headers=OURS).status_code == 422
    with town.database.read() as session:
        assert all_of(session, "b")[0].held_until is None


def test_a_reader_sees_lists_and_can_hold_nothing(client: TestClient, person: Person, town: System) -> None:
    reader = log_in(client, person, "reader")
    answer = reader.get("/echeances", params={"liste": "to_eliminate"})
    assert "Facture 0" in answer.text
    assert 'type="checkbox"' not in answer.text


def test_pages_of_the_list_follow_each_other(archivist: TestClient, town: System) -> None:
    with town.database.write() as session:
        for n in range(60):
            record(session, tenant_id="a", title=f"Nombreux {n}", final_action="keep")
    first = archivist.get("/echeances", params={"liste": "to_transfer"})
    found = re.search(r'href="(/echeances\?[^"]*apres=[^"]+)" rel="next"', first.text)
    assert found
    second = archivist.get(found[1].replace("&amp;", "&"))
    titles = [set(re.findall(r"Nombreux \d+", answer.text)) for answer in (first, second)]
    assert (len(titles[0]), len(titles[1]), len(titles[0] | titles[1])) == (50, 10, 60)


def test_the_home_of_an_archivist_says_what_is_to_be_done(archivist: TestClient) -> None:
    shown = text_of(archivist.get("/"))
    assert "3 documents à éliminer" in shown
    assert "1 document à trier" in shown
    assert "documents sans type" in shown
    assert "2033" in shown
    assert "Glissez vos documents ici" in shown


def test_a_clerk_keeps_the_home_of_a_clerk(client: TestClient, person: Person, town: System) -> None:
    shown = text_of(log_in(client, person, "clerk").get("/"))
    assert "En chiffres" not in shown
    assert "Bonjour" in shown


def test_a_reader_is_not_asked_to_deposit(client: TestClient, person: Person, town: System) -> None:
    shown = text_of(log_in(client, person, "reader").get("/"))
    assert "rien déposé" not in shown
    assert "Rechercher dans les archives" in shown
    assert "rien déposé" in text_of(log_in(client, person, "clerk").get("/"))


def test_each_chart_has_its_figures_as_csv(archivist: TestClient) -> None:
    home = archivist.get("/").text
    names = re.findall(r'href="/chiffres/([a-z-]+)\.csv"', home)
    assert names == ["echeances", "entrees", "volume-par-regle", "volume-par-service"]
    told = {name: archivist.get(f"/chiffres/{name}.csv").text for name in names}
    years = {row["Année"]: row for row in csv.DictReader(io.StringIO(told["echeances"].removeprefix("\ufeff")))}
    assert years["2031"] == {"Année": "2031", "à éliminer": "4", "à garder": "0", "à trier": "1"}
    assert years["2033"]["à éliminer"] == "1"
    assert "viewBox" not in home
    assert archivist.get("/chiffres/secrets.csv").status_code == 404


def test_holds_to_review_stand_on_the_home(archivist: TestClient, town: System) -> None:
    assert "gel à revoir" not in text_of(archivist.get("/"))
    with town.database.write() as session:
        hold(session, record(session, tenant_id="a", title="Au tribunal"), review_on=date(2031, 5, 31))
    assert "1 gel à revoir" in text_of(archivist.get("/"))


@pytest.mark.parametrize("by", ["rule", "producer", "year", "file"])
@pytest.mark.parametrize("which", ["to_eliminate", "to_sort", "to_transfer"])
def test_each_list_is_grouped_by_each_thing(archivist: TestClient, by: str, which: str) -> None:
    asked = {"liste": which, "grouper": by, "year": "2090", "day": "1", "month": "1"}
    text_of(archivist.get("/echeances", params=asked))


def test_codes_stand_beside_the_words_that_they_mean(archivist: TestClient, town: System) -> None:
    with town.database.write() as session:
        node = {"tenant_id": "a", "number": 1, "kind": "file", "code": "D-1", "title": "Délibérations de 2020"}
        session.add(PlanNodeRow(id=new_id(), removed=False, **node))
        labels = {
            row.code: row.label
            for row in session.scalars(select(RetentionRuleRow).where(RetentionRuleRow.tenant_id == "a"))
        }
        code = session.scalars(select(RecordRow.rule_code).where(RecordRow.title == "Facture 0")).one()
    assert code is not None
    listed = text_of(archivist.get("/echeances", params={"liste": "to_eliminate"}))
    grouped = text_of(archivist.get("/echeances", params={"liste": "to_eliminate", "grouper": "rule"}))
    assert f"{labels[code]} {code}" in listed
    assert f"{labels[code]} {code}" in grouped
    assert "Délibérations de 2020 D-1" in text_of(
        archivist.get("/echeances", params={"liste": "to_sort", "grouper": "file"})
    )
    assert f"{labels[code]} ({code})" in text_of(archivist.get("/"))
