"""One running service a session and profile: everything embedded, or one part behind a real server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.towns import operations, towns  # noqa: F401 - fixtures
from tests.servers.postgres import Postgres
from tests.servers.service import Service

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def _postgresql(request: pytest.FixtureRequest) -> dict[str, str]:
    server: Postgres = request.getfixturevalue("postgres")
    return server.empty().settings


_SETTINGS: dict[str, Callable[[pytest.FixtureRequest], dict[str, str]]] = {
    "embedded": lambda _: {},
    "postgresql": _postgresql,
}
"""What the service of each profile is told."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module that names ``PROFILES`` runs once on each; the others on the embedded one."""
    profiles = getattr(metafunc.module, "PROFILES", None)
    if profiles is not None and "service" in metafunc.fixturenames:
        metafunc.parametrize("service", profiles, indirect=True, scope="session")


@pytest.fixture(scope="session")
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    profile = getattr(request, "param", "embedded")
    running = Service(tmp_path_factory.mktemp("home") / "home", **_SETTINGS[profile](request))
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
