"""An installation for the rooms of more than one package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.assembly import System
from tests.holdings import opened


@pytest.fixture
def system(tmp_path: Path, keys: Path) -> Iterator[System]:
    """A whole installation over local files, with the tenant « demo »."""
    with opened(tmp_path / "home", keys) as made:
        yield made
