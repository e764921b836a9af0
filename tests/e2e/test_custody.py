"""The real service with the samples: database and index taken away, rebuilt from the store, served
again.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from archive.journal.merkle import parse_checkpoint, verify_consistency
from signing.note import verify_note
from tests.servers.service import Service, deposit

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = ("scan-gris-6-pages.pdf", "scan-couleur.jpg", "convention-signee.pdf")
ALL = "deposit:write,record:read,record:describe,journal:read,admin"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Service]:
    """A service with a home and a second copy of its own."""
    made = Service(tmp_path / "home", CHARTRIER_COPY_PATH=str(tmp_path / "nas"))
    made.chartrier("tenant", "create", "demo", "--name", "Commune de démonstration")
    made.start()
    yield made
    if made.running is not None:
        made.stop()


def key_of(service: Service) -> str:
    said = service.chartrier("key", "create", "--tenant", "demo", "--scopes", ALL, "--json").stdout
    return str(json.loads(said)["key"])


def shown(client: httpx2.Client, ids: list[str]) -> dict[str, Any]:
    """Everything that a caller sees of some records, but for what the rebuilding itself changes."""
    records = {one: client.get(f"/api/v1/records/{one}").json() for one in ids}
    for record in records.values():
        record.pop("copies")
        record["proof"].pop("checkpoint")  # numbers are given anew
    found = {q: client.get("/api/v1/search", params={"q": q}).json() for q in ("commune", "convention", "")}
    hits = {q: [(h["record_id"], h["matches"]) for h in answer["hits"]] for q, answer in found.items()}
    return {"records": records, "hits": hits, "facets": {q: answer["facets"] for q, answer in found.items()}}


def receipt_of(client: httpx2.Client, deposit_id: str) -> Any:
    return client.get(f"/api/v1/deposits/{deposit_id}/receipt", headers={"Accept": "application/json"}).json()


def bundle_holds(client: httpx2.Client, record_id: str, folder: Path) -> None:
    content = client.get(f"/api/v1/records/{record_id}/evidence").content
    zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    trust = folder.with_name(f"{folder.name}-trust.json")
    trust.write_bytes(client.get("/.well-known/chartrier.json").content)
    command = [sys.executable, "-I", "verify.py", "--trust", str(trust)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_service_that_lost_its_database_is_what_it_was(own: Service, tmp_path: Path) -> None:
    with own.client(key_of(own)) as client:
        views = [deposit(client, SAMPLES / name, key=name, title=name) for name in NAMES]
        ids = [view["record_id"] for view in views]
        own.chartrier("checkpoint")
        before = shown(client, ids)
        receipt = client.get(
            f"/api/v1/deposits/{views[0]['id']}/receipt", headers={"Accept": "application/json"}
        ).json()
        note = client.get("/api/v1/journal/checkpoints/latest").text
        bundle_holds(client, ids[0], tmp_path / "before")
    own.stop()
    for path in own.home.glob("chartrier.db*"):
        path.unlink()
    shutil.rmtree(own.home / "index")

    refused = own.chartrier("tenant", "create", "demo", "--name", "x", check=False)
    assert refused.returncode == 1, "a second life is not begun over the first"
    done = own.chartrier("rebuild", "all", "--json", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["equal"]
    assert {one["count"] for one in report["sets"].values()} == {3}
    again = own.chartrier("rebuild", "all", check=False)
    assert again.returncode == 1, "a database that is not empty is refused"

    own.start()
    with own.client(key_of(own)) as client:
        assert shown(client, ids) == before
        vkey = json.loads((own.home / "store" / "layout.json").read_bytes())["log"]["vkey"]
        again = receipt_of(client, views[0]["id"])
        assert again.pop("proof"), "under the checkpoint of today, which may be another one"
        assert again == {name: told for name, told in receipt.items() if name != "proof"}
        bundle_holds(client, ids[0], tmp_path / "after")
        later = deposit(client, SAMPLES / NAMES[0], key="later", title="Plus tard")
        assert later["state"] == "kept"
        assert later["duplicate_of"] == [ids[0]]
        own.chartrier("checkpoint")
        new = client.get("/api/v1/journal/checkpoints/latest").text
        sizes, roots = zip(
            *(parse_checkpoint(verify_note(one, vkey), "chartrier.local") for one in (note, new)), strict=True
        )
        checkpoints = own.chartrier("doctor", "--json", check=False)
        assert checkpoints.returncode in {0, 1}
        from archive.journal.tiles import StoredTree
        from archive.objects.local import LocalObjectStore
        from signing.ground.clock import utc_now

        tree = StoredTree(LocalObjectStore(own.home / "store", utc_now), sizes[1])
        assert verify_consistency(sizes[0], sizes[1], roots[0], roots[1], tree.consistency(sizes[0]))
    assert own.chartrier("reconcile", check=False).returncode == 0
    assert own.chartrier("verify", "--all").returncode == 0


def test_a_damaged_record_is_restored_from_the_command_line(own: Service, tmp_path: Path) -> None:
    with own.client(key_of(own)) as client:
        record_id = deposit(client, SAMPLES / "scan-couleur.jpg", key="one", title="À abîmer")["record_id"]
        assert own.chartrier("copies", "--check").returncode == 0
        copies = client.get(f"/api/v1/records/{record_id}").json()["copies"]
        assert [(one["store"], one["kind"], one["state"]) for one in copies] == [
            ("first", "files", "unverified"),
            ("second", "files", "intact"),
        ]
        assert copies[1]["objects"] == copies[1]["expected"] == copies[0]["objects"]
        next(p for p in (own.home / "store").rglob("original/*") if record_id in str(p)).unlink()
        damaged = own.chartrier("verify", record_id, check=False)
        assert damaged.returncode == 3
        assert f"copies --restore {record_id}" in damaged.stdout
        assert own.chartrier("reconcile", check=False).returncode == 3
        assert own.chartrier("copies", "--restore", record_id).returncode == 0
        assert own.chartrier("verify", record_id).returncode == 0
        assert own.chartrier("reconcile").returncode == 0
        history = client.get(f"/api/v1/records/{record_id}/history").json()
        assert "ObjectRestored" in json.dumps(history)
