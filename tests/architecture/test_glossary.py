"""The glossary names what the code names, and nothing that the code doesn't have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("archive/model", "archive/disposition", "ingestion/processing")
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")


def classes(*folders: str) -> Iterator[str]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    yield node.name


def named() -> set[str]:
    rows = [line for line in GLOSSARY.splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.rsplit("|", 2)[1])}


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_class_of_a_room_stands_in_the_glossary(room: str) -> None:
    found = set(classes(room))
    assert found, room
    assert sorted(found - named()) == []


def test_the_glossary_names_no_class_and_no_file_that_is_not_there() -> None:
    known = set(classes("signing", "archive", "search", "ingestion", "api"))
    assert sorted(name for name in named() if re.fullmatch(r"[A-Z]\w+", name) and name not in known) == []
    assert [name for name in named() if "/" in name and not (ROOT / name).exists()] == []
