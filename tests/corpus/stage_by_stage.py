"""Runs the real stages one after the other, without store, database or queue."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingestion.stages.port import Stage, StageInput, StageResult, is_paged
from signing.ground.errors import Refused


@dataclass
class Way:
    """What came of one document."""

    files: dict[str, Path]
    facts: dict[str, Any]
    results: dict[str, StageResult] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)

    @property
    def remarks(self) -> set[str]:
        return {remark.code for result in self.results.values() for remark in result.remarks}


def walk(stages: Sequence[Stage], received: Path, folder: Path) -> Way:
    """All stages over one file."""
    content = received.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    way = Way({"received": received}, {"deposit": {"filename": received.name, "size": len(content), "sha256": digest}})
    for stage in stages:
        room = folder / stage.spec.name
        room.mkdir(parents=True)
        given = StageInput(room, way.files, way.facts)
        if is_paged(stage):
            for first, last in stage.plan(given):
                try:
                    way.files[f"pages/{first}"] = stage.run_pages(given, first, last)
                except Refused as error:
                    way.refused.append(error)
        result = stage.run(given)
        way.results[stage.spec.name] = result
        way.facts[stage.spec.name] = result.facts
        way.files |= result.files
    assert received.read_bytes() == content, "a stage changed what was received"
    return way
