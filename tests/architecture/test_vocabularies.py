"""Vocabularies stand in one place: nobody else writes their words down."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from archive.journal.types import EntryType
from archive.model.final_actions import FinalAction
from archive.model.states import RecordState

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("signing", "archive", "search", "ingestion", "api")


def literals(words: Iterable[str], *, exclude: set[str]) -> list[str]:
    """Where one of these words is written as a string of its own."""
    wanted = set(words)
    found: list[str] = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if name in exclude or "migrations" in path.parts:
                continue
            found += [
                f"{name}:{node.lineno}: {node.value}"
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in wanted
            ]
    return found


def test_entry_types_are_named_by_their_members() -> None:
    verifiers = {f"archive/evidence/{name}.py" for name in ("verify", "verify_certificate")}  # no imports of ours
    assert literals(EntryType, exclude={"archive/journal/types.py", *verifiers}) == []


def test_states_of_a_record_are_named_by_their_members() -> None:
    words = set(RecordState) - {RecordState.KEPT}  # deposits are kept too
    assert literals(words, exclude={"archive/model/states.py"}) == []


def test_final_actions_are_named_by_their_members() -> None:
    words = set(FinalAction) - {FinalAction.KEEP, FinalAction.SORT}  # a stage and a parameter bear these names too
    assert literals(words, exclude={"archive/model/final_actions.py"}) == []
