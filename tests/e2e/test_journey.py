"""The main job, end to end, on the real service: deposit, follow, search, fetch, verify offline."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from ingestion.stages.registry import STEP_NAMES
from tests.servers.presence import program, verapdf
from tests.servers.service import Service, deposit, follow

PROFILES = (
    "embedded",
    *(pytest.param(name, marks=pytest.mark.services) for name in ("postgresql", "redis", "department")),
)
ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
SCAN = SAMPLES / "scan-gris-6-pages.pdf"


@pytest.fixture(scope="module")
def kept(client: httpx2.Client) -> dict:  # type: ignore[type-arg]
    """A six-page scan that went all the way."""
    view = deposit(
        client,
        SCAN,
        key="journey",
        title="Registre des arrêtés",
        document_type="arrete",
        document_date="2026-03-12",
    )
    assert view["state"] == "kept", view
    return view


@pytest.fixture(scope="module")
def record(client: httpx2.Client, kept: dict) -> dict:  # type: ignore[type-arg]
    return client.get(f"/api/v1/records/{kept['record_id']}").json()


def test_every_stage_is_said(kept: dict) -> None:  # type: ignore[type-arg]
    assert [s["name"] for s in kept["stages"]] == list(STEP_NAMES)
    assert {s["state"] for s in kept["stages"]} == {"done"}
    assert kept["receipt"]["entry"] >= 1
    assert re.fullmatch("[0-9a-f]{64}", kept["receipt"]["leaf_hash"])


def test_the_record_is_complete(service: Service, record: dict, kept: dict) -> None:  # type: ignore[type-arg]
    on_s3 = "CHARTRIER_S3_ENDPOINT" in service.settings  # there the probe decides
    assert record["pages"] == 6
    assert record["text"]["mean_confidence"] > 0.8
    assert {r["kind"] for r in record["representations"]} >= {"original", "archival", "text"}
    assert record["verdicts"]["pdfa"]["verdict"] == "compliant"
    assert record["verdicts"]["seal"] == record["verdicts"]["seal"] | {"verdict": "valid", "probative": False}
    assert record["verdicts"]["virus"]["verdict"] in {"clean", "unverified"}
    assert record["retention"]["rule"]
    assert record["retention"]["explanation"]
    assert record["index"] == {"state": "indexed"}
    for representation in record["representations"]:
        assert representation["store"]["assurance"] in ({"advisory", "enforced"} if on_s3 else {"advisory"})
        assert representation["store"]["locked_until"] >= "2027"


def test_a_word_of_page_four_is_found_with_its_page(client: httpx2.Client, record: dict) -> None:  # type: ignore[type-arg]
    text = client.get(
        f"/api/v1/records/{record['id']}/text", params={"page": 4}, headers={"Accept": "application/json"}
    ).json()
    words = [w["text"] for w in text["words"] if re.fullmatch(r"[a-zéèàç]{8,}", w["text"]) and w["confidence"] > 0.9]
    assert words, text
    answer = client.get("/api/v1/search", params={"q": words[0]}).json()
    hit = next(h for h in answer["hits"] if h["record_id"] == record["id"])
    assert 4 in {m["page"] for m in hit["matches"]}
    match = hit["matches"][0]
    start, end = match["ranges"][0]
    assert match["text"][start:end]
    assert answer["total"]["relation"] == "exact"


def test_the_received_bytes_come_back_bit_for_bit(client: httpx2.Client, record: dict) -> None:  # type: ignore[type-arg]
    answer = client.get(f"/api/v1/records/{record['id']}/representations/original")
    assert answer.content == SCAN.read_bytes()
    assert "sha-256=:" in answer.headers["Repr-Digest"]
    part = client.get(f"/api/v1/records/{record['id']}/representations/original", headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == SCAN.read_bytes()[100:200]


def test_strangers_agree_on_the_archival_pdf(client: httpx2.Client, record: dict, tmp_path: Path) -> None:  # type: ignore[type-arg]
    path = tmp_path / "record.pdf"
    path.write_bytes(client.get(f"/api/v1/records/{record['id']}/representations/archival").content)
    signed = subprocess.run([program("pdfsig"), str(path)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid" in signed
    assert "Total document signed" in signed
    assert verapdf([path])[0]["compliant"] is True


def test_the_evidence_is_checked_offline_without_us(
    service: Service, client: httpx2.Client, record: dict, tmp_path: Path
) -> None:  # type: ignore[type-arg]
    service.chartrier("checkpoint")
    bundle = client.get(f"/api/v1/records/{record['id']}/evidence")
    assert bundle.headers["Content-Type"] == "application/zip"
    zipfile.ZipFile(io.BytesIO(bundle.content)).extractall(tmp_path)
    trust = tmp_path.parent / f"{record['id']}-trust.json"
    trust.write_text(service.chartrier("trust", "export").stdout, encoding="utf-8")
    assert client.get("/.well-known/chartrier.json").content == trust.read_bytes()
    command = [sys.executable, "-I", "verify.py", "--trust", str(trust)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    without_root = subprocess.run(command[:3], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert without_root.returncode == 4, without_root.stdout
    altered = tmp_path / "representations" / "original.pdf"
    altered.write_bytes(altered.read_bytes()[:-1] + b"X")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).returncode == 3


def test_fifty_posts_with_one_key_make_one_record(client: httpx2.Client, service: Service, key: str) -> None:
    body = (SAMPLES / "scan-gris-6-pages.pdf").read_bytes() + b"\n% cinquante fois\n"

    def post(_: int) -> httpx2.Response:
        with service.client(key) as own:
            return own.post(
                "/api/v1/deposits",
                headers={"Idempotency-Key": "fifty"},
                files={"file": ("a.pdf", body)},
                data={"title": "Cinquante"},
            )

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(post, range(50)))
    assert {a.status_code for a in answers} == {202}
    assert len({a.json()["id"] for a in answers}) == 1
    assert sum(a.headers.get("Idempotent-Replayed") == "true" for a in answers) == 49
    view = follow(client, answers[0].json()["id"])
    other = client.post(
        "/api/v1/deposits", headers={"Idempotency-Key": "fifty"}, files={"file": ("a.pdf", body + b"x")}
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert view["state"] == "kept"


def test_the_receipt_is_a_signed_note(client: httpx2.Client, kept: dict) -> None:  # type: ignore[type-arg]
    receipt = client.get(f"/api/v1/deposits/{kept['id']}/receipt", headers={"Accept": "application/json"}).json()
    assert receipt["receipt"]["sha-256"] == hashlib.sha256(SCAN.read_bytes()).hexdigest()
    assert json.loads(receipt["note"].split("\n")[0]) == receipt["receipt"]
    pdf = client.get(f"/api/v1/deposits/{kept['id']}/receipt", headers={"Accept": "application/pdf"})
    assert pdf.content.startswith(b"%PDF")


def test_a_document_signed_by_somebody_else_keeps_its_signature(client: httpx2.Client, tmp_path: Path) -> None:
    sample = SAMPLES / "convention-signee.pdf"
    view = deposit(client, sample, key="signed", title="Convention signée")
    record = client.get(f"/api/v1/records/{view['record_id']}").json()
    verdict = record["verdicts"]["signature"]
    assert (verdict["verdict"], len(verdict["signatures"])) == ("valid", 1)
    back = client.get(f"/api/v1/records/{view['record_id']}/representations/original").content
    assert back == sample.read_bytes()
    path = tmp_path / "original.pdf"
    path.write_bytes(back)
    said = subprocess.run([program("pdfsig"), "-nocert", str(path)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid" in said


@pytest.mark.parametrize("service", ["embedded"], indirect=True)  # it writes into the local store's files
def test_an_altered_object_is_named_and_never_served(service: Service, client: httpx2.Client) -> None:
    view = deposit(client, SAMPLES / "scan-couleur.jpg", key="to-alter", title="À altérer")
    found = [p for p in (service.home / "store").rglob("original/*") if view["record_id"] in str(p)]
    victim = found[0]
    mode, times = victim.stat().st_mode, victim.stat()
    victim.chmod(0o600)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    victim.chmod(mode)
    import os

    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))
    done = service.chartrier("verify", "--all", "--json", check=False)
    assert done.returncode == 3
    altered = [row for row in map(json.loads, done.stdout.splitlines()) if row["verdict"] != "intact"]
    assert [row.get("id", row.get("record_id")) for row in altered] == [view["record_id"]]
    try:
        answer = client.get(f"/api/v1/records/{view['record_id']}/representations/original")
        assert (answer.status_code, answer.json()["code"]) == (409, "altered")
    except httpx2.RemoteProtocolError:
        pass  # cut in mid-stream: no byte was called good
    victim.chmod(0o600)
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    victim.chmod(mode)
    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert service.chartrier("verify", view["record_id"]).returncode == 0
