"""Effect of a change of the filing plan on dates, shown before it is made.

The change is made in a transaction that is taken back, so that the same code says what would be and
later makes it so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.catalogue import stale
from archive.database.engine import Database
from archive.database.tables import RecordRow
from archive.model.description_fields import Description
from archive.model.states import GONE
from archive.retention.circumstances import Circumstances
from archive.retention.schedule import resolved

MOST_GROUPS: Final = 300
"""Groups of records alike that are judged; with more, the effect says that it is not whole."""
_FACTS: Final = ("document_type", "document_date", "closed_on", "external_reference", "fiscal_year", "retention_rule")
"""What the dates of a record may depend on, besides its places."""


@dataclass(frozen=True)
class Effect:
    """Effect of a change on the records below a node.

    Attributes:
        records: How many may get other dates.
        due_before: Earliest day on which one of them is due now.
        due_after: The same after the change, among those that were judged.
        whole: Whether every record was judged.
    """

    records: int
    due_before: date | None
    due_after: date | None
    whole: bool


class _TakenBack(Exception):
    """Ends a transaction that was for show."""


def rehearsed(database: Database, act: Callable[[Session], Effect]) -> Effect:
    """Return what a change would do; nothing of it stays.

    Raises:
        Refused: The change would be refused.
    """
    found: list[Effect] = []
    try:
        with database.write() as session:
            found.append(act(session))
            raise _TakenBack
    except _TakenBack:
        return found[0]


def due_now(session: Session, tenant: str, node_ids: Sequence[str]) -> date | None:
    """Return the earliest due date of the records below, as their rows have it."""
    return session.scalar(select(func.min(RecordRow.due_on)).where(*_below(tenant, node_ids)))


def effect(session: Session, tenant: str, node_ids: Sequence[str], before: date | None, now: datetime) -> Effect:
    """Return the effect of a change that this transaction has made.

    Args:
        before: The earliest due date as it was before.
    """
    number = session.scalar(select(func.count()).select_from(RecordRow).where(*_below(tenant, node_ids))) or 0
    alike: list[Any] = [getattr(RecordRow, name) for name in (*_FACTS, "file", "classification")]
    groups = session.execute(select(*alike).where(*_below(tenant, node_ids)).distinct().limit(MOST_GROUPS + 1)).all()
    there = Circumstances(session, tenant, now)
    due = [_due(there, tuple(group)) for group in groups[:MOST_GROUPS]]
    return Effect(
        number, before, min((day for day in due if day is not None), default=None), len(groups) <= MOST_GROUPS
    )


def _below(tenant: str, node_ids: Sequence[str]) -> tuple[Any, ...]:
    return RecordRow.id.in_(stale.records_below(tenant, node_ids)), RecordRow.state.not_in(GONE)


def _due(there: Circumstances, group: tuple[Any, ...]) -> date | None:
    facts = dict(zip((*_FACTS, "file", "classification"), group, strict=True))
    return resolved(there, Description("", **facts)).retention.due_on
