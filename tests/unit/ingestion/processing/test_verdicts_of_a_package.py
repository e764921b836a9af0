"""What no stage looked at is said to be unverified in the record: absence of evidence is never a
pass.
"""

from __future__ import annotations

from typing import Any

import pytest

from archive.database.tables import RecordRow
from ingestion.processing.packaging import _pages, verdicts
from tests.unit.ingestion.processing.making import Made, Works, ordinary, says

FOUND = {
    "screen": {"virus": {"verdict": "clean", "tool": "t", "at": "2026-01-01T00:00:00.000Z"}},
    "validate": {
        "pdfa": {"verdict": "compliant", "profile": "2b", "tool": "t"},
        "signature": {"verdict": "none", "signatures": []},
    },
    "seal": {"seal": {"verdict": "valid", "level": "B-T", "probative": True}},
}
UNSEEN = {
    "virus": {"verdict": "unverified", "tool": None, "at": None},
    "pdfa": {"verdict": "unverified", "profile": None, "tool": None},
    "signature": {"verdict": "indeterminate", "signatures": []},
    "seal": {"verdict": "none", "level": None, "probative": False},
}


@pytest.mark.parametrize("facts", [{}, {"screen": {}, "validate": {}, "seal": {}}], ids=["not run", "said nothing"])
def test_without_a_finding_nothing_passes(facts: dict[str, Any]) -> None:
    assert verdicts(facts) == UNSEEN


def test_an_empty_finding_is_none() -> None:
    empty = {"screen": {"virus": None}, "validate": {"pdfa": {}, "signature": {}}, "seal": {"seal": None}}
    assert verdicts(empty) == UNSEEN


def test_what_was_found_is_told_as_it_was_found() -> None:
    assert verdicts(FOUND) == {
        "virus": FOUND["screen"]["virus"],
        "pdfa": FOUND["validate"]["pdfa"],
        "signature": FOUND["validate"]["signature"],
        "seal": FOUND["seal"]["seal"],
    }


@pytest.mark.parametrize(
    ("stage", "told"), [("screen", {"virus"}), ("validate", {"pdfa", "signature"}), ("seal", {"seal"})]
)
def test_one_stage_vouches_for_no_other(stage: str, told: set[str]) -> None:
    made = verdicts({stage: FOUND[stage]})
    assert {name for name, value in made.items() if value != UNSEEN[name]} == told


@pytest.mark.parametrize(
    ("facts", "counted"),
    [
        ({"recognise": {"pages": [{}, {}]}, "normalise": {"pages": 3}, "identify": {"pages": 4}}, 2),
        ({"recognise": {}, "normalise": {"pages": 3}, "identify": {"pages": 4}}, 3),
        ({"normalise": {"pages": None}, "identify": {"pages": 4}}, 4),
        ({"identify": {"pages": None}}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("stranger", ["convert", "validate", "seal", "a stage to come"])
def test_pages_are_counted_by_who_counts_them(facts: dict[str, Any], counted: int | None, stranger: str) -> None:
    assert _pages({**facts, stranger: {"pages": 99}}) == counted


def test_a_record_that_no_antivirus_saw_says_so(bench: Any) -> None:
    works = Works(bench)
    bench.receive(b"received")
    stages = ordinary() | {"screen": Made("screen", says({})), "validate": Made("validate", says({}))}
    works.drain(works.runner(list(stages.values())))
    with bench.database.read() as session:
        (record,) = session.query(RecordRow).all()
    assert record.verdicts["virus"] == UNSEEN["virus"]
    assert record.verdicts["pdfa"] == UNSEEN["pdfa"]
    assert record.verdicts["signature"] == UNSEEN["signature"]
