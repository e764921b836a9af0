"""Views of the filing plan, and the changes that a caller asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session

from archive.catalogue import plan_changes, plan_effects, plan_exchange, plan_queries, stale
from archive.catalogue.plan_changes import PlanChange
from archive.catalogue.plan_effects import Effect
from archive.catalogue.plan_exchange import Imported
from archive.catalogue.plan_nodes import EXTENT, NodeKind
from archive.catalogue.plan_queries import Content
from archive.catalogue.reading import Reader
from archive.database.retention_tables import PlanNodeRow
from archive.database.tables import RecordRow, TenantRow
from archive.disposition.holds import standing
from archive.disposition.holds.effects import HeldPlaces
from archive.exchange.plan_csv import read_csv, write_csv
from archive.exchange.plan_skos import read_skos, write_skos
from archive.holdings.describe import describe
from archive.retention.declaration_json import read_declaration
from archive.retention.declarations import Declaration
from archive.retention.places import SEPARATOR, file_codes
from signing.ground.clock import iso
from signing.ground.errors import ChartrierError, Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

CSV: Final = "text/csv"
SKOS: Final = "application/rdf+xml"
FORMATS: Final = (CSV, SKOS)
"""Media types of the exchange files of a plan."""
_AT_ONCE: Final = 1000
"""Records compared with standing holds in one question."""

Act = Callable[[PlanChange], PlanNodeRow]
"""A change of the plan; its result is the node as it is afterwards."""


def view(session: Session, row: PlanNodeRow, reader: Reader | None = None) -> dict[str, Any]:
    """Return the JSON of a node."""
    return views(session, [row], reader)[0]


def _view(row: PlanNodeRow, held: Content, path: Sequence[str]) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in ("id", "kind", "code", "title", "description", "parent_id")},
        "path": list(path),
        "producer": row.producer,
        "retention": _declaration(row.retention),
        "access": _declaration(row.access),
        "opened_on": iso(row.opened_on),
        "closed_on": iso(row.closed_on),
        "state": state_of(row),
        "extent": {name: row.extent.get(name) for name in EXTENT} if row.extent else None,
        "number": row.number,
        "content": {
            "nodes": held.nodes,
            "records": held.records,
            "bytes": held.bytes,
            "first_document": iso(held.first),
            "latest_document": iso(held.latest),
        },
    }


def state_of(row: PlanNodeRow) -> str | None:
    """Return whether a file is open or closed; None for a class."""
    if row.kind != NodeKind.FILE:
        return None
    return "open" if row.closed_on is None else "closed"


def views(session: Session, rows: Sequence[PlanNodeRow], reader: Reader | None = None) -> list[dict[str, Any]]:
    """Return the JSON of several nodes; what a reader may know of their content is asked once."""
    held = plan_queries.contents(session, [row.id for row in rows], reader)
    paths = plan_queries.paths(session, rows)
    return [_view(row, held[row.id], paths[row.id]) for row in rows]


def _declaration(told: Mapping[str, Any] | None) -> dict[str, Any] | None:
    declared = read_declaration(told)
    if declared is None:
        return None
    return {
        "rules": list(declared.rules),
        "in_addition": declared.in_addition,
        "block_all": declared.block_all,
        "blocked": sorted(declared.blocked),
        "starts": _starts(declared),
    }


def _starts(declared: Declaration) -> dict[str, dict[str, str]]:
    return {
        rule: {"on": start.on.isoformat(), "convention": start.convention.value}
        for rule, start in sorted(declared.starts.items())
    }


def record_line(row: RecordRow) -> dict[str, Any]:
    """Return the JSON of a record as a file lists it."""
    told = {name: getattr(row, name) for name in ("id", "title", "document_type", "state")}
    told |= {"final_action": row.outcome}
    return told | {"document_date": iso(row.document_date), "due_on": iso(row.due_on)}


# -- changes


def _change(system: System, session: Session, tenant: str, agent: str, *, for_show: bool = False) -> PlanChange:
    return PlanChange(session, system.ledger, tenant, agent, system.clock(), HeldPlaces(), for_show=for_show)


def made(system: System, tenant: str, agent: str, act: Act, *, places: bool = False) -> dict[str, Any]:
    """Make a change and return the JSON of its node; the store follows by itself.

    Args:
        places: Whether records may lie elsewhere afterwards, where standing holds may cover them.

    Raises:
        Refused: As the change itself.
    """
    with system.database.write() as session:
        row = act(_change(system, session, tenant, agent))
        if places:
            _follow_holds(system, session, tenant, [row.id])
        body = view(session, row)
    system.notifier.notify()
    return body


def _follow_holds(system: System, session: Session, tenant: str, node_ids: Sequence[str]) -> None:
    """Hold what lies below these nodes now, where a standing hold covers it."""
    if not standing.is_any(session, tenant):
        return
    below = session.scalars(stale.records_below(tenant, node_ids)).all()
    for start in range(0, len(below), _AT_ONCE):
        standing.follow(session, system.ledger, tenant, RecordRow.id.in_(below[start : start + _AT_ONCE]))


def foreseen(system: System, tenant: str, agent: str, act: Act, node_id: str | None) -> dict[str, Any]:
    """Return what a change would do, and make nothing.

    Args:
        node_id: The node that changes; None for one that would be created.

    Raises:
        Refused: As the change itself.
    """
    found = plan_effects.rehearsed(system.database, partial(effect_of, system, tenant, agent, act, node_id))
    return {
        "records": found.records,
        "due_before": iso(found.due_before),
        "due_after": iso(found.due_after),
        "whole": found.whole,
    }


def effect_of(system: System, tenant: str, agent: str, act: Act, node_id: str | None, session: Session) -> Effect:
    """Make a change in a transaction that will be taken back, and return its effect."""
    before = plan_effects.due_now(session, tenant, [node_id]) if node_id is not None else None
    row = act(_change(system, session, tenant, agent, for_show=True))
    return plan_effects.effect(session, tenant, [row.id], before, system.clock())


def removed(system: System, tenant: str, agent: str, node_id: str, expected: int | None, reason: str) -> None:
    """Remove a node that holds nothing.

    Raises:
        Refused: As ``plan_changes.remove``.
    """
    with system.database.write() as session:
        change = _change(system, session, tenant, agent)
        plan_changes.remove(change, node_id, _number(change, node_id, expected), reason)
    system.notifier.notify()


def amending(node_id: str, expected: int | None, given: Mapping[str, Any]) -> Act:
    """Return the act that changes or moves a node; ``expected`` None: whatever its number is."""
    return lambda change: plan_changes.amend(change, node_id, _number(change, node_id, expected), given)


def closing(node_id: str, expected: int | None, closed_on: date) -> Act:
    """Return the act that closes a file."""
    return lambda change: plan_changes.close(change, node_id, _number(change, node_id, expected), closed_on)


def reopening(node_id: str, expected: int | None, reason: str) -> Act:
    """Return the act that reopens a file."""
    return lambda change: plan_changes.reopen(change, node_id, _number(change, node_id, expected), reason)


def _number(change: PlanChange, node_id: str, expected: int | None) -> int:
    return expected if expected is not None else plan_changes.get(change.session, change.tenant, node_id).number


def with_both_views(error: Refused, system: System, tenant: str, node_id: str, sent: Mapping[str, Any]) -> Refused:
    """Add to a failed precondition the node as it is in place, and what was sent."""
    if error.code == "precondition_failed":
        with system.database.read() as session:
            current = view(session, plan_changes.get(session, tenant, node_id))
        error.values |= {"current": current, "sent": dict(sent)}
    return error


# -- records into files


def put_into_file(
    system: System, tenant: str, node_id: str, records: Iterable[str], agent: str
) -> list[tuple[str, ChartrierError | None]]:
    """Put records into a file, each by a revision of its description; return who was refused.

    A record keeps the other files that it is in.

    Raises:
        Refused: ``node_not_found``, ``bad_node``, ``file_closed``.
    """
    with system.database.read() as session:
        row = plan_changes.get(session, tenant, node_id)
    if row.kind != NodeKind.FILE:
        raise plan_changes.not_a_file()
    return [(record, _put(system, tenant, row, record, agent)) for record in dict.fromkeys(records)]


def _put(system: System, tenant: str, node: PlanNodeRow, record_id: str, agent: str) -> ChartrierError | None:
    from archive.catalogue import rows as catalogue

    try:
        with system.database.read() as session:
            record = catalogue.get(session, tenant, record_id)
        files = file_codes(record.file)
        if node.code in files:
            return None
        wanted = f"{SEPARATOR} ".join([*files, node.code])
        describe(system.stores, tenant, record_id, {"file": wanted}, agent=agent, expected_revision=record.revision)
    except Refused as error:
        return error
    return None


# -- exchange files


def exported(system: System, tenant: str, media_type: str) -> bytes:
    """Return the plan of a tenant as an exchange file."""
    with system.database.read() as session:
        lines = plan_exchange.lines_of(session, tenant)
        title = session.get_one(TenantRow, tenant).name
    return write_skos(lines, title) if media_type == SKOS else write_csv(lines)


def imported(system: System, tenant: str, agent: str, content: bytes, media_type: str, *, dry_run: bool) -> Any:
    """Import an exchange file, all or nothing; return what was done, or what would be.

    Raises:
        Refused: ``bad_plan_file``, ``bad_plan``.
    """
    lines = read_skos(content) if media_type == SKOS else read_csv(content)
    done: list[Imported] = []

    def act(session: Session) -> Effect:
        change = _change(system, session, tenant, agent, for_show=dry_run)
        done.append(plan_exchange.take_in(change, lines))
        nodes = done[0].nodes
        if not dry_run:
            _follow_holds(system, session, tenant, nodes)
        return plan_effects.effect(session, tenant, nodes, None, system.clock())

    if dry_run:
        found = plan_effects.rehearsed(system.database, act)
    else:
        with system.database.write() as session:
            found = act(session)
        system.notifier.notify()
    told = {name: getattr(done[0], name) for name in ("created", "changed", "closed", "unchanged")}
    return told | {"records": found.records, "due_after": iso(found.due_after), "whole": found.whole}
