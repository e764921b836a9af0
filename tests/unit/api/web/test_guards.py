"""What guards a document is told apart from the document, on its page and in its history."""

from __future__ import annotations

import pytest

from api.views.history import sentence
from api.web.verdicts import check_badge, is_unconfirmed, is_unguarded


@pytest.mark.parametrize(
    ("aspect", "verdict", "kind", "word"),
    [
        ("content", "missing", "bad", "Disparu"),
        ("content", "intact", "ok", "Intact"),
        ("custody", "missing", "warn", "Absent du coffre"),
        ("hold", "missing", "warn", "Absent du coffre"),
        ("custody", "intact", "ok", "En place"),
        ("custody", "unverifiable", "none", "Invérifiable"),
        ("journal", "altered", "bad", "Altéré"),
        ("journal", "intact", "ok", "Intact"),
        (None, "missing", "bad", "Disparu"),
    ],
)
def test_a_missing_lock_is_no_missing_document(aspect: str | None, verdict: str, kind: str, word: str) -> None:
    check = {"name": "x", "verdict": verdict, "detail": ""} | ({"aspect": aspect} if aspect else {})
    badge = check_badge(check)
    assert (badge.kind, str(badge.word)) == (kind, word)
    assert is_unguarded([check]) == (aspect in {"custody", "hold"} and verdict == "missing")
    assert is_unconfirmed([check]) == (aspect == "journal" and verdict != "intact")


def test_the_history_tells_locks_from_bytes() -> None:
    facts = {"verdict": "intact", "custody": "missing", "hold": "intact", "checks": 9}
    assert sentence("FixityChecked", facts, str) == "Vérifié : intact ; il manquait des verrous dans le magasin."
    assert sentence("FixityChecked", facts | {"custody": "intact"}, str) == "Vérifié : intact."
    whole = facts | {"custody": "intact", "journal": "altered"}
    assert sentence("FixityChecked", whole, str) == "Vérifié : intact ; le journal publié, lui, était abîmé."
    answer = {"entry": 12, "accused": "altered", "verdict": "intact", "checks": 9}
    assert "l’entrée 12 accusait le document à tort" in sentence("VerdictCorrected", answer, str)
