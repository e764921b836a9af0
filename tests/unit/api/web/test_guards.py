"""What guards a document is told apart from the document, on its page and in its history."""

from __future__ import annotations

import pytest

from api.views.history import sentence
from api.web.verdicts import check_badge, is_unguarded


@pytest.mark.parametrize(
    ("aspect", "verdict", "kind", "word"),
    [
        ("content", "missing", "bad", "Disparu"),
        ("content", "intact", "ok", "Intact"),
        ("custody", "missing", "warn", "Absent du coffre"),
        ("hold", "missing", "warn", "Absent du coffre"),
        ("custody", "intact", "ok", "En place"),
        ("custody", "unverifiable", "none", "Invérifiable"),
        (None, "missing", "bad", "Disparu"),
    ],
)
def test_a_missing_lock_is_no_missing_document(aspect: str | None, verdict: str, kind: str, word: str) -> None:
    check = {"name": "x", "verdict": verdict, "detail": ""} | ({"aspect": aspect} if aspect else {})
    badge = check_badge(check)
    assert (badge.kind, str(badge.word)) == (kind, word)
    assert is_unguarded([check]) == (aspect in {"custody", "hold"} and verdict == "missing")


def test_the_history_tells_locks_from_bytes() -> None:
    facts = {"verdict": "intact", "custody": "missing", "hold": "intact", "checks": 9}
    assert sentence("FixityChecked", facts, str) == "Vérifié : intact ; il manquait des verrous dans le magasin."
    assert sentence("FixityChecked", facts | {"custody": "intact"}, str) == "Vérifié : intact."
    answer = {"entry": 12, "accused": "altered", "verdict": "intact", "checks": 9}
    assert "l’entrée 12 accusait le document à tort" in sentence("VerdictCorrected", answer, str)
