"""The public verification knows our receipts, and what is wrong with one that is not ours."""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import typst
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text, update

from api.views.headline import headline
from api.views.receipt_pdf import ATTACHED, receipt_pdf
from api.views.receipts import printed_page, receipt_json
from api.views.verification import judge
from archive.database.alarms import open_alarms
from archive.database.tables import AlarmRow, JournalEntryRow, RepresentationRow
from archive.evidence import verify
from archive.journal.merkle import leaf_hash
from ingestion.assembly import System
from ingestion.operations.custody import Custody
from ingestion.tables import DepositRow
from signing.ground.canonical import canonical, parse_canonical
from signing.note import LogKey
from signing.pdf import seal_file
from tests.holdings import keep, lose_database, receive, system_at


def judged(system: System, folder: Path, content: bytes) -> dict[str, Any]:
    path = folder / "sent"
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    return judge(system, path, sha256, None, public_url="https://archives.example")


def verdicts(found: dict[str, Any]) -> list[str]:
    return [one["verdict"] for one in found["checks"]]


def test_our_receipt_is_ours_as_json_and_as_a_note(system: System, tmp_path: Path) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    early = receipt_json(system, "demo", deposit.id)
    for content in (json.dumps(early).encode(), early["note"].encode()):
        found = judged(system, tmp_path, content)
        assert (found["kind"], found["verdict"]) == ("receipt", "unverifiable"), "not under a checkpoint yet"
        assert found["because"] == ["Journal"]
    system.publisher.publish()
    late = receipt_json(system, "demo", deposit.id)
    old = {name: late[name] for name in ("receipt", "note")}
    for content in (late, early, old, json.dumps(late, indent=2), late["note"]):
        sent = content if isinstance(content, str) else json.dumps(content)
        found = judged(system, tmp_path, sent.encode())
        assert (found["kind"], found["verdict"]) == ("receipt", "intact"), found
        assert found["receipt"]["filename"] == "k1.pdf"
    assert headline(found)[0] == "Ce récépissé est bien le nôtre"


def test_a_changed_receipt_is_altered(system: System, tmp_path: Path) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    system.publisher.publish()
    told = receipt_json(system, "demo", deposit.id)
    other = receipt_json(system, "demo", receive(system, b"%PDF two", "k2").id)
    lies = [
        told | {"receipt": told["receipt"] | {"filename": "Un autre.pdf"}},
        told | {"note": told["note"].replace("k1.pdf", "k9.pdf")},
        told | {"entry": other["entry"]},
        told | {"entry": told["entry"].replace("DepositReceived", "DepositRecovered")},
        told | {"proof": told["proof"].replace("index ", "index 1")},
        told | {"proof": None},
        told | {"state": "sequenced"},
        told | {"key": told["key"][:-4] + "AAA="},
        {"receipt": told["receipt"], "note": other["note"]},
    ]
    for lie in lies:
        found = judged(system, tmp_path, json.dumps(lie).encode())
        assert (found["kind"], found["verdict"]) == ("receipt", "altered"), lie
        assert found["receipt"] is None, "nothing that it says is repeated"
    found = judged(system, tmp_path, told["note"].replace("2026", "2020", 1).encode())
    assert (found["kind"], found["verdict"]) == ("receipt", "altered")


def test_another_service_s_receipt_is_not_judged(system: System, tmp_path: Path) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    told = receipt_json(system, "demo", deposit.id)["receipt"]
    foreign = LogKey(Ed25519PrivateKey.generate(), "ailleurs.example")
    note = foreign.sign_note(canonical(told).decode() + "\n")
    found = judged(system, tmp_path, json.dumps({"receipt": told, "note": note}).encode())
    assert (found["verdict"], found["receipt"]) == ("unverifiable", None)
    forger = LogKey(Ed25519PrivateKey.generate(), system.log_key.origin)
    note = forger.sign_note(canonical(told).decode() + "\n")
    assert judged(system, tmp_path, json.dumps({"receipt": told, "note": note}).encode())["verdict"] == "altered"


@pytest.mark.parametrize(
    "content",
    [b"{}", b'{"receipt":{"type":"receipt"},"note":1}', b"[" * 100_000, b"\xff", b"", b'{"receipt":[],"note":""}'],
)
def test_what_is_no_receipt_is_a_file(system: System, tmp_path: Path, content: bytes) -> None:
    assert judged(system, tmp_path, content)["kind"] == "file"


