"""Rows of records that are gone: what their entries tell for ever, and no word more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.database.hold_tables import RecordWordsRow
from archive.database.retention_tables import RecordNodeRow
from archive.database.tables import (
    CopyRow,
    RecordRow,
    RepresentationRow,
    RevisionRow,
    StoredFileRow,
    VerificationRow,
)
from archive.holdings.mandate import Mandate
from archive.model.records import Kind
from archive.model.states import DESTROYED, RecordState
from signing.ground.clock import iso, parse_stamp, stamp

_MOST_NAMED: Final = 100
"""Most records with the same bytes that an entry names."""
_DAYS: Final = ("starts_on", "ends_on", "due_on")
OF_A_RECORD: Final = (
    RepresentationRow,
    StoredFileRow,
    CopyRow,
    RecordWordsRow,
    RevisionRow,
    VerificationRow,
    RecordNodeRow,
)
"""Tables whose rows of a record are deleted when it is gone; its own row is emptied."""


def decided_facts(told: Mandate, row: RecordRow) -> dict[str, Any]:
    """Return what the entry of a decision tells for ever: no word that describes the record."""
    frozen = told.lines[row.id]
    days = {name: iso(getattr(frozen, name)) for name in _DAYS}
    return days | {
        "disposal": told.disposal,
        "population": told.body["population"],
        "deposit": row.deposit_id,
        "revision": row.revision,
        "version": row.ocfl_version,
        "kept_at": stamp(row.kept_at),
        "rules": list(frozen.rules),
        "rule": [row.rule_code, row.rule_version] if row.rule_code else None,
        "final_action": row.final_action,
        "original": frozen.original,
    }


def same_bytes(session: Session, tenant: str, original: str) -> list[str]:
    """Return the tenant's records that still hold these received bytes in a folder of their own.

    Each record has its folder in a store: these bytes stay there, whoever else's are destroyed.
    """
    form, row = RepresentationRow, RecordRow
    asked = select(row.id).join(form, form.record_id == row.id)
    asked = asked.where(form.sha256 == original, form.kind == Kind.ORIGINAL)
    asked = asked.where(row.tenant_id == tenant, row.state.not_in(DESTROYED)).order_by(row.id)
    return list(session.scalars(asked.limit(_MOST_NAMED)))


def forget(session: Session, row: RecordRow) -> None:
    """Leave of a record's rows what its entries tell: identifiers, digests, rule and dates."""
    for table in OF_A_RECORD:
        session.execute(delete(table).where(table.record_id == row.id))
    for name, value in _EMPTY.items():
        setattr(row, name, value)
    row.state = RecordState.DISPOSED.value
    session.flush()


def gone_row(
    record_id: str,
    tenant: str,
    facts: Mapping[str, Any],
    stated: Mapping[str, Any],
    *,
    kept_entry: int,
    last_entry: int,
) -> RecordRow:
    """Return the row of a record that is gone, from what decided and stated it."""
    code, version = facts["rule"] or (None, None)
    days = {
        name: date.fromisoformat(facts[name]) if facts[name] else None for name in ("starts_on", "ends_on", "due_on")
    }
    return RecordRow(
        id=record_id,
        tenant_id=tenant,
        deposit_id=facts["deposit"],
        revision=facts["revision"],
        ocfl_version=facts["version"],
        kept_at=parse_stamp(facts["kept_at"]),
        rule_code=code,
        rule_version=version,
        final_action=facts["final_action"],
        inventory_sha512=stated["inventory"],
        record_json_sha256=stated["record"],
        kept_entry=kept_entry,
        last_entry=last_entry,
        state=RecordState.DISPOSED.value,
        **days,
        **_EMPTY,
    )


_EMPTY: Final[dict[str, Any]] = {
    **dict.fromkeys(("title", "filename", "retention_explanation", "access_explanation", "salt"), ""),
    **dict.fromkeys(("description", "document_type", "classification", "producer", "external_reference", "language")),
    **dict.fromkeys(("document_date", "closed_on", "access_rule", "file", "fiscal_year", "retention_rule")),
    **dict.fromkeys(("pages", "words", "mean_confidence", "retention_parts", "stale_since", "communicable_on")),
    **dict.fromkeys(("basis", "other_rules", "sorted", "not_before", "held_until", "locked_until", "awaiting_until")),
    "verdicts": {},
    "warnings": [],
    "tools": [],
    "bytes": 0,
}
"""What a row says of a record that is gone, besides what its entries tell."""
