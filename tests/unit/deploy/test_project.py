"""What stands around the code: the files that forges, editors and new contributors read."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "README.md", "README.fr.md", "changelog/README.md")


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_linter_before_a_commit_is_the_pinned_one() -> None:
    (repository,) = read(".pre-commit-config.yaml")["repos"]
    pinned = re.findall(r"^ruff==(\S+)", (ROOT / "requirements/test.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert [repository["rev"]] == [f"v{version}" for version in pinned]


def test_a_public_forge_runs_what_decides_here() -> None:
    steps = read(".github/workflows/ci.yml")["jobs"]["ci"]["steps"]
    assert [step for step in steps if ".ci/run" in step.get("run", "")]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    decides = {line for line in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines() if line.startswith("make ")}
    assert {line for line in read(".gitlab-ci.yml")["test"]["script"] if line.startswith("make ")} <= decides


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_and_place_that_a_contributor_is_told_of_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    called = re.findall(r"(?:^    |`)make ([a-z-]+)", text, re.MULTILINE)
    assert [word for word in called if word not in targets] == []
    folder = (ROOT / name).parent
    linked = [path for path in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text) if "://" not in path]
    assert [path for path in linked if not (folder / path).exists()] == []
    named = re.findall(r"`((?:[a-z_.]+/)+[A-Za-z_.]*)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_text_files_end_and_break_as_editorconfig_says() -> None:
    unmodified = (":!*.min.js", ":!*.xsd", ":!tests/unit/archive/exchange/seda/samples")
    command = ["git", "grep", "-lIP", r"[ \t\r]$", *unmodified]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == []
