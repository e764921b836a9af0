"""``record.json``: the whole metadata of a record, kept with its bytes. Pure.

The catalogue's row is made from ``record.json`` and from nothing else, whether the record was just
kept, adopted after a crash or found in a store that lost its database: so the three can't differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, assert_never

from archive.model.description_fields import DESCRIPTION_FIELDS, Description, values_of
from archive.model.records import ArchivalPackage, Kind, PackageFile, ToolRun
from archive.model.states import RecordState
from archive.objects import ocfl
from archive.retention.dates import day_after
from archive.retention.decisions import RetentionDecision
from archive.retention.resolution import Basis
from signing.ground.clock import iso, parse_stamp, stamp

RETENTION_REMARKS: Final = frozenset(
    {
        "type_missing",
        "type_unknown",
        "rule_missing",
        "rule_unknown",
        "rule_unsure",
        "start_missing",
        "end_beyond_calendar",
        "final_action_conflict",
        "file_unknown",
        "date_ahead",
    }
)
"""Remarks that a new description may answer."""


def logical_name(file: PackageFile) -> str:
    """Return the logical name of a representation in the OCFL object."""
    match file.kind:
        case Kind.ORIGINAL:
            return ocfl.original_name(file.filename)
        case Kind.ARCHIVAL:
            return "archival/record.pdf"
        case Kind.TEXT:
            return "text/alto.xml"
        case Kind.PREVIEW:
            return "preview/preview.webp"
        case Kind.REDACTED:
            return "redacted/record.pdf"
        case kind:
            assert_never(kind)


def first_record(
    package: ArchivalPackage, decision: RetentionDecision, *, kept_at: datetime, salt: str
) -> dict[str, Any]:
    """Return ``record.json`` of a record about to be kept."""
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
            **({"tenant_name": package.tenant_name, "salts": dict(package.salts)} if package.salts else {}),
            **({"agreement": package.agreement} if package.agreement is not None else {}),
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
        "representations": [representation_json(file) for file in package.files],
        "verdicts": plain(package.verdicts),
        "warnings": [remark.as_json() for remark in (*package.warnings, *decision.remarks)],
        "tools": [_tool(run) for run in package.tools],
        **_decided(decision),
    }


def next_record(current: Mapping[str, Any], description: Description, decision: RetentionDecision) -> dict[str, Any]:
    """Return ``record.json`` of the next revision."""
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
            "due_on": iso(decision.due_on),
            "basis": decision.basis.value,
            "parts": [dict(part) for part in decision.parts],
            "final_action": retention.final_action.value,
            "explanation": retention.explanation,
        },
        "access": {
            "rule": decision.access_rule,
            "communicable_on": iso(access.communicable_on),
            "explanation": access.explanation,
            **({"opening": access.opening} if access.opening is not None else {}),
        },
    }


def representation_json(file: PackageFile) -> dict[str, Any]:
    """Return a representation as ``record.json`` lists it."""
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
    """Convert a description to JSON values."""
    return {field.name: field.as_json(getattr(description, field.name)) for field in DESCRIPTION_FIELDS}


def description_from(values: Mapping[str, Any]) -> Description:
    """Read the description that ``description_json`` wrote; ignore unknown names."""
    known: dict[str, Any] = {field.name: field.from_json(values.get(field.name)) for field in DESCRIPTION_FIELDS}
    return Description(**known)


def plain(value: Any) -> Any:
    """Convert to values of canonical JSON: a tool's floats become text, as ``str`` prints them."""
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
    """Return the catalogue's row of a ``record.json``: all columns but those of place and proof."""
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
        "due_on": _due(_day(retention["ends_on"])),
        "basis": retention.get("basis") or _basis(record).value,
        "retention_parts": retention.get("parts"),
        "other_rules": _rules(retention.get("parts") or ()),
        "final_action": retention["final_action"],
        "retention_explanation": retention["explanation"],
        "communicable_on": _day(access["communicable_on"]),
        "access_explanation": access["explanation"],
        "opening": access.get("opening"),
        "bytes": sum(form["size"] for form in record["representations"]),
        "salt": record["salt"],
    }


def _rules(parts: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the versions of several rules in force as one text; None of one or none."""
    named = {f"{part['rule']}/{part['rule_version']}" for part in parts if part.get("rule")}
    return ";".join(sorted(named)) if len(named) > 1 else None


def representation_values(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the representations' rows without their places; ``name`` is the logical name."""
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


def _basis(record: Mapping[str, Any]) -> Basis:
    """Return the basis of a record that was kept before it was told."""
    retention = record["retention"]
    if retention["ends_on"] is not None:
        return Basis.DATED
    if retention["rule"] is None:
        return Basis.RULE_MISSING
    missing = any(remark["code"] == Basis.START_MISSING for remark in record["warnings"])
    return Basis.START_MISSING if missing else Basis.NO_END


def _due(end: date | None) -> date | None:
    return day_after(end) if end is not None else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
