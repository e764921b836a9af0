"""``premis.json``: the events of a record, from the journal and from its tools. Pure.

Nothing in it is a guess: the event of an entry comes from its type, the event of a stage from the
run of that stage.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from archive.catalogue.record_json import plain
from archive.journal.effects import Outcome
from archive.journal.types import EntryType, known
from archive.model.records import ToolRun
from archive.objects import ocfl
from signing.ground.canonical import canonical
from signing.ground.clock import parse_stamp, stamp


@dataclass(frozen=True)
class JournalEvent:
    """An entry of the journal, as a record's readers need it.

    Attributes:
        type: Its name as it was written, also for a type that we don't know.
    """

    n: int
    type: str
    at: datetime
    agent: str | None
    facts: Mapping[str, Any]


def journal_event(n: int, body: bytes) -> JournalEvent:
    """Read an entry of the journal."""
    entry = json.loads(body)
    return JournalEvent(n, entry["type"], parse_stamp(entry["at"]), entry.get("agent"), entry["facts"])


def stage_events(tools: Iterable[ToolRun]) -> dict[str, str]:
    """Return the PREMIS event types of these stages, by stage name."""
    return {run.stage: run.event for run in tools}


def stated_events(premis_json: Mapping[str, Any]) -> dict[str, str]:
    """Return the PREMIS event types of stages in an earlier ``premis.json``, by stage name."""
    return {line["stage"]: line["type"] for line in premis_json["events"] if line["stage"]}


def premis(record: Mapping[str, Any], events: Iterable[JournalEvent], stage_types: Mapping[str, str]) -> bytes:
    """``premis.json``: the events of a record in journal order, each with its entry's number.

    The entry of the change to which this file itself belongs has no number yet: it is in the next
    version's file, and in the journal under the record's name. A stage without an entry in the
    journal comes last, without a number. A stage without a type is left out, so that nothing is
    stated without a source.

    Args:
        stage_types: PREMIS event type of every stage that made or is making the record.
    """
    tools = {tool["stage"]: tool for tool in record["tools"] if tool["stage"] in stage_types}
    told = [line for event in events if (line := _of_entry(event, stage_types)) is not None]
    last = {line["stage"]: line for line in told if line["stage"]}
    for stage, tool in tools.items():
        if stage not in last:
            last[stage] = _of_tool(tool, stage_types[stage])
            told.append(last[stage])
        last[stage]["tool"] = {name: tool[name] for name in ("tool", "version", "parameters", "detail")}
        last[stage]["objects"] = {"inputs": tool["inputs"], "outputs": tool["outputs"]}
    return canonical({"v": 1, "object": ocfl.object_id(record["record"]), "events": plain(told)})


def _of_entry(event: JournalEvent, stage_types: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the line of one entry; None for a stage without a PREMIS type.

    An entry type that we don't know gives a line without type and outcome.
    """
    entry_type = known(event.type)
    stated = entry_type.premis if entry_type is not None else None
    by_stage = stated is not None and stated.type is None
    stage = event.facts.get("stage") if by_stage else None
    if by_stage and stage not in stage_types:
        return None
    answers = {"answers": event.facts["entry"]} if entry_type is EntryType.VERDICT_CORRECTED else {}
    return answers | {
        "entry": event.n,
        "journal_type": event.type,
        "type": stage_types[stage] if stage is not None else stated.type if stated is not None else None,
        "at": stamp(event.at),
        "outcome": _outcome(stated.outcome, event.facts) if stated is not None else None,
        "agent": event.agent,
        "stage": stage,
    }


def _of_tool(tool: Mapping[str, Any], event_type: str) -> dict[str, Any]:
    return {
        "entry": None,
        "journal_type": None,
        "type": event_type,
        "at": tool["ended_at"],
        "outcome": tool["state"],
        "agent": None,
        "stage": tool["stage"],
    }


def _outcome(told_by: Outcome, facts: Mapping[str, Any]) -> str | None:
    match told_by:
        case Outcome.DONE:
            return "done"
        case Outcome.STATE:
            return facts.get("state")
        case Outcome.VERDICT:
            return facts.get("verdict")
        case _:
            assert_never(told_by)
