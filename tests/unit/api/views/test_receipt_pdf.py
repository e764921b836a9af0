"""The printed receipt."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from api.views.receipt_pdf import receipt_pdf
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
        "received_at": "2026-11-24T09:12:04.123Z",
        "entry": 51907,
        "leaf": "95b60a1f" * 8,
    }
    return {"receipt": receipt, "note": f"{canonical(receipt).decode()}\n\n— chartrier.local {'A' * 100}=\n"}


def test_the_receipt_is_one_page_that_says_it_all_and_runs_nothing(tmp_path):
    made = receipt_pdf(signed(), public_url="https://archives.example")
    assert made == receipt_pdf(signed(), public_url="https://archives.example")  # the same receipt, the same file
    path = tmp_path / "r.pdf"
    path.write_bytes(made)
    text = subprocess.run(
        [program("pdftotext"), "-layout", str(path), "-"], capture_output=True, text=True, check=True
    ).stdout
    for said in (
        "Récépissé de dépôt",
        "Commune de #Saint_Aubin *et* $x$",
        "#let x = 1",
        "https://archives.example/verifier",
    ):
        assert said in text
    assert "4be107f9" * 8 in re.sub(r"\s", "", text)
    assert text.count("\f") == 1
    assert b"pdfaid:part>2<" in made or b'pdfaid:part="2"' in made


def test_the_code_on_the_receipt_carries_the_signed_text(tmp_path):
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "r.pdf"
    path.write_bytes(receipt_pdf(signed()))
    subprocess.run(
        [program("pdftoppm"), "-r", "300", "-gray", "-png", "-singlefile", str(path), str(tmp_path / "r")], check=True
    )
    text, _, _ = cv2.QRCodeDetectorAruco().detectAndDecode(cv2.imread(str(tmp_path / "r.png")))
    assert text == signed()["note"]
    assert json.loads(text.split("\n")[0]) == signed()["receipt"]
