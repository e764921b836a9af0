"""Packages that are sent over HTTP: made, fetched, proven, answered; a departure of everything."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from api.access.people import create_user
from api.app import create_app
from api.cli import departure
from archive.disposition.disposals import confirmation
from archive.evidence import verify
from archive.evidence.certificates import Issued
from archive.exchange.seda.entry import examine
from archive.exchange.seda.findings import Outcome
from archive.exchange.seda.replies import reply_to, write_reply
from archive.exchange.seda.transfer import Digest
from archive.model.disposals import DisposalAction, VisaStep
from tests.bordereau_people import Somebody
from tests.bordereaux import ANNE, BRUNO, CLAIRE, Town, Watch
from tests.holdings import opened

API = "/api/v1/seda/deliveries"
TO = {"archival_agency": "AD35", "transferring_agency": "VILLE"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Town]:
    folder, watch = tmp_path_factory.mktemp("sent"), Watch()
    with opened(folder / "home", keys, clock=watch) as system:
        made = Town(system, folder, watch)
        made.rule("GARDE", 10, action="keep")
        made.rule("TRI", 10, action="sort")
        made.records = [made.keep(document_type="garde") for _ in range(4)]  # type: ignore[attr-defined]
        made.unsorted = made.keep(document_type="tri", title="=Pas trié")  # type: ignore[attr-defined]
        made.at("2026-06-01")
        yield made


def somebody(town: Town, role: str) -> Somebody:
    system = town.system
    with system.database.write() as session:
        row = create_user(session, tenant="demo", name=role.title(), role=role, now=system.clock())
    return Somebody(town, create_app(system), row.id)


@pytest.fixture(scope="module")
def anne(town: Town) -> Somebody:
    return somebody(town, "archivist")


def publish(town: Town) -> None:
    town.system.statements.settle()
    town.system.publisher.publish(force_token=True)


def answer_to(package: bytes, code: str = "OK") -> bytes:
    examined = examine(io.BytesIO(package))
    assert examined.transfer is not None
    told = reply_to(
        examined.transfer,
        identifier="R-1",
        at="2026-06-02T08:00:00Z",
        outcomes=examined.outcomes,
        findings=(),
        units={name: f"AD-{name}" for name in examined.transfer.units},
        objects={name: (f"AD-{name}", Digest("SHA-512", one.sha512)) for name, one in examined.received.items()},
    )
    return write_reply(told).replace(b"<ReplyCode>OK<", f"<ReplyCode>{code}<".encode())


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_from_the_bordereau_to_a_record_that_says_transferred(town: Town, anne: Somebody) -> None:
    (record,) = town.records[:1]  # type: ignore[attr-defined]
    disposal = town.draft([record], action=DisposalAction.TRANSFER, title="Versement")
    assert code(anne.ask("POST", API, json=TO | {"disposal_id": disposal})) == (409, "delivery_not_expected")
    town.submit(disposal)
    made = anne.ask("POST", API, json=TO | {"disposal_id": disposal, "version": "2.3"})
    assert made.status_code == 201, made.text
    told = made.json()
    (package,) = told["packages"]
    assert (told["purpose"], told["records"], package["state"]) == ("transfer", 1, "made")
    fetched = anne.ask("GET", package["href"])
    assert fetched.headers["content-type"] == "application/zip"
    content = fetched.content
    assert b"v2.3" in zipfile.ZipFile(io.BytesIO(content)).read("manifest.xml")
    path = f"{API}/{told['id']}"
    assert code(anne.ask("POST", f"{path}/replies", content=b"<Rien/>")) == (422, "bad_reply")
    other = answer_to(content).replace(told["identifier"].encode(), b"AUTRE")
    assert code(anne.ask("POST", f"{path}/replies", content=other)) == (422, "bad_reply")
    warned = anne.ask("POST", f"{path}/replies", content=answer_to(content, "WARNING")).json()
    assert warned["packages"][0]["state"] == "doubtful"
    decided = anne.ask("POST", f"{package['href']}/decision", json={"accept": True, "reason": "Vu"})
    assert decided.json()["packages"][0]["state"] == "accepted"
    assert code(anne.ask("POST", f"{path}/replies", content=answer_to(content))) == (409, "delivery_answered")
    town.visa(disposal, VisaStep.PRODUCER, BRUNO)
    town.visa(disposal, VisaStep.CONTROLLER, CLAIRE)
    with town.acting(ANNE) as act:
        confirmation.confirm(act, disposal, None)
    town.at("2026-06-17")
    publish(town)
    town.system.disposer.run()
    publish(town)
    town.system.disposer.run()
    publish(town)
    assert town.system.certificates.issue() == Issued(), "nothing was destroyed, so nothing is certified"
    shown = anne.ask("GET", f"/api/v1/records/{record}")
    assert (shown.status_code, shown.json()["state"]) == (200, "transferred")
    assert anne.ask("GET", f"/api/v1/records/{record}/representations/original").status_code == 200
    assert anne.ask("GET", f"{API}?disposal={disposal}").json()["deliveries"][0]["id"] == told["id"]


def test_a_record_alone_is_a_package_and_stays_ours(town: Town, anne: Somebody) -> None:
    record = town.records[1]  # type: ignore[attr-defined]
    sent = anne.ask("POST", f"/api/v1/records/{record}/seda", json={"version": "2.1"})
    assert sent.status_code == 200, sent.text
    examined = examine(io.BytesIO(sent.content))
    assert {one.code for one in examined.findings} == {"seda_agreement_missing"}
    assert town.record(record).state == "kept"
    unsorted = town.unsorted  # type: ignore[attr-defined]
    assert code(anne.ask("POST", f"/api/v1/records/{unsorted}/seda", json={})) == (422, "seda_not_sorted")


def test_a_departure_takes_everything_with_its_proofs(town: Town, anne: Somebody, tmp_path: Path) -> None:
    everything = TO | {"everything": True}
    assert code(anne.ask("POST", API, json=everything)) == (403, "scope_missing")
    admin = somebody(town, "platform_admin")
    made = admin.ask("POST", API, json=everything)
    assert made.status_code == 201, made.text
    told = made.json()
    unsorted = town.unsorted  # type: ignore[attr-defined]
    assert told["left_out"] == [{"record_id": unsorted, "code": "seda_not_sorted"}]
    assert told["records"] >= len(town.records)  # type: ignore[attr-defined]
    listed = list(csv.DictReader(io.StringIO(admin.ask("GET", told["listing"]).text.lstrip("\ufeff"))))
    everyone = {one["document"] for one in listed}
    assert everyone >= {*town.records, unsorted}  # type: ignore[attr-defined]
    assert next(one["titre"] for one in listed if one["document"] == unsorted) == "'=Pas trié"
    publish(town)
    proofs = admin.ask("GET", told["packages"][0]["proofs"])
    assert proofs.status_code == 200, proofs.text
    with zipfile.ZipFile(io.BytesIO(proofs.content)) as archive:
        names = set(archive.namelist())
        assert names == {f"preuves/{one}.zip" for one in everyone} | {"liste.csv"}
        bundle = tmp_path / "bundle.zip"
        bundle.write_bytes(archive.read(f"preuves/{unsorted}.zip"))
    checks = verify.Verifier(bundle, verify.Trust(), town.watch.now).run()
    assert verify.ALTERED not in {check.verdict for check in checks}


def test_one_of_three_is_asked_for(anne: Somebody) -> None:
    assert code(anne.ask("POST", API, json=TO)) == (422, "bad_delivery")
    assert code(anne.ask("POST", API, json=TO | {"records": ["0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01"]})) == (
        404,
        "record_not_found",
    )
    assert code(anne.ask("GET", f"{API}/0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01")) == (404, "delivery_not_found")


def test_the_page_makes_packages_takes_the_reply_and_asks_for_a_decision(town: Town, anne: Somebody) -> None:
    record = town.records[3]  # type: ignore[attr-defined]
    disposal = town.draft([record], action=DisposalAction.TRANSFER, title="Versement")
    path = f"/bordereaux/{disposal}/paquets"
    assert "une fois le bordereau soumis" in anne.see(path)
    town.submit(disposal)
    assert path in anne.ask("GET", f"/bordereaux/{disposal}").text
    assert "1 document attend un paquet" in anne.see(path)
    assert anne.send(path, {"destinataire": " "}).status_code == 422
    assert anne.send(path, {"destinataire": "AD35", "version": "2.1"}).status_code == 303
    (told,) = anne.ask("GET", f"{API}?disposal={disposal}").json()["deliveries"]
    shown = anne.see(path)
    assert "Attend la réponse du destinataire" in shown
    content = anne.ask("GET", told["packages"][0]["href"]).content
    client, csrf = anne._logged_in()
    for message, status, said in (
        (b"<Rien/>", 422, "ne porte sur aucun paquet"),
        (answer_to(content, "WARNING"), 303, "avec réserves"),
    ):
        sent = client.post(
            f"{path}/{told['id']}/reponse",
            data={"csrf": csrf},
            files={"reponse": ("r.xml", message, "application/xml")},
            headers={"Origin": "http://127.0.0.1"},
            follow_redirects=False,
        )
        assert sent.status_code == status, sent.text
        assert said in (sent.text if status == 422 else anne.see(path))
    decided = f"{path}/{told['id']}/1/decision"
    assert anne.send(decided, {"decision": "non", "motif": ""}).status_code == 422
    assert anne.send(decided, {"decision": "non", "motif": "Deux unités manquent"}).status_code == 303
    assert "Refusé par le destinataire" in anne.see(path)
    assert "Deux unités manquent" in anne.see(path)
    assert "1 document attend un paquet" in anne.see(path)


def test_the_command_line_writes_a_departure_that_checks_by_its_sums(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(departure, "system", lambda: town.system)
    monkeypatch.setattr(departure, "choose_tenant", lambda given: given)
    folder = tmp_path / "depart"
    departure.depart(folder, tenant="demo", to="AD35", as_json=True)
    names = {"liste.csv", "paquet-001.zip", "preuves-001.zip"}
    assert {one.name for one in folder.iterdir()} == names | {"SHA256SUMS"}
    told = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert told == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    with (folder / "paquet-001.zip").open("rb") as package:
        assert examine(package).outcome is not Outcome.KO
    with pytest.raises(typer.BadParameter):
        departure.depart(folder, tenant="demo", to="AD35")


def test_a_bordereau_of_transfer_is_drafted_on_a_page(town: Town, anne: Somebody) -> None:
    here = "/bordereaux/nouveau?nature=transfer"
    town.keep(document_type="garde", producer="Voirie")
    page = anne.see(f"{here}&service=Voirie")
    assert "Dresser un bordereau de 1 document" in page
    assert "Rien n’est prêt" in anne.see("/bordereaux/nouveau?service=Voirie").replace("\u202f", " ")
    form = {"nature": "transfer", "service": "Voirie", "titre": "Versement de la voirie", "vu": "1"}
    made = anne.send("/bordereaux", form)
    assert made.status_code == 303, made.text
    assert "Versement" in anne.see(made.headers["Location"])
