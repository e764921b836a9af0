"""The JSON, the CSV and the calendar of due lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from archive.disposition.due_counts import Analysis, Count, Falling
from archive.disposition.due_groups import DueGroup
from archive.disposition.due_lines import DueLine
from archive.retention.states import DueList, DueState, due_list_of
from signing.ground.clock import iso

_FOLDED_AT: Final = 73
_LISTS: Final = {
    DueList.TO_ELIMINATE: ("{n} document à éliminer", "{n} documents à éliminer"),
    DueList.TO_SORT: ("{n} document à trier", "{n} documents à trier"),
    DueList.TO_TRANSFER: ("{n} document à transférer", "{n} documents à transférer"),
}


def count_json(count: Count) -> dict[str, int]:
    """Return the JSON of a count."""
    return {"records": count.records, "bytes": count.bytes}


def analysis_json(analysis: Analysis) -> dict[str, Any]:
    """Return the JSON of an analysis, with every state, also those of nothing."""
    return {
        "total": count_json(analysis.total),
        "states": _states(analysis.states),
        "lists": {
            which.value: count_json(analysis.of(which)) | {"states": _states(analysis.due[which])} for which in DueList
        },
    }


def _states(states: Mapping[DueState, Count]) -> dict[str, dict[str, int]]:
    return {state.value: count_json(states[state]) for state in DueState if state in states}


def line_json(line: DueLine, services: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON of a line.

    Args:
        services: The producer's name of the day, by record.
    """
    row = line.record
    return {
        "record_id": row.id,
        "title": row.title,
        "document_type": row.document_type,
        "producer": row.producer,
        "service": services.get(row.id),
        "classification": row.classification,
        "file": row.file,
        "external_reference": row.external_reference,
        "rule": row.rule_code,
        "rule_version": row.rule_version,
        "starts_on": iso(row.starts_on),
        "ends_on": iso(row.ends_on),
        "due_on": iso(row.due_on),
        "final_action": row.outcome,
        "state": line.state.value,
        "held_until": iso(row.held_until),
        "locked_until": iso(row.locked_until),
        "bytes": row.bytes,
    }


def group_json(group: DueGroup) -> dict[str, Any]:
    """Return the JSON of a group."""
    return {"key": group.key, **count_json(group.count), "states": _states(group.states)}


def calendar(tenant: str, name: str, falling: Sequence[Falling], *, stamp: str) -> str:
    """Return what falls due as a calendar (RFC 5545): numbers only, no title of a document.

    Days other than the first of a month are told together, as that month.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Chartrier//Echeances//FR",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_escaped(f'Échéances – {name}')}",
    ]
    for one in falling:
        which = due_list_of(one.action)
        single, many = _LISTS[which]
        summary = (single if one.count.records < 2 else many).format(n=one.count.records)
        end = one.day + timedelta(days=1) if one.day.day == 1 else _next_month(one.day)
        lines += [
            "BEGIN:VEVENT",
            f"UID:{one.day.isoformat()}-{which.value}-{tenant}@chartrier",
            f"DTSTAMP:{stamp}",
            f"DTSTART;VALUE=DATE:{one.day:%Y%m%d}",
            f"DTEND;VALUE=DATE:{end:%Y%m%d}",
            f"SUMMARY:{_escaped(summary)}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    return "".join(_folded(line) for line in [*lines, "END:VCALENDAR"])


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _escaped(text: str) -> str:
    for sign in ("\\", ";", ","):
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())


def _folded(line: str) -> str:
    """Return a line in pieces of 75 bytes at most, as the format asks."""
    pieces, piece = [], b""
    for sign in line:
        encoded = sign.encode()
        if len(piece) + len(encoded) > _FOLDED_AT:
            pieces.append(piece)
            piece = b""
        piece += encoded
    return b"\r\n ".join([*pieces, piece]).decode() + "\r\n"
