"""The printed receipt."""

from __future__ import annotations

import io
import json
import re
import subprocess
from pathlib import Path

import pikepdf
import pytest

from api.views.receipt_pdf import ATTACHED, MEMBERS, PrintedPage, receipt_pdf
from signing.ground.canonical import canonical
from tests.servers.presence import program


def signed() -> dict:
    receipt = {
        "v": 1,
        "type": "receipt",
        "deposit": "0193a7c4-5e21-7b0d-9c44-2f86e1d07a35",
        "tenant_name": "Commune de #Saint_Aubin *et* $x$",
        "filename": 'registre "1" #let x = 1 \\ [voirie].pdf',
        "size": 84112406,
        "sha-256": "4be107f9" * 8,
        "sha-512": "c07d44e9" * 16,
        "salts": {"filename": "5a" * 16, "tenant_name": "a5" * 16},
        "received_at": "2026-11-24T09:12:04.123Z",
        "entry": 51907,
        "leaf": "95b60a1f" * 8,
    }
    note = f"{canonical(receipt).decode()}\n\n— chartrier.local {'A' * 100}=\n"
    return {"receipt": receipt, "note": note, "state": "sequenced", "key": "k", "entry": "{}", "proof": None}


def text_of(made: bytes, folder: Path) -> str:
    path = folder / "r.pdf"
    path.write_bytes(made)
    return subprocess.run(
        [program("pdftotext"), "-layout", str(path), "-"], capture_output=True, text=True, check=True
    ).stdout


def test_the_receipt_is_one_page_that_says_it_all_and_runs_nothing(tmp_path):
    page = PrintedPage(
        title="#let y = 2", depositor="Aïcha *Morvan*", public_url="https://archives.example", probative=False
    )
    made = receipt_pdf(signed(), page)
    assert made == receipt_pdf(signed(), page)  # the same receipt, the same file
    text = text_of(made, tmp_path)
    for said in (
        "Récépissé de dépôt",
        "Commune de #Saint_Aubin *et* $x$",
        "#let x = 1",
        "https://archives.example/verifier",
        "#let y = 2",
        "Aïcha *Morvan*",
        "ne font pas partie du texte signé",
        "24 novembre 2026 à 10 h 12 min 04 s, heure de Paris (09:12:04 UTC)",
        "Sans valeur probante",
    ):
        assert said in text
    assert "4be107f9" * 8 in re.sub(r"\s", "", text)
    assert text.count("\f") == 1
    assert b"pdfaid:part>3<" in made or b'pdfaid:part="3"' in made
    with pikepdf.open(io.BytesIO(made)) as document:
        attached = json.loads(document.attachments[ATTACHED].get_file().read_bytes())
    assert {name: attached[name] for name in MEMBERS} == signed()


def test_a_probative_seal_has_no_warning_and_an_unknown_depositor_no_line(tmp_path):
    text = text_of(receipt_pdf(signed(), PrintedPage(probative=True)), tmp_path)
    assert "Sans valeur probante" not in text
    assert "Déposé par" not in text
    english = text_of(receipt_pdf(signed(), PrintedPage(language="en", title="x")), tmp_path)
    assert "Without probative value" in english
    assert "Paris time (09:12:04 UTC)" in english


def test_the_code_on_the_receipt_carries_the_signed_text(tmp_path):
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "r.pdf"
    path.write_bytes(receipt_pdf(signed(), PrintedPage()))
    subprocess.run(
        [program("pdftoppm"), "-r", "300", "-gray", "-png", "-singlefile", str(path), str(tmp_path / "r")], check=True
    )
    text, _, _ = cv2.QRCodeDetectorAruco().detectAndDecode(cv2.imread(str(tmp_path / "r.png")))
    assert text == signed()["note"]
    assert json.loads(text.split("\n")[0]) == signed()["receipt"]
