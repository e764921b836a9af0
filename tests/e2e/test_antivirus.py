"""An infected deposit, end to end, with a real ClamAV: set aside, never served, said.

And a scanner that is away.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.servers.clamav import EICAR, Clamd
from tests.servers.service import Service, deposit, follow

pytestmark = pytest.mark.services

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture(scope="module")
def scanner() -> Iterator[Clamd]:
    running = Clamd()
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def guarded(scanner: Clamd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("guarded") / "home", CHARTRIER_CLAMD_SOCKET=scanner.address)
    running.chartrier("tenant", "create", "demo", "--name", "Commune de démonstration")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def caller(guarded: Service) -> Iterator[httpx2.Client]:
    with guarded.client(guarded.key()) as client:
        yield client


def test_an_infected_deposit_is_set_aside_and_never_served(
    guarded: Service, caller: httpx2.Client, tmp_path: Path
) -> None:
    path = tmp_path / "facture.pdf"
    path.write_bytes((SAMPLES / "deliberations.pdf").read_bytes() + b"\n" + EICAR + b"\n")
    view = deposit(caller, path, key="infected", title="Facture piégée")
    assert view["state"] == "quarantined"
    assert view["record_id"] is None
    assert "Test.EICAR" in json.dumps(view, ensure_ascii=False)
    assert caller.get("/api/v1/search", params={"q": "piégée"}).json()["total"]["value"] == 0
    entries = caller.get("/api/v1/journal/entries", params={"subject": f"deposit:{view['id']}"}).json()
    assert "DepositQuarantined" in json.dumps(entries)
    kept = [p for p in (guarded.home / "store" / "staging").rglob("*") if p.is_file()]
    assert any(p.read_bytes() == path.read_bytes() for p in kept), "the received bytes are kept, not destroyed"


def test_what_it_does_not_find_is_unverified_and_says_why(caller: httpx2.Client) -> None:
    view = deposit(caller, SAMPLES / "deliberations.pdf", key="letter")
    record = caller.get(f"/api/v1/records/{view['record_id']}").json()
    assert record["verdicts"]["virus"]["verdict"] == "unverified"
    screen = next(stage for stage in view["stages"] if stage["name"] == "screen")
    assert "signatures" in json.dumps(screen, ensure_ascii=False)


def test_deposits_wait_for_a_scanner_that_is_away(guarded: Service, caller: httpx2.Client, scanner: Clamd) -> None:
    scanner.process.kill()
    answer = caller.post(
        "/api/v1/deposits",
        headers={"Idempotency-Key": "waits"},
        files={"file": ("lettre.pdf", (SAMPLES / "deliberations.pdf").read_bytes() + b"\n")},
    )
    assert answer.status_code == 202, "received all the same"
    time.sleep(3)
    assert caller.get(f"/api/v1/deposits/{answer.json()['id']}").json()["state"] in {"received", "working"}
    scanner.start()
    assert follow(caller, answer.json()["id"], wait=120)["state"] == "kept"
