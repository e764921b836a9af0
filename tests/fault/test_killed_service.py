"""``kill -9`` of any process at any moment loses nothing and doubles nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import httpx2
import pytest

from tests.servers.service import Service, follow

LONG = os.environ.get("FAULT") == "long"
DOCUMENTS, KILLS = (30, 30) if LONG else (8, 6)
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def page(number: int, folder: Path) -> Path:
    """A one-page PDF scan of its own: same image, other title, so that every deposit has other
    bytes.
    """
    import pikepdf

    target = folder / f"arrete-{number:03d}.pdf"
    with pikepdf.open(SAMPLES / "scan-gris-6-pages.pdf") as pdf:
        del pdf.pages[1:]
        pdf.docinfo["/Subject"] = f"copie {number}"
        pdf.save(target)
    return target


@pytest.mark.fault
@pytest.mark.timeout(1500)
def test_no_kill_loses_or_doubles_a_document(tmp_path: Path) -> None:
    rng = random.Random(20261124)  # the moments vary with the machine; the choice of victims does not
    service = Service(tmp_path / "home")
    service.chartrier("tenant", "create", "demo", "--name", "Commune de démonstration")
    service.start()
    try:
        key = service.key()
        paths = [page(n, tmp_path) for n in range(DOCUMENTS)]
        acknowledged: dict[int, str] = {}
        victims = ["api", "worker", "beat", "valkey", "everything"]
        kills = 0
        while len(acknowledged) < DOCUMENTS or kills < KILLS:
            for number in range(DOCUMENTS):
                if number not in acknowledged and rng.random() < 0.5:
                    _post(service, key, paths[number], number, acknowledged)
            if kills < KILLS:
                time.sleep(rng.uniform(0.1, 1.2))
                _kill(service, victims[kills % len(victims)] if kills < len(victims) else rng.choice(victims))
                kills += 1
        _wait_up(service)
        with service.client(key) as client:
            views = [follow(client, deposit_id, wait=400) for deposit_id in acknowledged.values()]
            _assert_equal_sets(service, client, views)
        assert service.chartrier("verify", "--all").returncode == 0
    finally:
        service.stop()


def _post(service: Service, key: str, path: Path, number: int, acknowledged: dict[int, str]) -> None:
    try:
        with service.client(key) as client:
            answer = client.post(
                "/api/v1/deposits",
                headers={"Idempotency-Key": f"doc-{number}"},
                files={"file": (path.name, path.read_bytes(), "application/pdf")},
                data={"title": f"Arrêté numéro {number}", "document_type": "arrete"},
            )
    except (httpx2.HTTPError, OSError):
        return
    if answer.status_code == 202:
        acknowledged[number] = answer.json()["id"]
    else:
        assert answer.status_code == 503, answer.text


def _kill(service: Service, victim: str) -> None:
    if victim == "everything":
        service.kill_everything()
        service.start(within=60)
        return
    try:
        os.kill(service.processes()["pids"][victim], signal.SIGKILL)
    except (ProcessLookupError, KeyError, TypeError):
        return  # it is being restarted from the previous kill


def _wait_up(service: Service) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            service.address = service.processes()["address"]
            if httpx2.get(f"{service.address}/health/ready", timeout=2).status_code == 200:
                return
        except (httpx2.HTTPError, OSError):
            pass
        time.sleep(0.2)
    raise AssertionError("the service did not come back")


def _assert_equal_sets(service: Service, client: httpx2.Client, views: list[dict]) -> None:  # type: ignore[type-arg]
    records = {view["record_id"] for view in views}
    assert len(records) == DOCUMENTS
    sealed = {
        p.parents[3].name.removeprefix("urn%3auuid%3a")
        for p in (service.home / "store" / "tenants").rglob("archival/record.pdf")
    }
    assert sealed == records
    kept, after = [], -1
    while batch := client.get("/api/v1/journal/entries", params={"after": after, "limit": 200}).json()["entries"]:
        kept += [e["subject"].removeprefix("record:") for e in batch if e["type"] == "RecordKept"]
        after = batch[-1]["n"]
    assert sorted(kept) == sorted(records), "exactly one RecordKept a record"
    found, cursor = [], None
    while True:
        answer = client.get(
            "/api/v1/search", params={"q": "", "limit": 20} | ({"cursor": cursor} if cursor else {})
        ).json()
        found += [hit["record_id"] for hit in answer["hits"]]
        cursor = answer["next"]
        if not cursor:
            break
    assert sorted(found) == sorted(records)
    assert answer["total"] == {"value": DOCUMENTS, "relation": "exact"}
    print(json.dumps({"documents": DOCUMENTS, "kills": KILLS, "lost": 0, "doubled": 0}))
