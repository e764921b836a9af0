"""Reach of a node of the filing plan: what lies below it, and which records its code places."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import CTE, ColumnElement, func, insert, literal, select
from sqlalchemy.orm import Session

from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.tables import RecordRow, RepresentationRow
from archive.retention.places import SEPARATOR, codes_of

_AT_ONCE: Final = 400
"""Codes or nodes in one question."""


def tree_below(tenant: str, nodes: Iterable[str], name: str = "tree") -> CTE:
    """Return the query of these nodes and all that lies in them: ``id`` and ``level``, from 1.

    Args:
        name: Of the query, where a statement has several.
    """
    node = PlanNodeRow
    tree = (
        select(node.id, literal(1).label("level"))
        .where(node.tenant_id == tenant, node.id.in_(sorted(nodes)))
        .cte(name, recursive=True)
    )
    below = select(node.id, tree.c.level + 1).where(
        node.tenant_id == tenant, node.parent_id == tree.c.id, node.removed.is_(False), tree.c.level < 100
    )
    return tree.union_all(below)


def height(session: Session, tenant: str, node_id: str) -> int:
    """Return the number of levels from a node down; a node without anything in it has one."""
    return session.scalar(select(func.max(tree_below(tenant, [node_id]).c.level))) or 1


def naming(tenant: str, codes: Collection[str]) -> ColumnElement[bool]:
    """Return the condition of the records that a node of one of these codes may place."""
    row, named = RecordRow, sorted(codes)
    one = row.file.in_(named) | row.classification.in_(named)
    return (row.tenant_id == tenant) & (one | (row.file.is_not(None) & row.file.contains(SEPARATOR)))


def place_named(session: Session, tenant: str, codes: Collection[str]) -> None:
    """Place the records whose description names these codes in their nodes, which are new."""
    named = sorted(codes)
    for start in range(0, len(named), _AT_ONCE):
        some = named[start : start + _AT_ONCE]
        _place(session, tenant, some)
    _place_several(session, tenant, set(named))


def _place(session: Session, tenant: str, codes: Collection[str]) -> None:
    """Insert the places of records whose whole field is a code, in one statement."""
    for field in (RecordRow.file, RecordRow.classification):
        volume = (
            select(func.coalesce(func.sum(RepresentationRow.size), 0))
            .where(RepresentationRow.record_id == RecordRow.id)
            .scalar_subquery()
        )
        there = select(RecordNodeRow.record_id).where(
            RecordNodeRow.record_id == RecordRow.id, RecordNodeRow.node_id == PlanNodeRow.id
        )
        rows = (
            select(RecordRow.id, PlanNodeRow.id, RecordRow.document_date, volume)
            .join(PlanNodeRow, (PlanNodeRow.tenant_id == RecordRow.tenant_id) & (PlanNodeRow.code == field))
            .where(PlanNodeRow.tenant_id == tenant, PlanNodeRow.code.in_(sorted(codes)))
            .where(PlanNodeRow.removed.is_(False), field.is_not(None), ~there.exists())
        )
        session.execute(insert(RecordNodeRow).from_select(["record_id", "node_id", "document_date", "bytes"], rows))


def _place_several(session: Session, tenant: str, codes: set[str]) -> None:
    """Place records in several files, of which one has these codes; such records are few."""
    row = RecordRow
    several = row.file.is_not(None), row.file.contains(SEPARATOR)
    query = select(row.id, row.file, row.document_date).where(row.tenant_id == tenant, *several)
    nodes: dict[str, str] = {}
    for record, file, dated in session.execute(query).all():
        for code in codes.intersection(codes_of(file, None)):
            if code not in nodes:
                one = select(PlanNodeRow.id).where(PlanNodeRow.tenant_id == tenant, PlanNodeRow.code == code)
                nodes[code] = session.scalars(one).one()
            if session.get(RecordNodeRow, (record, nodes[code])) is None:
                size = select(func.sum(RepresentationRow.size)).where(RepresentationRow.record_id == record)
                session.add(
                    RecordNodeRow(
                        record_id=record,
                        node_id=nodes[code],
                        document_date=dated,
                        bytes=int(session.scalar(size) or 0),
                    )
                )
    session.flush()