def test_a_false_receipt_that_we_signed_once_is_found(system: System, tmp_path: Path) -> None:
    """An earlier version signed what a changed row said; the journal says otherwise."""
    deposit = receive(system, b"%PDF one", "k1")
    told = receipt_json(system, "demo", deposit.id)["receipt"]
    system.publisher.publish()
    for lie in ({"received_at": "2020-01-01T00:00:00.000Z"}, {"filename": "Un autre.pdf"}, {"sha-256": "0" * 64}):
        false = {name: value for name, value in (told | lie).items() if name != "salts"}
        for one in (false, told | lie):
            note = system.log_key.sign_note(canonical(one).decode() + "\n")
            found = judged(system, tmp_path, note.encode())
            assert (found["kind"], found["verdict"]) == ("receipt", "altered"), lie


def test_a_journal_that_contradicts_a_receipt_raises_an_alarm(system: System, tmp_path: Path) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    with system.database.read() as session:
        entry = parse_canonical(session.get_one(JournalEntryRow, deposit.entry).body)
    given = receipt_json(system, "demo", deposit.id)
    for item in list(system.store.list("promised/")):
        system.store.delete(item.key, item.version)
    body = canonical(entry | {"at": "2026-01-01T00:00:00.000Z"})
    with system.database.write() as session:
        session.execute(text("DROP TRIGGER IF EXISTS journal_entries_no_update"))
        values = {"body": body, "leaf_hash": leaf_hash(body).hex()}
        session.execute(update(JournalEntryRow).where(JournalEntryRow.n == deposit.entry).values(**values))
    system.publisher.publish()
    found = judged(system, tmp_path, json.dumps(given).encode())
    assert (found["verdict"], found["because"]) == ("altered", ["Journal"])
    with system.database.read() as session:
        (alarm,) = open_alarms(session)
    assert alarm.subject.startswith(f"receipt:{deposit.id}:")


def test_the_alarm_about_a_receipt_ends_when_the_same_receipt_is_found_right(system: System, tmp_path: Path) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    given = receipt_json(system, "demo", deposit.id)
    about, now = f"receipt:{deposit.id}:{given['receipt']['leaf'][:16]}", system.clock()
    with system.database.write() as session:
        for subject in (about, "receipt:another:0000"):
            values = {"subject": subject, "detail": "leaf", "first_at": now, "last_at": now, "times": 1}
            session.add(AlarmRow(code="journal_contradicts", **values))
    judged(system, tmp_path, json.dumps(given).encode())
    with system.database.read() as session:
        assert len(open_alarms(session)) == 2, "an entry that is not published yet settles nothing"
    system.publisher.publish()
    assert judged(system, tmp_path, json.dumps(given).encode())["verdict"] == "intact"
    with system.database.read() as session:
        assert [alarm.subject for alarm in open_alarms(session)] == ["receipt:another:0000"]


def test_a_receipt_of_an_entry_that_a_rebuild_made_again_is_intact(system: System, tmp_path: Path) -> None:
    system.publisher.publish()
    deposit = receive(system, b"%PDF one", "k1")
    lost = receipt_json(system, "demo", deposit.id)
    lose_database(system)
    again = system_at(system.settings.home)
    again.prepare_rebuild()
    Custody(again).rebuild()
    again.publisher.publish()
    found = judged(again, tmp_path, json.dumps(lost).encode())
    assert (found["kind"], verdicts(found)) == ("receipt", ["intact"] * 3)
    with again.database.read() as session:
        assert open_alarms(session) == []
    again.close()


def printed(system: System, deposit: str, **page: Any) -> bytes:
    told = receipt_json(system, "demo", deposit)
    ours = printed_page(system, "demo", deposit, public_url="https://archives.example", language="fr")
    return receipt_pdf(told, replace(ours, **page))


