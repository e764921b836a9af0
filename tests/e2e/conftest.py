"""One running service a session, on the embedded profile."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.servers.service import Service

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("home") / "home")
    running.chartrier("tenant", "create", "demo", "--name", "Commune de démonstration")
    trusted = running.home / "keys" / "trusted"
    trusted.mkdir()
    shutil.copy(SAMPLES / "truth" / "autorite-du-tiers.pem", trusted)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def key(service: Service) -> str:
    return service.key()


@pytest.fixture(scope="session")
def client(service: Service, key: str) -> Iterator[httpx2.Client]:
    with service.client(key) as client:
        yield client
