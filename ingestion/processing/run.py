"""Deposit run: the files, facts and stages of one deposit under one claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import RecordRow, RepresentationRow
from archive.model.records import Kind, Remark, ToolRun
from archive.objects.layout import DepositFolder
from archive.objects.port import ObjectStore
from ingestion.processing.packaging import told_of
from ingestion.processing.workspace import Files, Output, Workspace
from ingestion.stages.port import Stage, StageInput, StageResult
from ingestion.stages.registry import StageSpec
from ingestion.tables import DepositRow, PageTaskRow, StageRunRow
from signing.ground.clock import stamp

OVER: Final = frozenset({"done", "skipped", "failed"})


@dataclass
class StageRun:
    """Stage run: one stage that ran, committed or not."""

    spec: StageSpec
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    tool: str | None
    tool_version: str | None
    parameters: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, Output]
    detail: dict[str, Any] | None
    facts: dict[str, Any]
    remarks: list[dict[str, Any]]
    pages: int | None = None

    @property
    def name(self) -> str:
        """Name of the stage."""
        return self.spec.name

    def row(self, deposit_id: str) -> StageRunRow:
        """Make the row to store."""
        return StageRunRow(
            deposit_id=deposit_id,
            name=self.name,
            state=self.state,
            done=self.pages if self.state == "done" else None,
            total=self.pages,
            started_at=self.started_at,
            ended_at=self.ended_at,
            detail=self.detail,
            tool=self.tool,
            tool_version=self.tool_version,
            parameters=self.parameters,
            inputs=self.inputs,
            outputs={name: output.as_json() for name, output in self.outputs.items()},
            facts=self.facts,
            remarks=self.remarks,
        )

    @classmethod
    def of_row(cls, row: StageRunRow, spec: StageSpec) -> StageRun:
        """Make the stage run from its row."""
        outputs = {name: Output.from_json(value) for name, value in (row.outputs or {}).items()}
        return cls(
            spec=spec,
            state=row.state,
            started_at=row.started_at,
            ended_at=row.ended_at,
            tool=row.tool,
            tool_version=row.tool_version,
            parameters=row.parameters or {},
            inputs=row.inputs or {},
            outputs=outputs,
            detail=row.detail,
            facts=row.facts or {},
            remarks=list(row.remarks or []),
            pages=row.total,
        )

    def journal_facts(self) -> dict[str, Any]:
        """Return the facts for the journal: our own words, versions, digests; no content."""
        facts: dict[str, Any] = {"stage": self.name, "state": self.state}
        if self.tool:
            facts["tool"] = f"{self.tool} {self.tool_version or ''}".strip()
        if self.detail:
            facts["reason"] = self.detail["code"]
        if self.outputs:
            facts["outputs"] = {name: output.sha256 for name, output in self.outputs.items()}
        return facts

    def tool_run(self) -> ToolRun:
        """Return the tool run in the form that the archive writes into the record."""
        sentence = self.detail["text"].format(**self.detail["values"]) if self.detail else None
        return ToolRun(
            stage=self.name,
            state=self.state,
            tool=self.tool,
            version=self.tool_version,
            parameters=self.parameters,
            started_at=self.started_at,
            ended_at=self.ended_at,
            inputs=self.inputs,
            outputs={name: output.sha256 for name, output in self.outputs.items()},
            detail=sentence,
            event=self.spec.event,
        )


class DepositRun:
    """Deposit run: the state of one deposit while one worker works on it.

    Attributes:
        chunks: Page tasks; empty unless the deposit fanned out.
        pending: Stages that ran and are not committed yet.
        kept_before: Id of the record that there is already; new results then complete it.
    """

    def __init__(
        self,
        deposit: DepositRow,
        rows: Sequence[StageRunRow],
        chunks: Sequence[PageTaskRow],
        workspace: Workspace,
        *,
        original: RepresentationRow | None = None,
    ) -> None:
        self.deposit = deposit
        self.kept_before = original.record_id if original is not None else None
        self.chunks = chunks
        self.workspace = workspace
        self.files = Files(workspace)
        self.facts: dict[str, Mapping[str, Any]] = {"deposit": _deposit_facts(deposit)}
        self.runs: dict[str, StageRun] = {}
        self.pending: list[StageRun] = []
        self._rows = {row.name: row for row in rows}
        place = (original.key, original.version) if original else (deposit.staging_key, deposit.staging_version)
        self.files.add("received", Output(deposit.sha256, deposit.sha512, deposit.size, *place))
        for chunk in chunks:
            if chunk.output is not None:
                self.files.add(f"pages/{chunk.first_page}", Output.from_json(chunk.output))

    @classmethod
    def load(cls, session: Session, deposit_id: str, workspace: Workspace) -> DepositRun:
        """Load the state committed so far."""
        return cls(
            session.get_one(DepositRow, deposit_id),
            session.scalars(select(StageRunRow).where(StageRunRow.deposit_id == deposit_id)).all(),
            session.scalars(
                select(PageTaskRow).where(PageTaskRow.deposit_id == deposit_id).order_by(PageTaskRow.first_page)
            ).all(),
            workspace,
            original=session.scalar(
                select(RepresentationRow)
                .join(RecordRow, RecordRow.id == RepresentationRow.record_id)
                .where(RecordRow.deposit_id == deposit_id, RepresentationRow.kind == Kind.ORIGINAL)
            ),
        )

    def given(self, spec: StageSpec) -> StageInput:
        """Make the input of a stage: a folder of its own and everything found so far."""
        self.files.begin()
        return StageInput(folder=self.workspace.room(spec.name), files=self.files, facts=self.facts)

    def recall(self, stage: Stage) -> bool:
        """Take over a stage that an earlier claim committed; False if there is none.

        A file without a checkpoint is made again by its stage when it is asked for.
        """
        row = self._rows.get(stage.spec.name)
        if row is None or row.state not in OVER:
            return False
        stage_run = StageRun.of_row(row, stage.spec)
        for name, output in stage_run.outputs.items():
            self.files.add(name, output, remake=None if output.key else lambda: self._remake(stage))
        self._note(stage_run)
        return True

    def add(self, spec: StageSpec, result: StageResult, started_at: datetime, ended_at: datetime) -> StageRun:
        """Add the result of a stage."""
        inputs = self.files.digests(self.files.used)
        outputs = {}
        for name, path in result.files.items():
            outputs[name] = Output.of(path)
            self.files.add(name, outputs[name], path)
        stage_run = StageRun(
            spec=spec,
            state=result.state,
            started_at=started_at,
            ended_at=ended_at,
            tool=result.tool,
            tool_version=result.tool_version,
            parameters=result.parameters,
            inputs=inputs,
            outputs=outputs,
            detail=result.detail.as_json() if result.detail else None,
            facts=result.facts,
            remarks=[remark.as_json() for remark in result.remarks],
        )
        self._note(stage_run)
        self.pending.append(stage_run)
        return stage_run

    def add_pages(self, first: int, path: Path) -> None:
        """Add the words of one chunk that was recognised under this claim."""
        self.files.add(f"pages/{first}", Output.of(path), path)

    def checkpoint(self, store: ObjectStore, *, everything: bool = False) -> list[StageRun]:
        """Put costly files into staging; return the stage runs to be written.

        Args:
            everything: Whether to put cheap files too, as other tasks need them next.
        """
        changed = list(self.pending)
        made_now = {stage_run.name for stage_run in self.pending if stage_run.outputs}
        for stage_run in self.runs.values() if everything else self.pending:
            spare = not stage_run.spec.checkpointed or stage_run.spec.replaced_by in made_now
            for name, output in stage_run.outputs.items():
                if output.key is None and (everything or not spare):
                    stage_run.outputs[name] = self._put(store, stage_run.spec, self.files[name], output)
                    self.files.add(name, stage_run.outputs[name], self.files[name])
                    if stage_run not in changed:
                        changed.append(stage_run)
        return changed

    def put_pages(self, store: ObjectStore, spec: StageSpec, path: Path) -> Output:
        """Checkpoint the words of one chunk."""
        return self._put(store, spec, path, Output.of(path))

    @property
    def total_pages(self) -> int:
        """Number of pages of all chunks; 0 when the deposit did not fan out."""
        return pages_in([(chunk.first_page, chunk.last_page) for chunk in self.chunks])

    @property
    def remarks(self) -> list[Remark]:
        """Remarks of every stage, in order; a stage that failed without one gets one here."""
        said: list[Remark] = []
        for stage_run in self.runs.values():
            said += [Remark(remark["code"], remark["detail"], remark["stage"]) for remark in stage_run.remarks]
            if stage_run.state == "failed" and not stage_run.remarks:
                text = stage_run.tool_run().detail or stage_run.spec.failing
                said.append(Remark(f"{stage_run.name}_failed", text, stage_run.name))
        return said

    def _note(self, stage_run: StageRun) -> None:
        self.runs[stage_run.name] = stage_run
        self.facts[stage_run.name] = stage_run.facts

    def _remake(self, stage: Stage) -> None:
        used = self.files.used
        result = stage.run(self.given(stage.spec))
        for name, path in result.files.items():
            self.files.add(name, Output.of(path), path)
            self.runs[stage.spec.name].outputs[name] = self.files.output(name)
        self.files.used = used

    def _put(self, store: ObjectStore, spec: StageSpec, path: Path, output: Output) -> Output:
        key = DepositFolder(self.deposit.tenant_id, self.deposit.id).step(spec.name, output.sha256)
        stored = store.put(key, path, sha256=output.sha256)
        return replace(output, key=key, version=stored.version)


def pages_in(chunks: Sequence[tuple[int, int]]) -> int:
    """Return the number of pages in chunks, each (first, last)."""
    return sum(last - first + 1 for first, last in chunks)


def _deposit_facts(deposit: DepositRow) -> dict[str, Any]:
    return {
        "id": deposit.id,
        "tenant": deposit.tenant_id,
        "filename": deposit.filename,
        "media_type": deposit.media_type,
        "size": deposit.size,
        "sha256": deposit.sha256,
        "sha512": deposit.sha512,
        "fields": told_of(deposit),
        "received_at": stamp(deposit.received_at),
    }