def test_our_printed_receipt_is_ours_and_a_changed_page_is_not(system: System, tmp_path: Path) -> None:
    deposit = receive(system, b"%PDF one", "k1", title="Délibération n° 12")
    early = printed(system, deposit.id)
    system.publisher.publish()
    for content in (early, printed(system, deposit.id), printed(system, deposit.id, language="en")):
        found = judged(system, tmp_path, content)
        assert (found["kind"], found["verdict"]) == ("receipt", "intact"), found
        assert found["receipt"]["filename"] == "k1.pdf"
    for page in ({"title": "Facture"}, {"depositor": "Une autre"}, {"public_url": "https://ailleurs.example"}):
        found = judged(system, tmp_path, printed(system, deposit.id, **page))
        assert (found["verdict"], found["because"]) == ("unverifiable", ["Page imprimée"]), page
    found = judged(system, tmp_path, printed(system, deposit.id, probative=True))
    assert (found["verdict"], found["because"]) == ("altered", ["Page imprimée"])
    with pikepdf.open(io.BytesIO(early)) as document:
        document.docinfo["/Subject"] = "?"
        document.save(tmp_path / "changed.pdf")
    found = judged(system, tmp_path, (tmp_path / "changed.pdf").read_bytes())
    assert (found["kind"], found["verdict"]) == ("receipt", "altered")
    assert headline(found)[1][0] == "bad"


def test_a_receipt_attached_to_something_else_lends_it_nothing(system: System, tmp_path: Path) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    system.publisher.publish()
    with pikepdf.open(io.BytesIO(printed(system, deposit.id))) as ours:
        carried = json.loads(ours.attachments[ATTACHED].get_file().read_bytes())
    for page in (carried["page"], {"version": carried["page"]["version"]}, [], {"version": "1"}, None):
        with pikepdf.new() as other:
            other.add_blank_page()
            told = canonical(carried | {"page": page})
            other.attachments[ATTACHED] = pikepdf.AttachedFileSpec(other, told, filename=ATTACHED)
            other.save(tmp_path / "other.pdf")
        found = judged(system, tmp_path, (tmp_path / "other.pdf").read_bytes())
        assert found["kind"] == "receipt"
        assert found["verdict"] in {"altered", "unverifiable"}
        assert found["because"] == ["Page imprimée"]


def test_a_receipt_of_an_earlier_version_attached_to_a_page_is_answered(system: System, tmp_path: Path) -> None:
    """It lacks members that the page of today carries: the page is in doubt, and nothing breaks."""
    deposit = receive(system, b"%PDF one", "k1")
    system.publisher.publish()
    told = receipt_json(system, "demo", deposit.id)
    for carried in ({name: told[name] for name in ("receipt", "note")}, {"receipt": told["receipt"]} | told):
        with pikepdf.new() as other:
            other.add_blank_page()
            attached = pikepdf.AttachedFileSpec(other, canonical(carried), filename=ATTACHED)
            other.attachments[ATTACHED] = attached
            other.save(tmp_path / "other.pdf")
        found = judged(system, tmp_path, (tmp_path / "other.pdf").read_bytes())
        assert (found["verdict"], found["because"]) == ("unverifiable", ["Page imprimée"])


def test_a_damaged_journal_accuses_no_document(system: System, tmp_path: Path) -> None:
    from archive.journal.merkle import Tile
    from tests.holdings import alter, filled, flipped

    ids = filled(system, tmp_path)
    latest = system.publisher.latest()
    assert latest is not None
    with system.database.read() as session:
        forms = session.query(RepresentationRow).filter_by(record_id=ids[0], kind="original").one()
        content = b"".join(system.store.read(forms.key, forms.version))
    assert judged(system, tmp_path, content)["verdict"] == "intact"
    alter(system.settings.home / "store" / Tile(0, 0, latest.size).key, flipped)
    found = judged(system, tmp_path, content)
    assert (found["verdict"], found["because"]) == ("unverifiable", ["Journal"])
    with system.database.read() as session:
        assert open_alarms(session) == []


