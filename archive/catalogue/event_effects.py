"""Effects of a change on dates, computed before it is made: how many records, the earliest due day.

Records that are told alike are computed once: thousands of one business case share a few dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from archive.catalogue.events import days_if
from archive.catalogue.stale import DATING
from archive.database.tables import RecordRow
from archive.model.description_fields import Description
from archive.model.states import GONE
from archive.retention.admission import Occurrence
from archive.retention.circumstances import Circumstances, Days
from archive.retention.schedule import resolved

_COLUMNS: Final = [getattr(RecordRow, name) for name in DATING]
_DATES: Final = [RecordRow.starts_on, RecordRow.ends_on, RecordRow.due_on, RecordRow.communicable_on]


@dataclass(frozen=True)
class Effect:
    """What a change would do to the dates of records.

    Attributes:
        records: Records that it touches.
        changed: Those whose dates would be others.
        earliest_due_on: Earliest due day among the changed ones; None where none would have one.
        without_end: Changed records that would have no end.
    """

    records: int = 0
    changed: int = 0
    earliest_due_on: date | None = None
    without_end: int = 0


def effect_of_event(
    session: Session, tenant: str, event_id: str, reference: str, occurrence: Occurrence | None, now: datetime
) -> Effect:
    """Return what a statement about an event would do to the records of its business case.

    Args:
        occurrence: None = the event would be withdrawn.
    """
    days = days_if(session, tenant, event_id, reference, occurrence)
    return effect_on(session, tenant, RecordRow.external_reference == reference, now, supposed={reference: days})


def effect_on(
    session: Session,
    tenant: str,
    condition: ColumnElement[bool],
    now: datetime,
    *,
    supposed: Mapping[str, Days] | None = None,
) -> Effect:
    """Compare the dates that the records of a condition have with those they would have."""
    there = Circumstances(session, tenant, now, supposed=supposed)
    query = select(*_COLUMNS, *_DATES, func.count()).where(RecordRow.tenant_id == tenant, condition)
    query = query.where(RecordRow.state.not_in(GONE)).group_by(*_COLUMNS, *_DATES)
    names = [column.key for column in _COLUMNS]
    records = changed = without_end = 0
    due: list[date] = []
    for *values, number in session.execute(query):
        records += number
        found = resolved(there, Description(title="", **dict(zip(names, values, strict=False))))
        told, access = found.retention, found.access
        if [told.starts_on, told.ends_on, told.due_on, access.communicable_on] == list(values[len(names) :]):
            continue
        changed += number
        if told.due_on is None:
            without_end += number
        else:
            due.append(told.due_on)
    return Effect(records, changed, min(due, default=None), without_end)
