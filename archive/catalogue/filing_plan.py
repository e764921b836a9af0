"""Filing plan: the rows that repeat its statements, and each record's place in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from archive.catalogue.disposal_columns import DISPOSAL_KINDS, disposal_columns
from archive.catalogue.seda_columns import SEDA_KINDS, seda_columns
from archive.catalogue.statements import Statement
from archive.database.access_tables import AccessRequestRow
from archive.database.disposal_tables import (
    DisposalCertificateRow,
    DisposalChunkRow,
    DisposalOpinionRow,
    DisposalRow,
    DisposalScanRow,
    DisposalVisaRow,
)
from archive.database.hold_tables import HoldReviewRow
from archive.database.report_tables import ReportRow
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow, RetentionEventRow
from archive.database.seda_tables import SedaDeliveryRow, SedaTransferRow
from archive.database.sorting_tables import PopulationRow, SortingRow
from archive.database.tables import RecordRow, RepresentationRow
from archive.model.statement_kinds import StatementKind
from archive.retention.places import codes_of

_NODE: Final = ("kind", "code", "title", "description", "parent_id", "producer", "retention", "access", "extent")
_POPULATION: Final = ("title", "unit", "method", "criterion", "units", "digest", "draw")
_SORTING: Final = ("unit", "decision", "reason", "population_id")
_NODE_DAYS: Final = ("opened_on", "closed_on")


def columns(statement: Statement, entry: int) -> dict[str, Any]:
    """Return the row that repeats a statement, if no later one was made about its object. Pure."""
    body = statement.body
    own = {"id": statement.subject, "tenant_id": statement.tenant, "number": statement.number}
    if statement.kind in DISPOSAL_KINDS:
        return own | disposal_columns(statement.kind, body)
    if statement.kind in SEDA_KINDS:
        return own | seda_columns(statement.kind, body)
    return own | _COLUMNS[statement.kind](body, entry)


def _node(body: Body, _entry: int) -> dict[str, Any]:
    days = {name: _day(body.get(name)) for name in _NODE_DAYS}
    return {name: body.get(name) for name in _NODE} | days | {"removed": bool(body.get("removed"))}


def _event(body: Body, entry: int) -> dict[str, Any]:
    return {
        "event": body["event"],
        "reference": body["reference"],
        "occurred_on": _day(body["occurred_on"]),
        "withdrawn": bool(body.get("withdrawn")),
        "entry": entry,
    }


def _review(body: Body, _entry: int) -> dict[str, Any]:
    return {"owner": body["owner"], "review_on": _day(body["review_on"]), "comment": body["comment"]}


def _request(body: Body, _entry: int) -> dict[str, Any]:
    return {
        "kind": body["kind"],
        "state": body["state"],
        "requester": body["requester"],
        "asked": body["subject"],
        "registered_on": _day(body["registered_on"]),
        "answer_by": _day(body["answer_by"]),
        "content": dict(body),
    }


def _population(body: Body, entry: int) -> dict[str, Any]:
    given = {name: body[name] for name in _POPULATION}
    return given | {"frozen_entry": body["frozen_entry"] if body["draw"] else entry}


def _sorting(body: Body, _entry: int) -> dict[str, Any]:
    return {name: body[name] for name in _SORTING}


def _report(body: Body, _entry: int) -> dict[str, Any]:
    told = {"kind": body["kind"], "state": body["state"], "made_on": _day(body["made_on"])}
    return told | {"content": dict(body)}


Body = Mapping[str, Any]
_COLUMNS: Final[dict[StatementKind, Callable[[Body, int], dict[str, Any]]]] = {
    StatementKind.NODE: _node,
    StatementKind.EVENT: _event,
    StatementKind.REVIEW: _review,
    StatementKind.REQUEST: _request,
    StatementKind.POPULATION: _population,
    StatementKind.SORTING: _sorting,
    StatementKind.REPORT: _report,
}

Repeated = (
    PlanNodeRow
    | RetentionEventRow
    | HoldReviewRow
    | AccessRequestRow
    | PopulationRow
    | SortingRow
    | DisposalRow
    | DisposalChunkRow
    | DisposalVisaRow
    | SedaTransferRow
    | SedaDeliveryRow
    | DisposalCertificateRow
    | DisposalScanRow
    | DisposalOpinionRow
    | ReportRow
)
TABLES: Final[dict[StatementKind, type[Repeated]]] = {
    StatementKind.NODE: PlanNodeRow,
    StatementKind.EVENT: RetentionEventRow,
    StatementKind.REVIEW: HoldReviewRow,
    StatementKind.REQUEST: AccessRequestRow,
    StatementKind.POPULATION: PopulationRow,
    StatementKind.SORTING: SortingRow,
    StatementKind.DISPOSAL: DisposalRow,
    StatementKind.LINES: DisposalChunkRow,
    StatementKind.VISA: DisposalVisaRow,
    StatementKind.TRANSFER: SedaTransferRow,
    StatementKind.DELIVERY: SedaDeliveryRow,
    StatementKind.CERTIFICATE: DisposalCertificateRow,
    StatementKind.SCAN: DisposalScanRow,
    StatementKind.OPINION: DisposalOpinionRow,
    StatementKind.REPORT: ReportRow,
}


def project(session: Session, statement: Statement, entry: int) -> None:
    """Write the row that repeats the latest statement about an object."""
    table, values = TABLES[statement.kind], columns(statement, entry)
    row: Any = session.get(table, statement.subject)
    if row is None:
        session.add(table(**values))
    else:
        for name, value in values.items():
            setattr(row, name, value)
    session.flush()


# -- the places of a record


def place(session: Session, row: RecordRow, record: Mapping[str, Any]) -> None:
    """Write a record's places by the codes of its description; a code without a node has none.

    Args:
        record: Its ``record.json``.
    """
    wanted, there = _places(session, row)
    for node_id in there.keys() - wanted:
        session.execute(
            delete(RecordNodeRow).where(RecordNodeRow.record_id == row.id, RecordNodeRow.node_id == node_id)
        )
    volume = sum(form["size"] for form in record["representations"])
    for node_id in sorted(wanted):
        if there.get(node_id) != (row.document_date, volume):
            placed = RecordNodeRow(record_id=row.id, node_id=node_id, document_date=row.document_date, bytes=volume)
            session.merge(placed)
    session.flush()


def is_misplaced(session: Session, row: RecordRow) -> bool:
    """Whether a record's places are not those of its description."""
    wanted, there = _places(session, row)
    counted = (row.document_date, _bytes_of(session, row.id))
    return wanted != there.keys() or any(one != counted for one in there.values())


