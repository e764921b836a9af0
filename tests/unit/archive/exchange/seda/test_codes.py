"""Codes of findings: stable, so each stands in the document, and nothing else does."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[5]


def test_every_code_is_documented_and_every_documented_code_exists() -> None:
    modules = [*(ROOT / "archive/exchange/seda").glob("*.py"), *(ROOT / "ingestion/packages").glob("*.py")]
    raised = {code for path in modules for code in re.findall(r'"(seda_[a-z_]+)"', path.read_text(encoding="utf-8"))}
    raised -= {"seda_refused"}  # the reason of an entry of the journal, no finding
    documented = set(re.findall(r"`(seda_[a-z_]+)`", (ROOT / "docs/seda.md").read_text(encoding="utf-8")))
    assert documented == raised
