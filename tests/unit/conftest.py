"""An installation for the rooms of more than one package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.assembly import System
from tests.holdings import opened


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests together (``--dist loadgroup``): what its fixtures make is made once.

    A sample's tests keep together across files (``ingestion/stages/conftest.py``).
    """
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


@pytest.fixture
def system(tmp_path: Path, keys: Path) -> Iterator[System]:
    """A whole installation over local files, with the tenant « demo »."""
    with opened(tmp_path / "home", keys) as made:
        yield made
