"""Programs that nobody here wrote agree on what the running service left behind, over every bundled
sample.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.schemas import strict
from tests.servers.fsck import accepts
from tests.servers.presence import absent, program, verapdf
from tests.servers.service import Service, deposit

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
EMPTY = "casse-vide.pdf"


@pytest.fixture(scope="module")
def records(client: httpx2.Client, service: Service) -> dict[str, dict[str, Any]]:
    """Every sample but the empty one, kept; by file name."""
    found = {}
    for path in sorted(
        p for p in SAMPLES.iterdir() if p.suffix in {".pdf", ".jpg", ".tif", ".png"} and p.name != EMPTY
    ):
        view = deposit(client, path, key=f"strangers-{path.name}", title=path.stem)
        assert view["state"] == "kept", (path.name, view["problem"])
        found[path.name] = client.get(f"/api/v1/records/{view['record_id']}").json()
    service.chartrier("checkpoint")
    return found


def test_the_empty_file_is_refused_in_words(client: httpx2.Client) -> None:
    answer = client.post("/api/v1/deposits", headers={"Idempotency-Key": "empty"}, files={"file": (EMPTY, b"")})
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_file")
    assert answer.json()["action"]


def test_every_original_comes_back_bit_for_bit(client: httpx2.Client, records: dict[str, dict[str, Any]]) -> None:
    for name, record in records.items():
        answer = client.get(f"/api/v1/records/{record['id']}/representations/original")
        assert answer.content == (SAMPLES / name).read_bytes(), name


def test_what_could_not_be_read_says_why(records: dict[str, dict[str, Any]]) -> None:
    for name in ("casse-tronque.pdf", "casse-chiffre.pdf", "casse-programme.pdf"):
        assert records[name]["warnings"], name
        assert "archival" not in {r["kind"] for r in records[name]["representations"]}, name


def test_verapdf_and_pdfsig_accept_every_archival_pdf(
    client: httpx2.Client, records: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    paths = []
    for name, record in records.items():
        if "archival" in {r["kind"] for r in record["representations"]}:
            path = tmp_path / f"{name}.pdf"
            path.write_bytes(client.get(f"/api/v1/records/{record['id']}/representations/archival").content)
            said = subprocess.run(
                [program("pdfsig"), "-nocert", str(path)], capture_output=True, text=True, check=False
            )
            assert "Signature is Valid" in said.stdout, (name, said.stdout)
            assert "Total document signed" in said.stdout, name
            paths.append(path)
    assert len(paths) >= 7
    assert {row["file"]: row["compliant"] for row in verapdf(paths)} == {str(path): True for path in paths}


@pytest.mark.parametrize("service", ["embedded"], indirect=True)  # it reads the local store's files
def test_an_ocfl_validator_accepts_the_store(service: Service, records: dict[str, dict[str, Any]]) -> None:
    from ocfl import StorageRoot

    root = service.home / "store" / "tenants" / "demo"
    store = StorageRoot(root=str(root))
    assert store.validate(validate_objects=True, check_digests=True) is True
    assert store.num_objects >= len(records)


@pytest.mark.parametrize("service", ["embedded"], indirect=True)  # it reads the local store's files
def test_fsck_accepts_the_journal(service: Service, records: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    layout = json.loads((service.home / "store" / "layout.json").read_text(encoding="utf-8"))
    assert accepts(service.home / "store" / "journal", layout["log"]["vkey"], tmp_path)


def test_every_bundle_holds_in_a_fresh_environment_without_network(
    client: httpx2.Client, records: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    alone = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(alone)], check=True)
    _only_cryptography(alone)
    unshare = [program("unshare"), "--user", "--map-root-user", "--net"]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode != 0:
        absent("a network namespace for an ordinary user")  # forbidden in a chroot and on hardened hosts
    trust = tmp_path / "trust.json"
    trust.write_bytes(client.get("/.well-known/chartrier.json").content)
    for name, record in records.items():
        folder = tmp_path / record["id"]
        bundle = tmp_path / f"{record['id']}.zip"
        bundle.write_bytes(client.get(f"/api/v1/records/{record['id']}/evidence").content)
        shutil.unpack_archive(bundle, folder)
        command = [*unshare, str(alone / "bin" / "python"), "-I", "verify.py", "--trust", str(trust)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (name, done.stdout, done.stderr)


def _only_cryptography(venv: Path) -> None:
    """Put into the venv what verify.py may use and nothing else, from the packages
    installed here.
    """
    import sysconfig

    here = Path(sysconfig.get_path("purelib"))
    there = next(venv.glob("lib/python*/site-packages"))
    for package in ("cryptography", "cffi", "pycparser"):
        shutil.copytree(here / package, there / package)
    for extension in here.glob("_cffi_backend*"):
        shutil.copy(extension, there)


def test_every_bundle_is_what_the_published_schemas_say(
    client: httpx2.Client, records: dict[str, dict[str, Any]]
) -> None:
    for name, record in records.items():
        content = client.get(f"/api/v1/records/{record['id']}/evidence", params={"content": "digests"}).content
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            for schema in ("record", "manifest", "receipt"):
                told = json.loads(bundle.read(f"{schema}.json"))
                faults = [f"{fault.json_path}: {fault.message}" for fault in strict(schema).iter_errors(told)]
                assert faults == [], (name, schema)