def _places(session: Session, row: RecordRow) -> tuple[set[str], dict[str, tuple[date | None, int]]]:
    """Return the nodes that a record's description names, and those where its rows place it."""
    wanted = {node.id for node in nodes_by_code(session, row.tenant_id, codes_of(row.file, row.classification))}
    there = session.scalars(select(RecordNodeRow).where(RecordNodeRow.record_id == row.id))
    return wanted, {one.node_id: (one.document_date, one.bytes) for one in there}


def _bytes_of(session: Session, record_id: str) -> int:
    query = select(func.sum(RepresentationRow.size)).where(RepresentationRow.record_id == record_id)
    return int(session.scalar(query) or 0)


def nodes_by_code(session: Session, tenant: str, codes: Iterable[str]) -> Sequence[PlanNodeRow]:
    """Return the tenant's nodes with these codes, removed ones left out."""
    query = select(PlanNodeRow).where(PlanNodeRow.tenant_id == tenant, PlanNodeRow.code.in_(list(codes)))
    return session.scalars(query.where(PlanNodeRow.removed.is_(False))).all()


def path_to_root(session: Session, node: PlanNodeRow) -> list[PlanNodeRow]:
    """Return a node and what it lies in, nearest first."""
    path = [node]
    while path[-1].parent_id is not None and len(path) < 100:  # a plan of that depth is refused
        path.append(session.get_one(PlanNodeRow, path[-1].parent_id))
    return path


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
