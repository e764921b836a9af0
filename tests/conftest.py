"""Rules for every tier: contract suites run whole, and the embedded system is the double."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

from tests import groups, shared_caches, store_guard

pytest_plugins = [
    "tests.servers.clamav",
    "tests.servers.elasticsearch",
    "tests.servers.minio",
    "tests.servers.postgres",
    "tests.servers.rabbitmq",
    "tests.servers.redis",
    "tests.servers.seaweedfs",
    "tests.servers.department",  # last: it imports the others
]

os.environ.setdefault("OMP_THREAD_LIMIT", "1")
settings.register_profile("untimed", deadline=None)  # a busy machine must not fail a test
settings.load_profile("untimed")
store_guard.install()
shared_caches.install()
structlog.configure(  # the default one draws every traceback in colours, a tenth of a second each
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Fail the run when an adapter's suite overrides a test of its contract: green, and void."""
    if config.getoption("dist", "no") == "loadgroup" or getattr(config.option, "loadgroup", False):
        groups.tell(items)
    for item in items:
        owner: Any = getattr(item, "cls", None)
        if owner is None:
            continue
        for base in owner.__mro__[1:]:
            if not base.__name__.endswith("Contract"):
                continue
            for test in vars(base):
                if test.startswith("test_") and test in vars(owner):
                    raise pytest.UsageError(f"{owner.__name__} overrides {base.__name__}.{test}")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own CHARTRIER_* variables must not change a test."""
    for key in list(os.environ):
        if key.startswith("CHARTRIER_"):
            monkeypatch.delenv(key)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root, seal, authority and log key as a first start makes them."""
    from signing.authority import ensure_generated
    from tests.holdings import START

    folder = tmp_path_factory.mktemp("keys")
    ensure_generated(folder, organisation="Commune de Test", clock=lambda: START)
    return folder


@pytest.fixture
def repository() -> Path:
    """The checkout's root."""
    return Path(__file__).resolve().parents[1]
