"""A verifier in Go, written from the documents alone, says of altered bundles what ours says."""

from pathlib import Path

from tests.strangers.comparison import build, compare
from tests.strangers.mutations import KINDS


def test_both_verifiers_say_the_same_of_altered_bundles(tmp_path: Path) -> None:
    """A short run of ``make strangers``: each kind of mutation once, and some twice."""
    build()
    told: list[str] = []
    result = compare(tmp_path, seed=2026, count=25, one_each=True, say=told.append)
    assert not result.disagreements, "\n".join(told)
    assert sum(result.answers.values()) == 25
    assert {kind for kind, _ in result.answers} == set(KINDS)
    assert result.answers["untouched", "intact"] == 2
    assert {verdict for _, verdict in result.answers} >= {"intact", "altered", "unverifiable"}
