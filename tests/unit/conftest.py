"""Keys made once, and an installation over them: the rooms of more than one package use these."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.assembly import System
from signing.authority import ensure_generated
from tests.holdings import START, opened


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root, seal, authority and log key as a first start makes them."""
    folder = tmp_path_factory.mktemp("keys")
    ensure_generated(folder, organisation="Commune de Test", clock=lambda: START)
    return folder


@pytest.fixture
def system(tmp_path: Path, keys: Path) -> Iterator[System]:
    """A whole installation over local files, with the tenant « demo »."""
    with opened(tmp_path / "home", keys) as made:
        yield made
