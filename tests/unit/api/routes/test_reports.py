"""Registers by the API: on demand, sealed, claimed; what a stocktaking found and its minutes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2 as pdfium
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.access.keys import create_key
from archive.catalogue import access_requests, accessions
from archive.custody.findings import Findings
from archive.database.tables import JournalEntryRow
from archive.disposition.holds.terms import Terms, listed
from archive.holdings import dispose
from archive.model.disposals import VisaStep
from ingestion.assembly import System
from ingestion.operations.agreement import Agreement
from signing.pdf import validate
from signing.verdict import Verdict
from tests.bordereau_people import Office, office_of
from tests.bordereaux import ANNE, BRUNO, CLAIRE, Town, Watch
from tests.e2e.towns import STOCKTAKING
from tests.holdings import opened

API = "/api/v1"
YEAR = {"first": "2026-01-01", "last": "2026-12-31"}
"""The world's own year: its records came in March and fell due in spring."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[tuple[Office, list[str]]]:
    """Six records: two were destroyed under visas, one is kept from all but those who hold."""
    folder, watch = tmp_path_factory.mktemp("registers"), Watch()
    public = {"CHARTRIER_PUBLIC_URL": "https://archives.example"}
    with opened(folder / "home", keys, clock=watch, **public) as system:
        made = office_of(Town(system, folder, watch), bon=6)
        town = made.town
        gone = made.due(2)
        disposal = town.draft(gone)
        town.submit(disposal)
        town.visa(disposal, VisaStep.PRODUCER, BRUNO)
        town.visa(disposal, VisaStep.CONTROLLER, CLAIRE)
        with town.acting() as act:
            dispose.confirm(act, disposal, None)
        publish(system)
        town.at("2026-06-20")
        system.disposer.run()
        publish(system)
        assert system.dispose().destroyed == 2
        asked = {"kind": "communication", "requester": "=SUM(A1)", "subject": "Bons de commande"}
        assert made.anne.ask("POST", f"{API}/access-requests", json=asked).status_code == 201
        kept = made.due(1)
        terms = Terms(restricts_reading=True)
        system.holds.place("demo", listed(kept), reason="Instruction", agent=ANNE, terms=terms)
        system.publisher.publish()
        yield made, [*gone, *kept]


def publish(system: System) -> None:
    system.statements.settle()
    system.publisher.publish()


def rows(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))


def text_of(content: bytes) -> str:
    document = pdfium.PdfDocument(content)
    return "\n".join(page.get_textpage().get_text_bounded() for page in document)


def test_entries_are_told_line_by_line_and_what_is_gone_has_no_title(office: tuple[Office, list[str]]) -> None:
    made, (gone, _, held) = office[0], office[1]
    told = rows(made.anne.ask("GET", f"{API}/registers/accessions", params=YEAR))
    assert len(told) == 6
    assert [int(one["N°"]) for one in told] == sorted(int(one["N°"]) for one in told)
    lines = {one["Document"]: one for one in told}
    assert lines[gone]["Intitulé"] == "Lecture réservée, ou éliminé"
    assert lines[held]["Intitulé"] != "Lecture réservée, ou éliminé", "who places holds reads it"
    assert rows(made.anne.ask("GET", f"{API}/registers/accessions", params={"first": "2025-01-01"})) == []


