"""What ``make mutants`` breaks is there, and its run has an end."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
GROUPS: dict[str, dict[str, Any]] = tomllib.loads((ROOT / "tests/mutants/modules.toml").read_text())["groups"]


@pytest.mark.parametrize("group", GROUPS)
def test_modules_and_their_nearest_tests_are_where_the_list_says(group: str) -> None:
    named = [*GROUPS[group]["modules"], *(test.partition("::")[0] for test in GROUPS[group]["tests"])]
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_a_whole_run_takes_an_hour_at_most() -> None:
    assert sum(group["minutes"] for group in GROUPS.values()) <= 60
