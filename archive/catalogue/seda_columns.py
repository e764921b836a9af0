"""Columns of the rows of transfers and deliveries, from the statements that they repeat. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from archive.model.statement_kinds import StatementKind

_TEXTS: Final = {
    StatementKind.TRANSFER: ("identifier", "sender", "state", "outcome"),
    StatementKind.DELIVERY: ("disposal_id",),
}
SEDA_KINDS: Final = frozenset(_TEXTS)


def seda_columns(kind: StatementKind, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a row, without those that every statement has."""
    return {name: body[name] for name in _TEXTS[kind]} | {"content": dict(body)}
