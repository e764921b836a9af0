"""Rows of records for the due lists: what a state depends on, and the rest made up."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import HeldRecordRow, HoldRow, RecordRow, RetentionRuleRow, TenantRow
from archive.model.identifiers import new_id

NOW = datetime(2031, 1, 1, 12, tzinfo=UTC)


def tenant(session: Session, name: str = "demo") -> None:
    """A tenant with its rules."""
    session.add(TenantRow(id=name, name=name, created_at=NOW))
    session.flush()
    rules(session, name)


def rules(session: Session, name: str) -> None:
    """Two rules: version 1 of each is validated, version 2 is not."""
    for code in ("FIN-03", "RH-01"):
        for version in (1, 2):
            session.add(
                RetentionRuleRow(
                    tenant_id=name,
                    code=code,
                    version=version,
                    label=code,
                    duration=10,
                    unit="YEAR",
                    start_event="calendar_year_end",
                    final_action="destroy",
                    source="[V] essai",
                    validated_at=NOW if version == 1 else None,
                    created_at=NOW,
                )
            )
    session.flush()


def record(session: Session, **given: Any) -> RecordRow:
    """A kept record, due under a validated rule unless it is told otherwise."""
    made = new_id()
    values: dict[str, Any] = {
        "id": made,
        "tenant_id": "demo",
        "deposit_id": made,
        "revision": 1,
        "state": "kept",
        "kept_at": NOW,
        "title": f"Document {made[-4:]}",
        "filename": "a.pdf",
        "verdicts": {},
        "warnings": [],
        "tools": [],
        "rule_code": "FIN-03",
        "rule_version": 1,
        "due_on": date(2031, 1, 1),
        "basis": "dated",
        "final_action": "destroy",
        "retention_explanation": "",
        "access_explanation": "",
        "salt": "00",
        "ocfl_version": 1,
        "inventory_sha512": "",
        "record_json_sha256": "",
        "kept_entry": 0,
        "last_entry": 0,
        "bytes": 1000,
    }
    values |= given
    if values["due_on"] is not None and "ends_on" not in given:
        values["ends_on"] = values["due_on"] - timedelta(days=1)
    row = RecordRow(**values)
    session.add(row)
    session.flush()
    return row


def hold(
    session: Session,
    *records: RecordRow,
    until: date | None = None,
    review_on: date | None = None,
    restricts_reading: bool = False,
) -> HoldRow:
    """A hold in force on some records."""
    row = HoldRow(
        id=new_id(),
        tenant_id=records[0].tenant_id,
        reason="Contentieux",
        until=until,
        review_on=review_on,
        restricts_reading=restricts_reading,
        placed_at=NOW,
        placed_by="user:1",
        placed_salt="00",
    )
    session.add(row)
    session.flush()
    session.add_all(HeldRecordRow(hold_id=row.id, record_id=one.id) for one in records)
    session.flush()
    return row


def release(session: Session, row: HoldRow) -> None:
    """End a hold."""
    row.released_at = NOW
    session.flush()


def drawn(chance: random.Random) -> dict[str, Any]:
    """Anything that a state depends on, near the day on which it is asked for."""
    near = [None, *(date(2031, 1, 1) + timedelta(days=n) for n in (-400, -33, -2, -1, 0, 1, 13, 14, 15, 30, 31, 400))]
    action = chance.choice(["keep", "destroy", "sort"])
    several = chance.choice([None, None, None, "FIN-03/1;RH-01/1", "FIN-03/1;RH-01/2"])
    return {
        "basis": chance.choice([*["dated"] * 12, "no_end", "start_missing", "rule_missing", "final_action_conflict"]),
        "due_on": chance.choice(near),
        "final_action": action,
        "sorted": chance.choice([None, "keep", "destroy"]) if action == "sort" else None,
        "rule_version": chance.choice([1, 1, 1, 2]),
        "other_rules": several,
        "state": chance.choice([*["kept"] * 8, "in_disposal", "disposed"]),
        "stale_since": chance.choice([None, None, None, None, NOW]),
        "not_before": chance.choice([*[None] * 20, *near]),
        "locked_until": chance.choice([*[None] * 10, *near]),
        "bytes": chance.randrange(5000),
        "producer": chance.choice([None, "Voirie", "Voirie", "Écoles"]),
        "document_type": chance.choice([None, "facture", "facture", "marché"]),
    }


def all_of(session: Session, name: str = "demo") -> list[RecordRow]:
    """Every record of a tenant, as the database has it now."""
    query = select(RecordRow).where(RecordRow.tenant_id == name).execution_options(populate_existing=True)
    return list(session.scalars(query))