def test_our_sealed_file_with_one_byte_changed_is_false_in_the_headline(system: System, tmp_path: Path) -> None:
    plain, sealed = tmp_path / "plain.pdf", tmp_path / "sealed.pdf"
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(plain)
    seal_file(plain, sealed, system.signer, system.timestamper)
    content = sealed.read_bytes()
    whole = judged(system, tmp_path, content)
    assert (whole["verdict"], headline(whole)[0]) == ("unverifiable", "Nous ne gardons pas ce fichier")
    at = content.index(b"/MediaBox") + 12
    found = judged(system, tmp_path, content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert (found["kind"], found["verdict"]) == ("file", "altered")
    title, (colour, _, word) = headline(found)
    assert (title, colour, word) == ("Ce fichier porte une signature ou un cachet faux", "bad", "Signature fausse")


def test_a_row_changed_by_hand_is_not_what_judges(system: System, tmp_path: Path) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    system.publisher.publish()
    told = receipt_json(system, "demo", deposit.id)
    with system.database.write() as session:
        session.execute(update(DepositRow).values(filename="Un autre.pdf", sha256="0" * 64))
    assert judged(system, tmp_path, json.dumps(told).encode())["verdict"] == "intact"


def test_a_record_is_ours_only_if_the_journal_says_so(system: System, tmp_path: Path) -> None:
    record = keep(system, tmp_path, 1)
    content = b"%PDF original 1"
    assert judged(system, tmp_path, content)["because"] == ["Journal"], "not under a checkpoint yet"
    system.publisher.publish()
    found = judged(system, tmp_path, content)
    assert [one["verdict"] for one in found["checks"] if one["about"] in {"bytes", "journal"}] == ["intact"] * 2
    assert found["kind"] == "record"
    forged = b"%PDF forged"
    with system.database.write() as session:
        session.execute(update(RepresentationRow).values(sha256=hashlib.sha256(forged).hexdigest()))
    found = judged(system, tmp_path, forged)
    assert (found["kind"], found["verdict"], found["because"]) == ("record", "altered", ["Journal"])
    assert "celui que nous gardons" not in headline(found)[0]
    with system.database.read() as session:
        assert [alarm.subject for alarm in open_alarms(session)] == [f"record:{record}"]


def test_a_printed_receipt_of_an_earlier_version_is_not_unknown(system: System, tmp_path: Path) -> None:
    deposit = receive(system, b"%PDF one", "k1")
    system.publisher.publish()
    told = receipt_json(system, "demo", deposit.id)["receipt"]
    lines = [["Numéro", told["deposit"], True], ["SHA-256", " ".join(re.findall(".{8}", told["sha-256"])), True]]
    for shown, kind in ((lines, "receipt"), ([*lines[:1], ["SHA-256", "0" * 64, True]], "file"), ([], "file")):
        facts = {
            "lang": "fr",
            "moment": [2026, 3, 12, 8, 15, 30],
            "title": "Récépissé de dépôt",
            "service": "Commune",
            "sentence": "Nous avons reçu le fichier ci-dessous et nous en avons la garde.",
            "lines": shown,
            "notice": [],
            "code": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
            "code_alt": "Code QR",
        }
        path = Path(__file__).with_name("golden") / "receipt-1.typ"
        page = typst.compile(str(path), format="pdf", sys_inputs={"facts": json.dumps(facts)}, pdf_standards=["a-2a"])
        found = judged(system, tmp_path, page)
        assert (found["kind"], found["verdict"]) == (kind, "unverifiable")
        assert headline(found)[1][2] == ("Pas de réponse" if kind == "receipt" else "Inconnu ici")


def test_the_verifier_refuses_a_text_that_its_own_entry_denies(system: System) -> None:
    """Whoever holds our key still can't sign another text over a true entry."""
    deposit = receive(system, b"%PDF one", "k1")
    told = receipt_json(system, "demo", deposit.id)
    assert verify.read_receipt(json.dumps(told).encode(), told["key"]) == told["receipt"]
    lies: dict[str, Any] = {
        "filename": "Un autre.pdf",
        "tenant_name": "Autre",
        "received_at": "2020-01-01T00:00:00.000Z",
        "size": 1,
        "sha-512": "0" * 128,
        "deposit": "0" * 36,
        "leaf": "0" * 64,
        "entry": 0,
        "salts": {},
    }
    for name, lie in lies.items():
        false = told["receipt"] | {name: lie}
        carried = told | {"receipt": false, "note": system.log_key.sign_note(canonical(false).decode() + "\n")}
        with pytest.raises(ValueError, match=r"receipt|names|deposit"):
            verify.read_receipt(json.dumps(carried).encode(), told["key"])
