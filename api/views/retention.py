"""The JSON of a record's retention: its dates, its state today, its places and its reasons."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from api.http.reasons import all_told
from archive.catalogue.rows import holds_on
from archive.catalogue.stale import as_told
from archive.catalogue.standing import nodes_of, standing_of
from archive.database.tables import RecordRow
from archive.retention.circumstances import Circumstances
from archive.retention.civil import today_of
from archive.retention.declarations import Level
from archive.retention.states import blockers, may_go_on, state_of
from signing.ground.clock import iso, stamp


def retention_view(session: Session, row: RecordRow, now: datetime) -> dict[str, Any]:
    """Return what a record's ``retention`` says beside its rule, its dates and its explanation."""
    day = today_of(session, row.tenant_id, now).day
    standing = standing_of(session, row, day)
    nodes = nodes_of(session, row)
    files = [node.code for node in nodes if node.kind == Level.FILE]
    classes = [node.code for node in nodes if node.kind == Level.CLASS]
    last_days = [hold.until for hold in holds_on(session, row.id)]
    found = as_told(Circumstances(session, row.tenant_id, now), row)
    return {
        "due_on": iso(row.due_on),
        "basis": standing.basis.value,
        "state": state_of(standing, day).value,
        "may_go_on": iso(may_go_on(standing, last_days)),
        "stale_since": stamp(row.stale_since) if row.stale_since is not None else None,
        "validated": standing.validated,
        "node": next(iter(classes), None),
        "nodes": classes,
        "file": next(iter(files), None),
        "files": files,
        "parts": row.retention_parts or [],
        "reasons": all_told(found.retention.reasons) if found is not None else [],
        "blockers": all_told(blockers(standing, day, last_days)),
    }


def access_reasons(session: Session, row: RecordRow, now: datetime) -> list[dict[str, str]]:
    """Return why the public may read a record from a day on, or not; empty while it is stale."""
    found = as_told(Circumstances(session, row.tenant_id, now), row)
    return all_told(found.access.reasons) if found is not None else []
