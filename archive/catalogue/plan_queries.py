"""Questions to the filing plan: a page of nodes, what each holds, the records of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from archive.catalogue.plan_nodes import MOST_LEVELS, NodeKind
from archive.catalogue.reading import Reader
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.tables import RecordRow
from archive.model.states import GONE

TOP: Final = ""
"""The parent of the nodes that lie in nothing."""


@dataclass(frozen=True)
class Content:
    """What a node holds itself, nodes below left out.

    Attributes:
        nodes: Classes and files in it.
        first: Date of its oldest document; None if none is dated.
        latest: Date of its most recent document.
    """

    nodes: int = 0
    records: int = 0
    bytes: int = 0
    first: date | None = None
    latest: date | None = None


@dataclass(frozen=True)
class NodeFilter:
    """Which nodes are wanted; what is None or empty is not asked.

    Attributes:
        parent: Identifier of a class, ``TOP`` for those in nothing, None for all.
        closed: True: closed files alone; False: open ones.
        text: Beginning of a code, or words of a title.
    """

    parent: str | None = None
    kind: NodeKind | None = None
    closed: bool | None = None
    text: str = ""
    code: str | None = None
    producer: str | None = None


def page(
    session: Session, tenant: str, wanted: NodeFilter, *, after: str | None = None, limit: int = 50
) -> Sequence[PlanNodeRow]:
    """Return the nodes of a tenant by code, after a code."""
    row = PlanNodeRow
    query = select(row).where(row.tenant_id == tenant, row.removed.is_(False))
    if wanted.parent is not None:
        query = query.where(row.parent_id.is_(None) if wanted.parent == TOP else row.parent_id == wanted.parent)
    if wanted.kind is not None:
        query = query.where(row.kind == wanted.kind.value)
    if wanted.closed is not None:
        known = row.closed_on.is_not(None) if wanted.closed else row.closed_on.is_(None)
        query = query.where(row.kind == NodeKind.FILE.value, known)
    if wanted.code is not None:
        query = query.where(row.code == wanted.code)
    if wanted.producer is not None:
        query = query.where(row.producer == wanted.producer)
    if wanted.text:
        query = query.where(
            or_(row.code.startswith(wanted.text, autoescape=True), row.title.icontains(wanted.text, autoescape=True))
        )
    if after is not None:
        query = query.where(row.code > after)
    return session.scalars(query.order_by(row.code).limit(limit)).all()


def contents(session: Session, nodes: Iterable[str], reader: Reader | None = None) -> dict[str, Content]:
    """Return what each of these nodes holds, by identifier.

    Args:
        reader: Only what they may read is counted; None: everything.
    """
    wanted = sorted(set(nodes))
    place = RecordNodeRow
    counted = select(
        place.node_id,
        func.count(),
        func.sum(place.bytes),
        func.min(place.document_date),
        func.max(place.document_date),
    )
    among = reader.conditions(session, place.record_id) if reader is not None else []
    counted = counted.where(place.node_id.in_(wanted), *among).group_by(place.node_id)
    held = {
        one: (number, int(volume or 0), first, last) for one, number, volume, first, last in session.execute(counted)
    }
    below = select(PlanNodeRow.parent_id, func.count())
    below = below.where(PlanNodeRow.parent_id.in_(wanted), PlanNodeRow.removed.is_(False))
    grouped = session.execute(below.group_by(PlanNodeRow.parent_id))
    nodes_in = {parent: number for parent, number in grouped}  # noqa: C416 - no pairs to mypy
    return {one: Content(nodes_in.get(one, 0), *held.get(one, (0, 0, None, None))) for one in wanted}


def paths(session: Session, rows: Sequence[PlanNodeRow]) -> dict[str, list[str]]:
    """Return the codes of the classes that each of these nodes lies in, the highest first.

    Asked level by level, so that a page costs as many questions as its plan has levels.
    """
    known = {row.id: (row.code, row.parent_id) for row in rows}
    while missing := {parent for _, parent in known.values() if parent is not None} - known.keys():
        above = select(PlanNodeRow.id, PlanNodeRow.code, PlanNodeRow.parent_id).where(PlanNodeRow.id.in_(missing))
        found = {one: (code, parent) for one, code, parent in session.execute(above)}
        if not found:
            break
        known |= found
    return {row.id: _codes_above(known, row.parent_id) for row in rows}


def _codes_above(known: dict[str, tuple[str, str | None]], node: str | None) -> list[str]:
    codes: list[str] = []
    while node is not None and node in known and len(codes) < MOST_LEVELS:
        code, node = known[node]
        codes.append(code)
    return codes[::-1]


def records_in(
    session: Session, node_id: str, reader: Reader, *, after: str | None = None, limit: int = 50
) -> Sequence[RecordRow]:
    """Return the records of a node by identifier, which is the order of arrival."""
    query = select(RecordRow).join(RecordNodeRow, RecordNodeRow.record_id == RecordRow.id)
    query = query.where(RecordNodeRow.node_id == node_id, *reader.conditions(session))
    if after is not None:
        query = query.where(RecordNodeRow.record_id > after)
    return session.scalars(query.order_by(RecordNodeRow.record_id).limit(limit)).all()


def titles_of(session: Session, tenant: str, codes: Iterable[str]) -> dict[str, str]:
    """Return the title of each of these nodes by its code."""
    query = select(PlanNodeRow.code, PlanNodeRow.title).where(PlanNodeRow.tenant_id == tenant)
    found = session.execute(query.where(PlanNodeRow.code.in_(set(codes))))
    return {code: title for code, title in found}  # noqa: C416 - no pairs to mypy


def everything(session: Session, tenant: str) -> Sequence[PlanNodeRow]:
    """Return every node of a tenant by code."""
    query = select(PlanNodeRow).where(PlanNodeRow.tenant_id == tenant, PlanNodeRow.removed.is_(False))
    return session.scalars(query.order_by(PlanNodeRow.code)).all()


def without_file(
    session: Session,
    reader: Reader,
    limit: int,
    *,
    reference: str = "",
    kind: str = "",
    among: Iterable[str] | None = None,
) -> Sequence[RecordRow]:
    """Return records that name no file: of one business case, of a type, among those found.

    Args:
        among: Identifiers that a search by words has found; None: any.
    """
    query = select(RecordRow).where(RecordRow.tenant_id == reader.tenant, RecordRow.file.is_(None))
    query = query.where(RecordRow.state.not_in(GONE), *reader.conditions(session))
    if reference:
        query = query.where(RecordRow.external_reference == reference)
    if kind:
        query = query.where(RecordRow.document_type == kind)
    if among is not None:
        query = query.where(RecordRow.id.in_(sorted(among)))
    return session.scalars(query.order_by(RecordRow.id).limit(limit)).all()
