"""``premis.json``: the bytes that it has always had, and nothing in it that nobody stated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archive.catalogue.premis import JournalEvent, premis
from archive.journal.types import EntryType
from ingestion.stages.registry import STAGES
from tests.unit.archive.catalogue.premis_events import AT, TOLD, record, tool

GOLDEN = Path(__file__).parent / "golden/premis.json"


def events(told: tuple[tuple[str, dict[str, Any]], ...]) -> list[JournalEvent]:
    return [JournalEvent(n, name, AT, "a:1" if n % 2 else None, facts) for n, (name, facts) in enumerate(told)]


def test_the_bytes_are_those_of_every_version() -> None:
    assert premis(record(), events(TOLD), {stage.name: stage.event for stage in STAGES}) == GOLDEN.read_bytes()


def test_the_golden_file_tells_every_entry_that_is_written_about_a_record() -> None:
    never = {EntryType.DESTRUCTION_DECIDED, EntryType.RECORD_DISPOSED, EntryType.RECORD_TRANSFERRED}
    never |= {EntryType.REMAINS_DESTROYED}  # nothing is written about what is gone
    told = {name for name, _ in TOLD}
    assert told == {one.value for one in EntryType if one.premis is not None} - never


def test_what_nobody_can_state_is_left_untold() -> None:
    facts = {"stage": "burn", "state": "done"}
    later = (("RecordBurnt", facts), ("StageCompleted", facts))
    unknown = {"record": record()["record"], "tools": [tool("burn"), tool("polish", "skipped")]}
    told = json.loads(premis(unknown, events(later), {"polish": "imaging"}))["events"]
    assert [(one["journal_type"], one["type"], one["outcome"]) for one in told] == [
        ("RecordBurnt", None, None),
        (None, "imaging", "skipped"),
    ]