def test_who_may_not_read_what_a_hold_restricts_gets_no_title_in_a_register(office: tuple[Office, list[str]]) -> None:
    made, held = office[0], office[1][2]
    scopes, now = ("record:read", "retention:write"), made.town.system.clock()
    with made.town.system.database.write() as session:
        key = create_key(session, tenant="demo", scopes=scopes, name="Tableur", now=now)[1]
    title = made.town.record(held).title
    client = TestClient(made.app, base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {key}"})
    told = {one["Document"]: one for one in rows(client.get(f"{API}/registers/accessions", params=YEAR))}
    assert told[held]["Intitulé"] == "Lecture réservée, ou éliminé"
    assert title not in str(told)
    year = rows(client.get(f"{API}/registers/annual", params=YEAR))
    there = [int(one["Nombre"]) for one in year if one["Partie"].startswith("Documents présents")]
    assert sum(there) == 3, "one of the four is kept from it"
    issued = client.post(f"{API}/registers/accessions/issues", json=YEAR)
    text = text_of(issued.content)
    assert "Sans ce qu’un gel réserve à l’archiviste" in text
    assert title not in text


def test_a_register_longer_than_what_is_read_at_once_is_whole(
    office: tuple[Office, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = office[0]
    whole = rows(made.anne.ask("GET", f"{API}/registers/accessions", params=YEAR))
    monkeypatch.setattr(accessions, "_AT_ONCE", 2)
    monkeypatch.setattr(access_requests, "_AT_ONCE", 2)
    assert rows(made.anne.ask("GET", f"{API}/registers/accessions", params=YEAR)) == whole
    for n in range(4):
        asked = {"kind": "communication", "requester": f"Chercheur {n}", "subject": "Cadastre"}
        asked["registered_on"] = "2025-05-05"  # of another year than the other tests look at
        assert made.anne.ask("POST", f"{API}/access-requests", json=asked).status_code == 201
    told = rows(made.anne.ask("GET", f"{API}/access-requests?q=Chercheur", headers={"Accept": "text/csv"}))
    assert [one["requester"] for one in told] == [f"Chercheur {n}" for n in (3, 2, 1, 0)]


def test_eliminations_are_told_with_visas_numbers_and_days(office: tuple[Office, list[str]]) -> None:
    (told,) = rows(office[0].anne.ask("GET", f"{API}/registers/eliminations", params=YEAR))
    assert (told["Bordereau"], told["Documents"], told["Dates extrêmes"]) == ("2026-01", "2", "2016")
    assert told["Visas"] == "Bruno, Directrice, 1er\u00a0juin\u00a02026 ; Claire, Directrice, 1er\u00a0juin\u00a02026"
    assert told["Éliminés le"] == "20\u00a0juin\u00a02026"
    assert int(told["Volume"]) > 0


def test_no_cell_is_a_formula(office: tuple[Office, list[str]]) -> None:
    (told,) = rows(office[0].anne.ask("GET", f"{API}/registers/communications", params=YEAR))
    assert (told["Demandeur"], told["Nature"]) == ("'=SUM(A1)", "Communication")


def test_the_year_adds_up_and_each_number_leads_to_its_list(office: tuple[Office, list[str]]) -> None:
    told = rows(office[0].anne.ask("GET", f"{API}/registers/annual", params=YEAR))
    parts: dict[str, list[dict[str, str]]] = {}
    for one in told:
        parts.setdefault(one["Partie"], []).append(one)
    numbers = {part: sum(int(one["Nombre"]) for one in some) for part, some in parts.items()}
    assert list(numbers.values()) == [6, 2, 0, 1, 4], numbers
    for one in told:
        page = office[0].anne.ask("GET", one["Liste"])
        assert page.status_code == 200, one


def test_a_register_is_issued_sealed_and_its_digest_is_in_the_journal(
    office: tuple[Office, list[str]], tmp_path: Path
) -> None:
    made, system = office[0], office[0].town.system
    answer = made.anne.ask("POST", f"{API}/registers/eliminations/issues", json=YEAR)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    text = text_of(answer.content)
    assert "Registre des éliminations" in text
    assert "2026-01" in text
    (tmp_path / "register.pdf").write_bytes(answer.content)
    sealed = validate(tmp_path / "register.pdf", system.trust.own(), datetime.now(UTC))
    assert sealed.verdict is Verdict.VALID, sealed
    report = made.anne.ask("GET", answer.headers["location"]).json()
    digest = hashlib.sha256(answer.content).hexdigest()
    assert (report["file"]["sha256"], report["rows"], report["state"]) == (digest, 1, "issued")
    with system.database.read() as session:
        last = session.scalars(
            select(JournalEntryRow).where(JournalEntryRow.type == "ReportIssued").order_by(JournalEntryRow.n.desc())
        ).first()
    assert last is not None
    assert json.loads(last.body)["facts"]["file"] == digest
    with pikepdf.open(io.BytesIO(answer.content)) as pdf:
        (link,) = (str(one.A.URI) for one in pdf.pages[0].Annots if "/A" in one)
    assert link.startswith("https://archives.example/bordereaux/")
    assert made.anne.ask("GET", link.removeprefix("https://archives.example")).status_code == 200
    refused = made.anne.ask("GET", f"{answer.headers['location']}/file")
    assert (refused.status_code, refused.json()["code"]) == (409, "report_not_kept")


def test_a_stocktaking_is_asked_made_and_read(office: tuple[Office, list[str]]) -> None:
    made, system = office[0], office[0].town.system
    asked = made.anne.ask("POST", f"{API}/stocktakings", json=STOCKTAKING)
    assert asked.status_code == 201, asked.text
    at = asked.headers["location"]
    waiting = made.anne.ask("GET", f"{at}/file")
    assert (waiting.status_code, waiting.json()["code"]) == (409, "report_not_ready")
    assert system.stocktaker.run().issued == 1
    told = made.anne.ask("GET", at).json()
    assert (told["state"], told["figures"]["records"], told["figures"]["gone"]) == ("issued", 4, {"disposed": 2})
    file = made.anne.ask("GET", told["href"])
    assert hashlib.sha256(file.content).hexdigest() == told["file"]["sha256"]
    assert "reste en fonctions" in text_of(file.content).replace("\r\n", " ")
    kinds = [one["kind"] for one in made.anne.ask("GET", f"{API}/reports").json()["reports"]]
    assert kinds[0] == "stocktaking"
    system.statements.settle()
    found = Findings()
    Agreement(system).check(found, {}, routine=False)
    assert [one for one in found.listed if one.what.startswith("register")] == []


def test_who_may_not_and_what_is_wrong(office: tuple[Office, list[str]]) -> None:
    made = office[0]
    assert made.claire.ask("GET", f"{API}/reports").status_code == 403
    assert made.bruno.ask("POST", f"{API}/stocktakings", json=STOCKTAKING).status_code == 403
    wrong = made.anne.ask("POST", f"{API}/registers/annual/issues", json={"first": "2026-02-01", "last": "2026-01-01"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_period")
    assert made.anne.ask("GET", f"{API}/reports/0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01").status_code == 404
    unknown = made.anne.ask("GET", f"{API}/registers/stocktaking")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "register_not_found")
    late = made.anne.ask("POST", f"{API}/stocktakings", json=STOCKTAKING | {"elected_on": "2027-01-01"})
    assert (late.status_code, late.json()["code"]) == (422, "bad_stocktaking")
