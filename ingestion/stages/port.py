"""Port of a stage: files and facts in, files and facts out; no store, database or queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeGuard, runtime_checkable

from archive.model.records import Remark
from ingestion.stages.registry import StageSpec, require_known


@dataclass(frozen=True)
class Detail:
    """Detail: one sentence for readers.

    Attributes:
        code: Stable snake_case word.
        text: French message id with ``{places}``.
        values: Fills the places.
    """

    code: str
    text: str
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text.format(**self.values)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON stored in ``stage_runs.detail``."""
        return {"code": self.code, "text": self.text, "values": self.values}


@dataclass(frozen=True)
class StageInput:
    """Input of a stage: all that it may use.

    Attributes:
        folder: The workspace: the stage writes its files here and nowhere else.
        files: Name -> path of every file that earlier stages left (``received`` is the deposit's
            bytes).
        facts: All facts of earlier stages in one mapping: ``facts["identify"]["puid"]``;
            ``facts["deposit"]`` holds id, tenant, filename, media_type, size, sha256, sha512,
            fields, received_at.
    """

    folder: Path
    files: Mapping[str, Path]
    facts: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class StageResult:
    """Result of a stage: facts and files.

    Attributes:
        state: ``done``, ``skipped`` (there was nothing to do) or ``failed`` (the record is kept
            without it).
        facts: JSON values; become ``facts[stage name]`` of later stages.
        files: Name -> path in the workspace; each becomes a checkpoint and an input of later
            stages.
        tool: The program that was used, with its version and the parameters that matter.
        detail: Why it was skipped or failed, or another fact for readers.
        remarks: Added to the record's ``warnings``.
    """

    state: Literal["done", "skipped", "failed"]
    facts: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    tool: str | None = None
    tool_version: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    detail: Detail | None = None
    remarks: tuple[Remark, ...] = ()


class Stage(Protocol):
    """Stage: one step of processing.

    ``run`` MUST be a function of its input: same files and facts, same result. It MUST NOT change a
    file it was given. It returns ``failed`` for a fault of the document, and raises ``Unavailable``
    for a fault of ours (the runner tries again).
    """

    @property
    def spec(self) -> StageSpec:
        """Entry of the stage in the registry."""

    def run(self, given: StageInput) -> StageResult:
        """Run the stage."""


@runtime_checkable
class PagedStage(Stage, Protocol):
    """Paged stage: its work is done by page tasks (its spec is ``paged``).

    ``run`` gathers their results.
    """

    def plan(self, given: StageInput) -> tuple[tuple[int, int], ...]:
        """Plan chunks of pages, (first, last) from 1; empty if there is nothing to recognise."""

    def run_pages(self, given: StageInput, first: int, last: int) -> Path:
        """Recognise pages first..last into one file in the workspace; the stage names it.

        ``run`` later finds the chunk files in ``given.files`` under ``pages/<first>``.
        """


def is_paged(stage: Stage) -> TypeGuard[PagedStage]:
    """Whether the stage's work is done by page tasks."""
    return stage.spec.paged


def checked(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Return the stages after checking each with the registry: known, in order, paged or not.

    Raises:
        ValueError: Names the stage and its fault.
    """
    require_known([stage.spec for stage in stages])
    for stage in stages:
        if stage.spec.paged != isinstance(stage, PagedStage):
            raise ValueError(f"stage {stage.spec.name}: paged is {stage.spec.paged}, its methods say otherwise")
    return tuple(stages)
