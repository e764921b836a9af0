"""What calls itself pure is held to it: the linter's contract lists it."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("signing", "archive", "search", "ingestion", "api")
READS_A_STORE = {"archive.journal.tiles"}
"""In the contract without calling themselves pure: they read through the port, and know no adapter.
"""


def listed() -> set[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (contract,) = (one for one in contracts if one["name"] == "pure rules do no I/O")
    return set(contract["source_modules"])


def pure() -> set[str]:
    found = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            if re.search(r"\bPure\b", docstring):
                found.add(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return found


def test_every_module_that_says_pure_is_in_the_contract() -> None:
    covered = listed()
    parents = {module: {module[:end] for end, sign in enumerate(module) if sign == "."} | {module} for module in pure()}
    assert sorted(module for module, names in parents.items() if not names & covered) == []


def test_every_module_in_the_contract_says_pure() -> None:
    modules = {name for name in listed() if not (ROOT / name.replace(".", "/")).is_dir()}
    assert modules - pure() == READS_A_STORE
