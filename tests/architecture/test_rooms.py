"""Tests stand where their code stands."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests" / "unit"
PACKAGES = ("signing", "archive", "search", "ingestion", "api")


def folders(under: Path) -> list[Path]:
    return sorted(path for path in under.iterdir() if path.is_dir() and path.name != "__pycache__")


def test_unit_tests_are_of_a_package_or_of_its_deployment() -> None:
    assert {path.name for path in folders(UNIT)} == {*PACKAGES, "deploy"}
    assert [path.name for path in UNIT.glob("test_*.py")] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_each_folder_of_unit_tests_is_a_room_of_its_package(package: str) -> None:
    rooms = {path.name for path in folders(ROOT / package) if (path / "__init__.py").exists()}
    assert [path.name for path in folders(UNIT / package) if path.name not in rooms] == []


@pytest.mark.parametrize("package", ["archive", "ingestion", "api"])
def test_no_tests_stand_outside_the_rooms_but_those_of_modules_outside_them(package: str) -> None:
    """Where every room has a folder, a file at the top is of a module at the top, by its name."""
    modules = {path.stem for path in (ROOT / package).glob("*.py")}
    tests = [path.stem.removeprefix("test_") for path in (UNIT / package).glob("test_*.py")]
    assert [test for test in tests if test not in modules] == []
