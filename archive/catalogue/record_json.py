"""``record.json`` and ``premis.json``: all that is known of a record, beside its bytes. Pure.

The catalogue's row is made from ``record.json`` and from nothing else, whether the record was just kept,
adopted after a crash or found in a store that lost its database: so the three can't differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from archive.database.engine import iso
from archive.model.description_fields import DESCRIPTION_FIELDS, Description, values_of
from archive.model.records import ArchivalPackage, Kind, PackageFile, RecordState, ToolRun
from archive.objects import layout
from archive.retention.schedule import RetentionDecision
from signing.ground.canonical import canonical
from signing.ground.clock import parse_stamp, stamp

RETENTION_REMARKS: Final = frozenset({"type_missing", "type_unknown", "rule_missing", "start_missing"})
"""Remarks that a new description may answer."""

_PREMIS: Final = {
    "DepositReceived": "ingestion",
    "RecordKept": "registration",
    "RecordDescribed": "metadata modification",
    "RecordCompleted": "derivation",
    "DepositRecovered": "ingestion",
    "RecordRecovered": "registration",
    "ObjectRestored": "replication",
    "FixityChecked": "fixity check",
    "HoldPlaced": "policy assignment",
    "HoldReleased": "policy assignment",
    "HoldRecovered": "policy assignment",
    "ReleaseRecovered": "policy assignment",
}


@dataclass(frozen=True)
class JournalEvent:
    """What the journal says of an entry, as premis.json repeats it."""

    n: int
    type: str
    at: datetime
    agent: str | None
    facts: Mapping[str, Any]


def logical_name(file: PackageFile) -> str:
    """The name of a representation in the object's state."""
    if file.kind is Kind.ORIGINAL:
        return layout.original_name(file.filename)
    return {
        Kind.ARCHIVAL: "archival/record.pdf",
        Kind.TEXT: "text/alto.xml",
        Kind.PREVIEW: "preview/preview.webp",
    }[file.kind]


# -- record.json


def first_record(
    package: ArchivalPackage, decision: RetentionDecision, *, kept_at: datetime, salt: str
) -> dict[str, Any]:
    """``record.json`` of a record about to be kept."""
    confidence = package.mean_confidence
    return {
        "v": 1,
        "record": package.record_id,
        "tenant": package.tenant,
        "revision": 1,
        "kept_at": stamp(kept_at),
        "salt": salt,
        "deposit": {
            "id": package.deposit_id,
            "entry": package.deposit_entry,
            "received_at": stamp(package.received_at),
        },
        "filename": next(f.filename for f in package.files if f.kind is Kind.ORIGINAL),
        "description": description_json(package.description),
        "pages": package.pages,
        "text": None
        if package.words is None
        else {
            "words": package.words,
            "mean_confidence_permille": None if confidence is None else round(confidence * 1000),
        },
        "representations": [_representation(file) for file in package.files],
        "verdicts": plain(package.verdicts),
        "warnings": [remark.as_json() for remark in (*package.warnings, *decision.remarks)],
        "tools": [_tool(run) for run in package.tools],
        **_decided(decision),
    }


def next_record(current: Mapping[str, Any], description: Description, decision: RetentionDecision) -> dict[str, Any]:
    """``record.json`` of the next revision."""
    kept = [remark for remark in current["warnings"] if remark["code"] not in RETENTION_REMARKS]
    return {
        **current,
        "revision": current["revision"] + 1,
        "description": description_json(description),
        "warnings": kept + [remark.as_json() for remark in decision.remarks],
        **_decided(decision),
    }


def _decided(decision: RetentionDecision) -> dict[str, Any]:
    retention, access = decision.retention, decision.access
    return {
        "retention": {
            "rule": retention.rule,
            "rule_version": retention.version,
            "starts_on": iso(retention.starts_on),
            "ends_on": iso(retention.ends_on),
            "final_action": retention.final_action.value,
            "explanation": retention.explanation,
        },
        "access": {
            "rule": decision.access_rule,
            "communicable_on": iso(access.communicable_on),
            "explanation": access.explanation,
        },
    }


def _representation(file: PackageFile) -> dict[str, Any]:
    return {
        "kind": file.kind.value,
        "name": logical_name(file),
        "filename": file.filename,
        "media_type": file.media_type,
        "format": {"puid": file.format.puid, "name": file.format.name},
        "size": file.size,
        "digests": file.digests.as_json(),
    }


def _tool(run: ToolRun) -> dict[str, Any]:
    return {
        "stage": run.stage,
        "state": run.state,
        "tool": run.tool,
        "version": run.version,
        "parameters": plain(run.parameters),
        "started_at": stamp(run.started_at) if run.started_at else None,
        "ended_at": stamp(run.ended_at) if run.ended_at else None,
        "inputs": dict(run.inputs),
        "outputs": dict(run.outputs),
        "detail": run.detail,
    }


