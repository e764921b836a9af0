"""One running service a session and profile: everything embedded, or parts of it behind real
servers.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
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


def _redis(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"CHARTRIER_BROKER_URL": request.getfixturevalue("redis_server").new_url()}


def _department(request: pytest.FixtureRequest) -> dict[str, str]:
    request.getfixturevalue("department_broker")("rabbitmq")
    settings: dict[str, str] = request.getfixturevalue("department").settings("rabbitmq")
    return settings


_SETTINGS: dict[str, Callable[[pytest.FixtureRequest], dict[str, str]]] = {
    "embedded": lambda _: {},
    "postgresql": _postgresql,
    "redis": _redis,
    "department": _department,
}
"""What the service of each profile is told.

``department``: PostgreSQL, MinIO, RabbitMQ, Elasticsearch.
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module that names ``PROFILES`` runs once on each.

    The others, and tests that name theirs, on that one.
    """
    profiles = getattr(metafunc.module, "PROFILES", None)
    named = any("service" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if profiles is not None and "service" in metafunc.fixturenames and not named:
        metafunc.parametrize("service", profiles, indirect=True, scope="session")


LONGEST = (
    *("department", "test_compose", "postgresql", "test_on_elasticsearch"),
    *("test_archivist", "embedded", "test_custody", "test_strangers"),
)
"""Groups of tests that are begun first, as each runs on one worker."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, object, object]:
    """Keep together what uses one service (``--dist loadgroup``): each profile's tests, and each
    other module's; the longest first.
    """
    for item in items:
        if isinstance(item, pytest.Function) and Path(__file__).parent in item.path.parents:
            shared = "service" in item.fixturenames and not hasattr(item.module, "service")
            profile = item.callspec.params.get("service", "embedded") if hasattr(item, "callspec") else "embedded"
            item.add_marker(pytest.mark.xdist_group(profile if shared else item.path.stem))
    ended = yield
    items.sort(key=_place)
    return ended


def _place(item: pytest.Item) -> int:
    """The place of a test's group in ``LONGEST``; the others stay in their drawn order behind."""
    group = item.get_closest_marker("xdist_group")
    return LONGEST.index(group.args[0]) if group is not None and group.args[0] in LONGEST else len(LONGEST)


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
