"""The registry of stages: what is for ever in it, and every table that must know each stage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.http.i18n import speaking, translate
from api.views.history import sentence
from api.views.schemas import StageView
from api.web.progress import badge, progress
from archive.catalogue.premis import premis, stage_events
from archive.model.premis_types import PremisType
from archive.model.records import ToolRun
from ingestion.processing.pipeline import pipeline
from ingestion.processing.retry import _again
from ingestion.processing.run import StageRun
from ingestion.settings import load_settings
from ingestion.stages.port import Stage, StageInput, StageResult, checked
from ingestion.stages.registry import CONVERT, IDENTIFY, SCREEN, STAGES, STEP_NAMES, STEPS, StageSpec, Step
from ingestion.tools.sandbox import Sandbox
from signing.authority import ensure_generated
from signing.ground.clock import utc_now
from signing.signers.pem import load_signer
from signing.timestampers.rfc3161 import load_timestamper

each_stage = pytest.mark.parametrize("spec", STAGES, ids=lambda spec: spec.name)
each_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)


class Whole:
    """A stage that is what the test says."""

    def __init__(self, spec: StageSpec) -> None:
        self.spec = spec

    def run(self, given: StageInput) -> StageResult:
        return StageResult("done")


class Cut(Whole):
    """One with chunks of pages."""

    def plan(self, given: StageInput) -> tuple[tuple[int, int], ...]:
        return ()

    def run_pages(self, given: StageInput, first: int, last: int) -> Path:
        raise AssertionError("no chunk was planned")


def view(name: str, state: str, **values: Any) -> dict[str, Any]:
    empty = {"done": None, "total": None, "started_at": None, "ended_at": None, "detail": None}
    stages = [
        {"name": other, "state": state if other == name else "waiting"} | empty | (values if other == name else {})
        for other in STEP_NAMES
    ]
    received_at = "2026-03-12T08:15:30.123Z"
    return {"state": "working", "size": 1, "received_at": received_at, "problem": None, "stages": stages}


def ran(spec: StageSpec) -> StageRun:
    return StageRun(spec, "failed", None, None, "tool", "1", {}, {}, {}, None, {}, [])


# -- for ever


def test_names_and_events_in_locked_stores_never_change() -> None:
    assert {spec.name: spec.event for spec in STAGES}.items() >= {
        ("screen", "virus check"),
        ("identify", "format identification"),
        ("normalise", "normalization"),
        ("recognise", "transcription"),
        ("convert", "derivation"),
        ("validate", "validation"),
        ("seal", "digital signature generation"),
    }
    assert STEP_NAMES[-2:] == ("keep", "index")


def test_the_registry_agrees_with_itself() -> None:
    assert len(set(STEP_NAMES)) == len(STEP_NAMES)
    assert sum(spec.paged for spec in STAGES) <= 1, "page tasks don't say which stage they are of"
    for spec in STAGES:
        assert spec.replaced_by is None or STEP_NAMES.index(spec.replaced_by) > STEP_NAMES.index(spec.name)


# -- an unknown stage cannot start


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stage, ...]:
    settings = load_settings({"CHARTRIER_HOME": str(tmp_path_factory.mktemp("home"))})
    ensure_generated(settings.signing.keys, organisation="Mairie d’essai", clock=utc_now)
    signer, timestamper = load_signer(settings.signing), load_timestamper(settings.signing, utc_now)
    return pipeline(Sandbox(), settings.ingestion, signer, timestamper, utc_now)


def test_the_pipeline_has_every_stage_once_in_order(stages: tuple[Stage, ...]) -> None:
    assert tuple(stage.spec for stage in stages) == STAGES


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([Whole(replace(SCREEN, name="polish"))], "does not know: polish"),
        ([Whole(replace(SCREEN, event=PremisType.OTHER))], "does not know: screen"),
        ([Whole(IDENTIFY), Whole(SCREEN)], "out of order"),
        ([Whole(SCREEN), Whole(SCREEN)], "out of order"),
        ([Whole(next(spec for spec in STAGES if spec.paged))], "paged is True"),
        ([Cut(CONVERT)], "paged is False"),
    ],
    ids=["unknown name", "another event", "order", "twice", "not cut", "cut"],
)
def test_a_stage_that_the_registry_does_not_describe_cannot_start(given: list[Stage], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checked(given)


# -- every table knows every stage


@each_stage
def test_premis_states_what_the_registry_says(spec: StageSpec) -> None:
    run: ToolRun = ran(spec).tool_run()
    tool = {"stage": spec.name, "state": run.state, "tool": run.tool, "version": "1", "parameters": {}, "detail": None}
    record = {"record": "r", "tools": [tool | {"ended_at": None, "inputs": {}, "outputs": {}}]}
    (event,) = json.loads(premis(record, [], stage_events([run])))["events"]
    assert (event["stage"], event["type"]) == (spec.name, spec.event)


@each_step
def test_the_api_promises_every_step(step: Step) -> None:
    allowed = StageView.model_json_schema()["properties"]["name"]["enum"]
    assert step.name in allowed
    assert len(allowed) == len(STEPS)


@each_step
@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_pages_say_every_step_in_both_languages(step: Step, language: str) -> None:
    with speaking(language):
        for state, said in (("waiting", step.promise), ("running", step.promise), ("done", step.outcome)):
            shown = progress(view(step.name, state)).steps[1 + STEP_NAMES.index(step.name)]
            assert shown.sentence.unescape().replace("\N{NO-BREAK SPACE}", " ").replace(
                "\N{NARROW NO-BREAK SPACE}", " "
            ) == translate(said, language)
        assert translate(step.label, language) in badge(view(step.name, "running")).word.unescape()
    if language == "en":
        for text in (step.label, step.task, step.promise, step.outcome):
            assert translate(text, "en") != text


@each_stage
def test_a_stage_that_fails_without_a_word_says_what_that_means(spec: StageSpec) -> None:
    kept = view(spec.name, "failed") | {"state": "kept"}
    with speaking("en"):
        reason = badge(kept).reason.unescape()
    assert reason == translate(spec.failing, "en") != spec.failing


@each_stage
def test_the_history_names_every_stage(spec: StageSpec) -> None:
    said = sentence("StageCompleted", {"stage": spec.name, "state": "done"}, str)
    assert said.startswith(spec.label)


@each_stage
def test_a_retry_takes_a_stage_and_all_after_it(spec: StageSpec) -> None:
    runs = dict.fromkeys(STEP_NAMES[:-1], "done") | {spec.name: "failed"}
    assert _again("kept", runs, [spec.name]) == list(STEP_NAMES[STEP_NAMES.index(spec.name) : -1])


@each_stage
def test_the_documents_name_every_stage(spec: StageSpec) -> None:
    root = Path(__file__).parents[4]
    assert spec.name in (root / "docs/architecture.md").read_text(encoding="utf-8")
