"""Documents that arrive signed: none genuine refused or wrongly doubted, none forged accepted.

A third of the set runs with every ``make test``, all of it with ``make signatures``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from signing.pdf import validate
from tests.corpus.make_signed import Case, World, forged, genuine, make_world, unsigned

WHOLE = os.environ.get("SIGNATURES") == "whole"
EVERY = 1 if WHOLE else 3
ALWAYS = {"long-term-bytes-after", "list-unknown", "revoked", "certified-3-note-over-other-content", "owner-password"}
"""Cases that alone hold a line of the judge."""


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def judged(world: World, tmp_path: Path, cases: Callable[[World], Iterator[Case]]) -> tuple[int, dict[str, object]]:
    """Judge cases; return how many, and those that got something else than they deserve."""
    wrong: dict[str, object] = {}
    path, count, trusted = tmp_path / "document.pdf", 0, world.trusted
    for number, (name, content, expected) in enumerate(cases(world)):
        if number % EVERY and name not in ALWAYS:
            continue
        count += 1
        path.write_bytes(content)
        report = validate(path, trusted, world.now)
        found = (report.verdict.value, next((f.reason for f in report.findings if f.verdict == report.verdict), ""))
        if found[0] == "valid" if expected == "refused" else found != expected:
            wrong[name] = found
    return count, wrong


def test_no_genuine_document_is_refused_or_wrongly_doubted(world: World, tmp_path: Path) -> None:
    count, wrong = judged(world, tmp_path, genuine)
    assert wrong == {}
    assert count >= (40 if WHOLE else 13)


def test_what_is_not_signed_is_not_doubted(world: World, tmp_path: Path) -> None:
    _, wrong = judged(world, tmp_path, unsigned)
    assert wrong == {}


def test_no_forged_document_is_accepted(world: World, tmp_path: Path) -> None:
    count, wrong = judged(world, tmp_path, forged)
    assert wrong == {}
    assert count >= (35 if WHOLE else 12)
