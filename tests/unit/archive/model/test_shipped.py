"""Where the rules and the samples are found."""

from __future__ import annotations

from pathlib import Path

import pytest

import archive
from archive.model.shipped import shipped

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("name", ["rules", "samples"])
def test_in_a_checkout_they_stand_beside_the_packages(name: str) -> None:
    assert shipped(name) == ROOT / name


def test_an_installed_package_takes_its_own_and_not_a_neighbour_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "__file__", str(tmp_path / "archive" / "__init__.py"))
    (tmp_path / "samples").mkdir()
    ours = tmp_path / "archive" / "share" / "samples"
    ours.mkdir(parents=True)
    assert shipped("samples") == ours
    with pytest.raises(FileNotFoundError, match="rules"):
        shipped("rules")