def description_json(description: Description) -> dict[str, Any]:
    """A description as JSON carries it."""
    return {field.name: field.as_json(getattr(description, field.name)) for field in DESCRIPTION_FIELDS}


def description_from(values: Mapping[str, Any]) -> Description:
    """The description that ``description_json`` wrote; names it does not know are left aside."""
    known: dict[str, Any] = {field.name: field.from_json(values.get(field.name)) for field in DESCRIPTION_FIELDS}
    return Description(**known)


def plain(value: Any) -> Any:
    """The same in what canonical JSON can say: a tool's floats become text, as it would print them."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return stamp(value)
    return str(value)


def row_values(record: Mapping[str, Any]) -> dict[str, Any]:
    """What the catalogue's row says, from ``record.json``: every column but those of place and proof."""
    description = description_from(record["description"])
    text = record["text"] or {}
    confidence = text.get("mean_confidence_permille")
    retention, access = record["retention"], record["access"]
    return values_of(description) | {
        "id": record["record"],
        "tenant_id": record["tenant"],
        "deposit_id": record["deposit"]["id"],
        "revision": record["revision"],
        "state": RecordState.KEPT.value,
        "kept_at": parse_stamp(record["kept_at"]),
        "access_rule": access["rule"],
        "filename": record["filename"],
        "pages": record["pages"],
        "words": text.get("words"),
        "mean_confidence": None if confidence is None else confidence / 1000,
        "verdicts": record["verdicts"],
        "warnings": record["warnings"],
        "tools": record["tools"],
        "rule_code": retention["rule"],
        "rule_version": retention["rule_version"],
        "starts_on": _day(retention["starts_on"]),
        "ends_on": _day(retention["ends_on"]),
        "final_action": retention["final_action"],
        "retention_explanation": retention["explanation"],
        "communicable_on": _day(access["communicable_on"]),
        "access_explanation": access["explanation"],
        "salt": record["salt"],
    }


def representation_values(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The representations' rows without their places; ``name`` is the logical name."""
    return [
        {
            "name": given["name"],
            "record_id": record["record"],
            "kind": given["kind"],
            "filename": given["filename"],
            "media_type": given["media_type"],
            "puid": given["format"]["puid"],
            "format_name": given["format"]["name"],
            "size": given["size"],
            "sha256": given["digests"]["sha-256"],
            "sha512": given["digests"]["sha-512"],
        }
        for given in record["representations"]
    ]


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


# -- premis.json


def journal_event(n: int, body: bytes) -> JournalEvent:
    """An entry of the journal, read."""
    entry = json.loads(body)
    return JournalEvent(n, entry["type"], parse_stamp(entry["at"]), entry.get("agent"), entry["facts"])


def stage_events(tools: Iterable[ToolRun]) -> dict[str, str]:
    """PREMIS event types of these stages, by name."""
    return {run.stage: run.event for run in tools}


def stated_events(premis_json: Mapping[str, Any]) -> dict[str, str]:
    """PREMIS event types that an earlier ``premis.json`` stated of stages, by name."""
    return {line["stage"]: line["type"] for line in premis_json["events"] if line["stage"]}


def premis(record: Mapping[str, Any], events: Iterable[JournalEvent], stage_types: Mapping[str, str]) -> bytes:
    """``premis.json``: the events of a record in journal order, each with its entry's number.

    The entry of the change that this very file belongs to has no number yet: it is in the next version's
    file, and in the journal under the record's name. A stage that the journal does not tell stands last,
    without a number. A stage without a type is left out: nothing is stated of it that nobody said.

    Args:
        stage_types: PREMIS event type of every stage that made or is making the record.
    """
    tools: dict[str, Mapping[str, Any]] = {tool["stage"]: tool for tool in record["tools"]}
    told: list[dict[str, Any]] = []
    for event in events:
        stage = event.facts.get("stage")
        if stage is not None and stage not in stage_types:
            continue
        told.append(
            {
                "entry": event.n,
                "journal_type": event.type,
                "type": stage_types[stage] if stage else _PREMIS.get(event.type, "other"),
                "at": stamp(event.at),
                "outcome": event.facts.get("state") or event.facts.get("verdict") or "done",
                "agent": event.agent,
                "stage": stage,
            }
        )
    last = {line["stage"]: line for line in told if line["stage"]}
    for stage, tool in tools.items():
        if stage not in stage_types:
            continue
        if stage not in last:
            told.append(
                {
                    "entry": None,
                    "journal_type": None,
                    "type": stage_types[stage],
                    "at": tool["ended_at"],
                    "outcome": tool["state"],
                    "agent": None,
                    "stage": stage,
                }
            )
            last[stage] = told[-1]
        last[stage]["tool"] = {name: tool[name] for name in ("tool", "version", "parameters", "detail")}
        last[stage]["objects"] = {"inputs": tool["inputs"], "outputs": tool["outputs"]}
    return canonical({"v": 1, "object": layout.object_id(record["record"]), "events": plain(told)})
