"""The JSON of a deposit, for the API and the pages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.tables import RecordRow
from ingestion.deposits.queries import duplicates
from ingestion.deposits.states import DepositState
from ingestion.stages.registry import STEP_NAMES, counts_pages
from ingestion.tables import DepositRow, PageTaskRow, StageRunRow
from signing.ground.canonical import canonical
from signing.ground.clock import stamp

Position = Callable[[str], int]
"""A function: tenant -> the last journal entry that its search index has followed."""

Translate = Callable[[str], str]


def view(
    session: Session, deposit: DepositRow, *, position: Position | None = None, translate: Translate = str
) -> dict[str, Any]:
    """Return the JSON of a deposit, in the form that the API promises.

    Args:
        position: The position of each tenant's index; without it, the stage ``index`` of a kept
            deposit is shown as running.
        translate: A function: message id -> text in the reader's language.
    """
    record = session.scalar(select(RecordRow).where(RecordRow.deposit_id == deposit.id))
    return {
        "id": deposit.id,
        "state": deposit.state,
        "tenant": deposit.tenant_id,
        "filename": deposit.filename,
        "media_type": deposit.media_type,
        "size": deposit.size,
        "digests": {"sha-256": deposit.sha256, "sha-512": deposit.sha512},
        "received_at": stamp(deposit.received_at),
        "record_id": record.id if record else None,
        "duplicate_of": duplicates(session, deposit),
        "stages": _stages(session, deposit, record, position, translate),
        "problem": _problem(deposit.problem, translate),
        "receipt": {
            "entry": deposit.entry,
            "leaf_hash": deposit.leaf_hash,
            "href": f"/api/v1/deposits/{deposit.id}/receipt",
        },
        "fields": dict(deposit.fields),
        "agreement": deposit.agreement,
        "agreed": dict(deposit.agreed or {}),
    }


def entity_tag(shown: Mapping[str, Any]) -> str:
    """Return the strong ETag of a view: a digest of its content."""
    return f'"{hashlib.sha256(canonical(dict(shown))).hexdigest()[:32]}"'


def _stages(
    session: Session,
    deposit: DepositRow,
    record: RecordRow | None,
    position: Position | None,
    translate: Translate,
) -> list[dict[str, Any]]:
    rows = {row.name: row for row in session.scalars(select(StageRunRow).where(StageRunRow.deposit_id == deposit.id))}
    shown = [_stage(name, rows.get(name), translate) for name in STEP_NAMES]
    if deposit.state == DepositState.KEPT:
        indexed = record is not None and position is not None and position(deposit.tenant_id) >= record.last_entry
        shown[-1]["state"] = "done" if indexed else "running"
    for stage in shown:
        if stage["state"] == "running" and stage["total"] is not None and counts_pages(stage["name"]):
            stage["done"] = min(_pages_done(session, deposit), stage["total"])
    return shown


def _pages_done(session: Session, deposit: DepositRow) -> int:
    done = session.execute(
        select(PageTaskRow.first_page, PageTaskRow.last_page).where(
            PageTaskRow.deposit_id == deposit.id, PageTaskRow.state.in_(("done", "failed"))
        )
    )
    return sum(last - first + 1 for first, last in done)


def _stage(name: str, row: StageRunRow | None, translate: Translate) -> dict[str, Any]:
    if row is None:
        return {
            "name": name,
            "state": "waiting",
            "done": None,
            "total": None,
            "started_at": None,
            "ended_at": None,
            "detail": None,
        }
    return {
        "name": name,
        "state": row.state,
        "done": row.done,
        "total": row.total,
        "started_at": stamp(row.started_at) if row.started_at else None,
        "ended_at": stamp(row.ended_at) if row.ended_at else None,
        "detail": _sentence(row.detail, translate),
    }


def _sentence(detail: Mapping[str, Any] | None, translate: Translate) -> str | None:
    return translate(detail["text"]).format(**detail["values"]) if detail else None


def _problem(problem: Mapping[str, Any] | None, translate: Translate) -> dict[str, Any] | None:
    if problem is None:
        return None
    return {
        "code": problem["code"],
        "detail": translate(problem["detail"]).format(**problem["values"]),
        "action": translate(problem["action"]).format(**problem["values"]) if problem["action"] else "",
    }
