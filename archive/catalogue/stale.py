"""Stale records: marked in the transaction of what changed, cleared once their dates are right.

Until the job has passed over a marked record nothing may be executed on it. A mark is one SQL
statement, however many records it touches. Whoever writes a record judges it once more in the
transaction that claims it, after its journal entry, which makes writers wait for each other: so an
event, a node or a rule that was committed meanwhile is seen, and one that comes after marks it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from enum import Enum, auto
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from archive.catalogue import record_json as metadata
from archive.database.among import among
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.tables import RecordRow
from archive.model.description_fields import DESCRIPTION_FIELDS, Description
from archive.model.states import GONE
from archive.retention.circumstances import Circumstances
from archive.retention.decisions import Resolved, parts_of
from archive.retention.declarations import Level
from archive.retention.places import codes_of
from archive.retention.schedule import resolved
from signing.ground.errors import Unavailable

IS_STALE: Final = RecordRow.stale_since.is_not(None) & RecordRow.state.not_in(GONE)


_UNSAID: Final = frozenset({"title", "description", "language"})
"""Fields from which no date follows."""
DATING: Final = tuple(field.name for field in DESCRIPTION_FIELDS if field.name not in _UNSAID)
"""Fields from which dates follow; from the producer where an early opening is in force."""


class Judgement(Enum):
    """Judgement on the dates of a catalogue row."""

    RIGHT = auto()
    WRONG = auto()
    UNCERTAIN = auto()
    """Only ``record.json`` tells whether its access rule is its own or one that it inherited."""
    RULE_GONE = auto()
    """The schedule lacks the rule that it was kept under: without it nothing is known."""


# -- marks


def mark(session: Session, condition: ColumnElement[bool], now: datetime) -> int:
    """Mark the records that meet a condition as stale; return how many."""
    wanted = update(RecordRow).where(condition, RecordRow.state.not_in(GONE)).values(stale_since=now)
    done: Any = session.execute(wanted, execution_options={"synchronize_session": False})
    return int(done.rowcount)


def mark_early(session: Session, condition: ColumnElement[bool], now: datetime) -> None:
    """Mark records before the entry of a change: wait for their writers while they can still end.

    Whoever writes a record holds its row and then waits for the turn to append to the journal; a
    change that appended first and then waited for the row would wait for ever.
    """
    lock_early(session, condition)
    mark(session, condition, now)


def lock_early(session: Session, condition: ColumnElement[bool]) -> None:
    """Lock records before the entry of a change; ``mark_late`` marks them once it is made.

    They are locked in the order of their ids, so that two changes never wait for each other.
    """
    if session.get_bind().dialect.name == "sqlite":
        return  # one writer, who has the whole database
    in_order = select(RecordRow.id).where(condition).order_by(RecordRow.id).with_for_update()
    session.execute(select(func.count()).select_from(in_order.subquery()))


def mark_late(session: Session, condition: ColumnElement[bool], now: datetime) -> None:
    """Mark the records of a change after its entry: those locked, and those that came meanwhile.

    Nobody is waited for: whoever holds a row here will judge it after this transaction.
    """
    new = select(RecordRow.id).where(condition, RecordRow.stale_since.is_distinct_from(now))
    mark(session, RecordRow.id.in_(new.with_for_update(skip_locked=True)), now)


def of_case(tenant: str, reference: str) -> ColumnElement[bool]:
    """Return the condition for the records of a business case."""
    return (RecordRow.tenant_id == tenant) & (RecordRow.external_reference == reference)


def below(tenant: str, nodes: Collection[str]) -> ColumnElement[bool]:
    """Return the condition for the records in nodes of the plan, and in all that lies in them."""
    return RecordRow.id.in_(records_below(tenant, nodes))


def records_below(tenant: str, nodes: Iterable[str]) -> Select[str]:
    """Return the query of the ids of the records in these nodes and in all that lies in them."""
    node = PlanNodeRow
    tree = select(node.id).where(node.tenant_id == tenant, node.id.in_(sorted(nodes))).cte("tree", recursive=True)
    tree = tree.union(select(node.id).where(node.parent_id == tree.c.id, node.tenant_id == tenant))
    return select(RecordNodeRow.record_id).where(among(RecordNodeRow.node_id, select(tree.c.id)))


# -- judgements


def judge(there: Circumstances, row: RecordRow) -> Judgement:
    """Judge a row by what the schedule, the plan and the events give now, without the store."""
    if row.rule_code is not None and row.rule_code not in there.rules():
        return Judgement.RULE_GONE
    inherited = _resolved(there, row, None)
    if inherited.access_rule == row.access_rule:
        return Judgement.RIGHT if is_as_told(row, inherited) else Judgement.WRONG
    own = _resolved(there, row, row.access_rule)
    return Judgement.UNCERTAIN if is_as_told(row, own) else Judgement.WRONG


def _resolved(there: Circumstances, row: RecordRow, access_rule: str | None) -> Resolved:
    """Resolve a row as if it had this access rule of its own.

    Records outside files that are told alike are resolved once; in a file each has its companions.
    """
    values = {name: getattr(row, name) for name in DATING} | {"access_rule": access_rule}
    key = (*values.values(), there.refusal_over(row.id))
    found = there.memory.get(key)
    if found is None:
        found = resolved(there, Description(title="", **values), row.id)
        if not any(node.file is not None for part in found.retention.parts for node in part.path):
            there.memory[key] = found
    return found


def as_told(there: Circumstances, row: RecordRow) -> Resolved | None:
    """Return what was resolved for a row, with its reasons; None where it tells other dates."""
    if row.rule_code is not None and row.rule_code not in there.rules():
        return None
    tried = (_resolved(there, row, access_rule) for access_rule in (None, row.access_rule))
    return next((found for found in tried if is_as_told(row, found)), None)


def is_as_told(row: RecordRow, found: Resolved) -> bool:
    """Whether a row says what was resolved; parts that it never told are not missed."""
    told = found.retention
    return (
        (row.rule_code, row.rule_version, row.starts_on, row.ends_on, row.due_on, row.basis, row.final_action)
        == (told.rule, told.version, told.starts_on, told.ends_on, told.due_on, told.basis, told.final_action)
        and (row.access_rule, row.communicable_on, row.opening)
        == (found.access_rule, found.access.communicable_on, found.access.opening)
        and row.retention_parts in (None, [dict(part) for part in parts_of(told)])
    )


def settle(session: Session, row: RecordRow, record: Mapping[str, Any], now: datetime) -> None:
    """Judge a record in the transaction that claims its ``record.json``; clear or set its mark."""
    there = Circumstances(session, row.tenant_id, now)
    found = resolved(there, metadata.description_from(record["description"]), row.id)
    row.stale_since = None if is_as_told(row, found) else now
    session.flush()


# -- companions in a file

Newest = dict[str, tuple[date | None, date | None]]
"""By file: date of its newest document, this record left out; and date of this record."""


def newest_beside(session: Session, row: RecordRow | None) -> Newest:
    """Return what the files of a record have beside it, before it is written."""
    if row is None:
        return {}
    query = (
        select(RecordNodeRow.node_id)
        .join(PlanNodeRow, PlanNodeRow.id == RecordNodeRow.node_id)
        .where(RecordNodeRow.record_id == row.id, PlanNodeRow.kind == Level.FILE)
    )
    return {node: (_newest(session, node, row.id), row.document_date) for node in session.scalars(query)}


def lock_with_companions(session: Session, tenant: str, record: Mapping[str, Any]) -> None:
    """Lock a record about to be written, and those that it will mark, before its entry.

    All in the order of their ids: own row first and companions later would be two orders, and two
    writers in one file would wait for each other.

    Args:
        record: Its new ``record.json``.
    """
    if session.get_bind().dialect.name == "sqlite":
        return
    told = metadata.description_from(record["description"])
    named = select(PlanNodeRow.id).where(
        PlanNodeRow.tenant_id == tenant,
        PlanNodeRow.code.in_(codes_of(told.file, told.classification)),
        PlanNodeRow.kind == Level.FILE,
        PlanNodeRow.removed.is_(False),
    )
    own = record["record"]
    before = newest_beside(session, session.get(RecordRow, own))
    after = {node: (_newest(session, node, own), told.document_date) for node in session.scalars(named)}
    wanted = RecordRow.id == own
    moved = _moved(before, after)
    if moved:
        wanted |= RecordRow.id.in_(select(RecordNodeRow.record_id).where(RecordNodeRow.node_id.in_(moved)))
    lock_early(session, wanted)


def mark_companions(session: Session, row: RecordRow, before: Newest, now: datetime) -> None:
    """Mark the other records of a file whose newest document is another one now.

    Access counts from the newest document of a file: adding one moves the date of all. They were
    locked before the entry; one that came into the file meanwhile may have an owner who waits for
    the turn that is ours, so nobody is waited for.

    Raises:
        Unavailable: ``keep_contended``: somebody writes a record that came into the file meanwhile.
    """
    moved = _moved(before, newest_beside(session, row))
    if not moved:
        return
    in_files = select(RecordNodeRow.record_id).where(RecordNodeRow.node_id.in_(moved))
    wanted = RecordRow.id.in_(in_files) & (RecordRow.id != row.id)
    try:
        lock_now(session, wanted)
    except OperationalError as error:
        raise Unavailable("keep_contended", "Ce document est en cours de rangement par un autre programme.") from error
    mark(session, wanted, now)


def lock_now(session: Session, condition: ColumnElement[bool]) -> None:
    """Lock records in the journal's turn, waiting for nobody.

    Raises:
        OperationalError: Somebody has one of them.
    """
    if session.get_bind().dialect.name != "sqlite":
        rows = select(RecordRow.id).where(condition).with_for_update(nowait=True)
        session.execute(select(func.count()).select_from(rows.subquery()))


def _moved(before: Newest, after: Newest) -> list[str]:
    """Return the files whose newest document is another one afterwards."""
    found = []
    for node in sorted(before.keys() | after.keys()):
        rest = (after.get(node) or before[node])[0]
        was, is_now = (
            max((day for day in (rest, mine) if day), default=None)
            for mine in (_mine(before, node), _mine(after, node))
        )
        if was != is_now:
            found.append(node)
    return found


def _mine(found: Newest, node: str) -> date | None:
    return found[node][1] if node in found else None


def _newest(session: Session, node: str, but: str) -> date | None:
    query = (
        select(RecordRow.document_date)
        .join(RecordNodeRow, RecordNodeRow.record_id == RecordRow.id)
        .where(RecordNodeRow.node_id == node, RecordRow.id != but, RecordRow.document_date.is_not(None))
        .where(RecordRow.state.not_in(GONE))
        .order_by(RecordRow.document_date.desc())
    )
    return session.scalar(query.limit(1))
