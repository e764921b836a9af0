"""One running service a session and profile: one machine, with a broker beside it, on a department's servers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.servers.service import Service

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


PROFILES = ("embedded", *(pytest.param(name, marks=pytest.mark.services) for name in ("redis", "department")))
"""``redis``: one machine, its broker elsewhere; ``department``: PostgreSQL, MinIO, RabbitMQ, Elasticsearch."""


@pytest.fixture(scope="session", params=PROFILES)
def profile(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of a service."""
    if request.param == "redis":
        return {"CHARTRIER_BROKER_URL": request.getfixturevalue("redis_server").new_url()}
    if request.param == "department":
        request.getfixturevalue("department_broker")("rabbitmq")
        settings: dict[str, str] = request.getfixturevalue("department").settings("rabbitmq")
        return settings
    return {}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, profile: dict[str, str]) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("home") / "home", **profile)
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
