"""States and verdicts in words."""

from __future__ import annotations

from typing import Any

import pytest

from api.web.page_view import _paragraph, searched
from api.web.progress import badge, progress
from api.web.verdicts import findings, fixity_badge
from ingestion.stages.registry import STEP_NAMES
from ingestion.tools.alto import Word


def deposit(state: str = "working", **states: Any) -> dict[str, Any]:
    stages = [
        {
            "name": n,
            "state": "waiting",
            "done": None,
            "total": None,
            "started_at": None,
            "ended_at": None,
            "detail": None,
        }
        | states.get(n, {})
        for n in STEP_NAMES
    ]
    return {
        "state": state,
        "size": 1000,
        "received_at": "2026-03-12T08:15:30.123Z",
        "problem": None,
        "stages": stages,
    }


def done(*names: str) -> dict[str, dict[str, Any]]:
    return {name: {"state": "done", "ended_at": "2026-03-12T08:15:31.000Z"} for name in names}


def test_a_new_deposit_is_safe_first() -> None:
    found = progress(deposit("received"))
    assert found.steps[0].name == "Recevoir"
    assert found.steps[0].kind == "ok"
    assert found.headline.word == "Reçu, en attente"
    assert not found.over


def test_pages_are_counted_not_guessed() -> None:
    view = deposit(**done("screen", "identify", "normalise"), recognise={"state": "running", "done": 34, "total": 120})
    found = progress(view)
    assert (found.done_pages, found.total_pages) == (34, 120)
    assert [s.current for s in found.steps].index(True) == 4
    assert "34" in found.headline.reason


def test_share_moves_by_quarters_and_ends_at_the_end() -> None:
    assert progress(deposit()).share == 0
    assert progress(deposit(**done("screen", "identify", "normalise"))).share == 25
    assert progress(deposit("kept", **done(*STEP_NAMES))).share == 100


def test_kept_is_over_only_once_it_can_be_found() -> None:
    assert not progress(deposit("kept", **done(*STEP_NAMES[:-1]), index={"state": "running"})).over
    assert progress(deposit("kept", **done(*STEP_NAMES))).over


def test_a_failed_stage_is_a_reserve_with_its_reason() -> None:
    view = deposit("kept", **(done(*STEP_NAMES) | {"convert": {"state": "failed", "detail": "Une police manque."}}))
    assert badge(view).kind == "warn"
    assert badge(view).reason == "Une police manque."
    assert progress(view).failed


def test_a_file_that_no_antivirus_saw_is_not_shown_as_screened() -> None:
    view = deposit(screen={"state": "done", "detail": "Aucun antivirus ne répond."})
    step = progress(view).steps[1]
    assert (step.kind, step.state) == ("warn", "fait, avec une réserve")
    assert progress(deposit(**done("screen"))).steps[1].kind == "ok"


def test_quarantine_says_why_and_what_to_do() -> None:
    view = deposit("quarantined") | {"problem": {"code": "malware", "detail": "Un virus.", "action": "Rien à faire."}}
    assert badge(view).word == "Mis à part"
    assert badge(view).reason == "Un virus. Rien à faire."
    assert progress(view).over


def test_a_reason_from_outside_is_escaped() -> None:
    view = deposit("quarantined") | {"problem": {"code": "x", "detail": "<script>alert(1)</script>", "action": ""}}
    assert "<script>" not in badge(view).reason


def test_absence_of_evidence_is_never_shown_as_a_pass() -> None:
    for finding in findings({}):
        assert finding.badge.kind in {"none", "warn"}, finding


def test_a_generated_seal_is_said_to_prove_nothing() -> None:
    (seal, *_) = findings({"seal": {"verdict": "valid", "level": "B-T", "probative": False}})
    assert "sans valeur probante" in seal.badge.word
    (real, *_) = findings({"seal": {"verdict": "valid", "level": "B-T", "probative": True}})
    assert "sans valeur" not in real.badge.word
    assert real.badge.kind == "ok"


@pytest.mark.parametrize("verdict", ["", "valide", None])
def test_an_unknown_fixity_word_is_unverifiable(verdict: Any) -> None:
    assert fixity_badge(str(verdict)).word == "Invérifiable"


def test_searched_words_follow_the_search_itself() -> None:
    wanted = searched('toitures "école des Tilleuls" -mairie budg*')
    assert wanted("toiture")
    assert wanted("l’École")
    assert wanted("budgétaire")
    assert not wanted("mairie")
    assert not wanted("marché")
    assert not searched("")("toiture")
    assert not searched('"')("toiture")


def test_a_full_line_runs_on_and_a_short_one_ends() -> None:
    def line(y: int, *texts: str) -> tuple[Word, ...]:
        return tuple(Word(text, 100 + 100 * i, y, 95, 20) for i, text in enumerate(texts))

    block = (line(0, "le", "conseil", "approuve", "le"), line(30, "marché", "conclu"), line(60, "Le", "maire"))
    lines = _paragraph(block, lambda text: text == "maire")
    assert lines == ("le conseil approuve le marché conclu", "Le <mark>maire</mark>")
