"""Columns of a disposal's rows, from the statements that they repeat. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from archive.model.statement_kinds import StatementKind

_TEXTS: Final = {
    StatementKind.DISPOSAL: ("reference", "title", "action", "direction", "state", "producer", "drafted_by"),
    StatementKind.LINES: ("disposal_id", "position", "records", "digest"),
    StatementKind.VISA: ("disposal_id", "step", "means", "state", "person", "agent"),
    StatementKind.CERTIFICATE: ("state",),
    StatementKind.SCAN: ("disposal_id", "sha256", "size", "media_type", "verdict"),
    StatementKind.OPINION: ("disposal_id", "person"),
}
_DAYS: Final = {
    StatementKind.DISPOSAL: ("proposed_on", "last_visa_on", "stop_until"),
    StatementKind.LINES: (),
    StatementKind.VISA: ("given_on",),
    StatementKind.CERTIFICATE: (),
    StatementKind.SCAN: (),
    StatementKind.OPINION: ("given_on",),
}
DISPOSAL_KINDS: Final = frozenset(_TEXTS)


def disposal_columns(kind: StatementKind, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a row, without those that every statement has."""
    told = {name: body[name] for name in _TEXTS[kind]}
    told |= {name: date.fromisoformat(body[name]) if body[name] else None for name in _DAYS[kind]}
    return told if kind is StatementKind.LINES else told | {"content": dict(body)}
