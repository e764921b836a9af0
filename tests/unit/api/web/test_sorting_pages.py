"""The pages of sorting: what is to be sorted, a population frozen, drawn and decided otherwise."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.access.tables import UserRow
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.sorting_tables import SortingRow
from archive.database.tables import RecordRow, RetentionRuleRow
from archive.model.identifiers import new_id
from ingestion.assembly import System
from tests.unit.archive.disposition.due_rows import all_of, record, rules

Person = Callable[[str, str], tuple[UserRow, str]]
OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
NOW = datetime(2031, 6, 1, 9, tzinfo=UTC)
CRITERIA = "Une part des dossiers, et les affaires connues"


@pytest.fixture
def town(bare_system: System) -> System:
    """Ninety-five closed files of one record each, to be sorted, and a record without a file."""
    with bare_system.database.write() as session:
        for tenant in ("a", "b"):
            rules(session, tenant)
        session.add(
            RetentionRuleRow(
                tenant_id="a",
                code="SOC-01",
                version=1,
                label="Aide sociale",
                criteria=CRITERIA,
                duration=10,
                unit="YEAR",
                start_event="calendar_year_end",
                final_action="sort",
                source="[V] essai",
                validated_at=NOW,
                created_at=NOW,
            )
        )
        session.flush()
        made = {"final_action": "sort", "rule_code": "SOC-01"}
        for n in range(95):
            year = 2010 + n % 10
            node = new_id()
            session.add(
                PlanNodeRow(
                    id=node,
                    tenant_id="a",
                    number=1,
                    kind="file",
                    code=f"AS-{n:03}",
                    title=f"Dossier {n:03}",
                    closed_on=date(year, 3, 1),
                    removed=False,
                )
            )
            session.flush()
            row = record(session, tenant_id="a", title=f"Pièce {n:03}", starts_on=date(year, 12, 31), **made)
            session.flush()
            session.add(RecordNodeRow(record_id=row.id, node_id=node, bytes=1000))
        record(session, tenant_id="a", title="Registre seul", **made)
        record(session, tenant_id="a", title="Facture")
        record(session, tenant_id="b", title="Ailleurs", final_action="sort")
    bare_system.clock = lambda: NOW
    return bare_system


@pytest.fixture
def archivist(client: TestClient, person: Person, town: System) -> TestClient:
    client.post(f"/connexion/{person('a', 'archivist')[1]}", headers=OURS)
    return client


def text_of(answer: Any) -> str:
    plain = re.sub(r"<[^>]+>", " ", answer.text)
    return re.sub(r"[\s\u202f\u00a0]+", " ", plain)


def send(client: TestClient, path: str, status: int = 200, **form: Any) -> Any:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/tri").text)
    assert found
    answer = client.post(path, data={"csrf": found[1], **form}, headers=OURS)
    assert answer.status_code == status, text_of(answer)[:2000]
    return answer


def frozen(client: TestClient, **form: Any) -> str:
    """Look first, then freeze; the address of the population."""
    given = {"regle": "SOC-01", "titre": "Aide sociale 2010-2019", "unite": "file", **form}
    seen = send(client, "/tri", **given)
    n = re.search(r'name="vu" value="(\d+)"', seen.text)
    assert n, text_of(seen)
    return str(send(client, "/tri", **given, vu=n[1], suite="figer").url.path)


def decided(system: System) -> list[str]:
    with system.database.read() as session:
        return sorted(str(row.decision) for row in session.scalars(select(SortingRow)))


def test_what_is_to_be_sorted_stands_by_rule_by_record_and_by_file(archivist: TestClient, town: System) -> None:
    shown = text_of(archivist.get("/tri"))
    assert "96 documents à trier" in shown
    assert f"Critère : {CRITERIA}" in shown
    assert "Facture" not in shown
    assert "Ailleurs" not in shown
    files = archivist.get("/tri", params={"unite": "file"})
    assert "Dossier 000" in files.text
    assert "Dossier 094" not in files.text
    following = re.search(r'href="(/tri\?[^"]+)" rel="next"', files.text)
    assert following
    assert "Dossier 094" in archivist.get(following[1].replace("&amp;", "&")).text
    assert "Registre seul" in text_of(archivist.get("/tri", params={"texte": "registre"}))
    assert "Rien à trier ici" in text_of(archivist.get("/tri", params={"regle": "FIN-03"}))
    assert archivist.get("/tri", params={"apres": "AAAA"}).status_code == 422
    assert 'href="/tri"' in archivist.get("/").text, "from the home"
    assert 'href="/tri"' in archivist.get("/echeances", params={"liste": "to_sort"}).text


def test_a_random_sample_is_frozen_drawn_after_the_checkpoint_and_recomputed_by_a_stranger(
    archivist: TestClient, town: System, keys: Path, tmp_path: Path
) -> None:
    """T1 on the page: 95 files, one in ten by chance, 10 kept, 85 to go."""
    looked = text_of(send(archivist, "/tri", regle="SOC-01", titre="Aide", unite="file", methode="random", part="1/10"))
    assert "10 à garder, 85 à éliminer" in looked
    assert "Attend" not in text_of(archivist.get("/tri")), "nothing is frozen by looking"
    address = frozen(archivist, methode="random", part="1/10")
    assert "Attend le point d’horodatage" in text_of(archivist.get(address))
    assert "ne peut pas encore être tiré" in text_of(send(archivist, f"{address}/tirer", 422))
    shutil.copytree(keys, town.settings.home / "keys", dirs_exist_ok=True)
    town.publisher.publish(force_token=True)
    assert "Prêt à tirer" in text_of(archivist.get(address))
    drawn = text_of(send(archivist, f"{address}/tirer"))
    assert "À garder (10)" in drawn
    assert "À éliminer (85)" in drawn
    assert (decided(town).count("keep"), decided(town).count("destroy")) == (10, 85)
    assert "1 document à trier" in text_of(archivist.get("/tri")), "what lies in a sorted file is sorted"
    told = archivist.get(f"/api/v1/samples/{address.removeprefix('/tri/')}/proof")
    for word in (told.json()["seed"], told.json()["population_digest"], f"n° {told.json()['checkpoint']['number']}"):
        assert word in drawn
    for name, answer in (("sample.json", told), ("verify_sample.py", archivist.get("/tri/verify_sample.py"))):
        assert answer.status_code == 200
        (tmp_path / name).write_bytes(answer.content)
    alone = [sys.executable, "-I", "verify_sample.py", "sample.json"]
    assert run(alone, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "sample.json").write_text(json.dumps(told.json() | {"seed": "00" * 32}))
    assert run(alone, cwd=tmp_path, capture_output=True, check=False).returncode == 3


def test_years_are_chosen_at_once_and_a_unit_is_decided_otherwise_and_back(archivist: TestClient, town: System) -> None:
    """T2 on the page: years ending in 0 and 5 are kept."""
    address = frozen(archivist, methode="years", chiffres="0 5")
    shown = text_of(send(archivist, f"{address}/tirer"))
    assert "À garder (19)" in shown, "files of 2010 and 2015"
    gone = archivist.get(address, params={"voir": "eliminer"}).text
    unit = re.findall(r'name="unit" value="([^"]+)"', gone)[0]
    refused = send(archivist, f"{address}/decider", 422, unit=[unit], decision="keep", reason=" ")
    assert refused.text.count(" checked") == 2, "unit and decision stay as they were chosen"
    other = text_of(send(archivist, f"{address}/decider", unit=[unit], decision="keep", reason="Affaire célèbre"))
    assert "À garder (20)" in other
    assert "Affaire célèbre" in text_of(archivist.get(address, params={"voir": "garder"}))
    assert "Autrement que le tirage" in text_of(archivist.get(address, params={"voir": "garder"}))
    assert "À garder (19)" in text_of(send(archivist, f"{address}/annuler", unit=unit))
    assert "un tirage ne s’annule pas" in text_of(send(archivist, f"{address}/annuler", 422, unit=unit))
    elsewhere = send(archivist, f"{address}/decider", 422, unit=[new_id()], decision="keep", reason="x")
    assert "unités de cette population" in text_of(elsewhere)


def test_a_selection_is_closed_and_the_rest_goes(archivist: TestClient, town: System) -> None:
    address = frozen(archivist, methode="selection", mots=CRITERIA)
    units = re.findall(r'name="unit" value="([^"]+)"', archivist.get(address).text)[:3]
    shown = text_of(send(archivist, f"{address}/decider", unit=units, decision="keep", reason="Connues"))
    assert "92 unités sans décision sont à éliminer" in shown
    assert "À éliminer (92)" in text_of(send(archivist, f"{address}/tirer"))


def test_chosen_records_are_decided_in_bulk_from_the_list(archivist: TestClient, town: System) -> None:
    with town.database.read() as session:
        chosen = [row.id for row in all_of(session, "a") if row.title in {"Registre seul", "Pièce 003"}]
        foreign = all_of(session, "b")[0].id
    form = {"unite": "record", "decision": "destroy", "reason": "Doubles"}
    assert send(archivist, "/tri/decider", 422, unit=[*chosen, foreign], **form)
    assert decided(town) == [], "all of them or none"
    assert "2 unités sont triées" in text_of(send(archivist, "/tri/decider", unit=chosen, **form))
    with town.database.read() as session:
        assert {row.sorted for row in all_of(session, "a") if row.id in chosen} == {"destroy"}
        assert session.get_one(RecordRow, foreign).sorted is None


def test_a_form_that_makes_no_sense_says_so_and_freezes_nothing(archivist: TestClient) -> None:
    for wrong in (
        {"methode": "random", "part": "3"},
        {"methode": "years", "chiffres": "dix"},
        {"methode": "specimen", "nombre": "0"},
        {"methode": "x"},
        {"methode": "random", "part": "1/10", "titre": " "},
    ):
        given = {"regle": "SOC-01", "titre": "Tri", "unite": "file", **wrong}
        assert "Rien n’est figé" in text_of(send(archivist, "/tri", 422, **given)), wrong
        assert "Rien n’est figé" in text_of(send(archivist, "/tri", 422, **given, suite="figer", vu="95")), wrong
    assert "Aucun tri n’a été ouvert" in text_of(archivist.get("/tri"))


def test_a_population_that_is_not_the_one_seen_is_not_frozen(archivist: TestClient) -> None:
    given = {"regle": "SOC-01", "titre": "Tri", "unite": "file", "methode": "random", "part": "1/10"}
    assert "a changé depuis que vous l’avez vue" in text_of(
        send(archivist, "/tri", 422, **given, suite="figer", vu="3")
    )


def test_a_reader_sees_and_changes_nothing(client: TestClient, person: Person, town: System) -> None:
    client.post(f"/connexion/{person('a', 'reader')[1]}", headers=OURS)
    shown = client.get("/tri")
    assert "96 documents à trier" in text_of(shown)
    assert 'name="unit"' not in shown.text
    assert "/tri/nouveau" not in shown.text
    assert client.get("/tri/nouveau", params={"regle": "SOC-01"}).status_code == 403
    assert client.get(f"/tri/{new_id()}").status_code == 404
