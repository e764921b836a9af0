"""Change the filing plan: create, amend, move, remove a node; close and reopen a file.

Each is a statement in the caller's write transaction. The statement comes first: its journal entry
makes writers wait for each other, so what is then checked stays true until the commit. A refusal
takes all of it back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import filing_plan, plan_reach, stale, statements
from archive.catalogue.plan_nodes import (
    MOST_LEVELS,
    UNCHANGED,
    NodeKind,
    PlanNode,
    bad_node,
    changed_node,
    read_node,
    reason_of,
)
from archive.database.retention_tables import PlanNodeRow, RecordNodeRow
from archive.database.tables import RecordRow
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.identifiers import is_id, new_id
from archive.model.statement_kinds import StatementKind
from archive.retention.civil import today_of
from archive.retention.declaration_json import read_declaration
from signing.ground.errors import Refused

CREATED: Final = "created"
CHANGED: Final = "changed"
MOVED: Final = "moved"
REMOVED: Final = "removed"
CLOSED: Final = "closed"
REOPENED: Final = "reopened"
_DATED_BY: Final = ("parent_id", "retention", "access", "closed_on")
"""What a change of gives other dates to the records below."""


class Places(Protocol):
    """What a change of the plan owes to the holds on the records below a node."""

    def leave(self, session: Session, tenant: str, node: str) -> None:
        """Refuse to move a node with records that must stay where they are (``held_in_place``)."""


@dataclass(frozen=True)
class PlanChange:
    """A change of one tenant's filing plan, in a write transaction.

    Attributes:
        agent: Who makes it.
        now: When; the dates of the records below are stale since then.
        places: Asked before a node leaves its place.
        locks: Whether each change locks the records that it touches; False where they are already.
        for_show: Whether it is taken back: records are neither locked nor marked then, and their
            writers wait for nothing.
    """

    session: Session
    ledger: Ledger
    tenant: str
    agent: str
    now: datetime
    places: Places
    locks: bool = True
    for_show: bool = False


def get(session: Session, tenant: str, node_id: str) -> PlanNodeRow:
    """Return a node that was not removed.

    Raises:
        Refused: ``node_not_found``, in the same words whether it never existed or is another's.
    """
    row = session.get(PlanNodeRow, node_id) if is_id(node_id) else None
    if row is None or row.tenant_id != tenant or row.removed:
        raise Refused(
            "node_not_found", "Cet élément du plan de classement n’existe pas.", action="Vérifiez son identifiant."
        )
    return row


def get_file(session: Session, tenant: str, node_id: str) -> PlanNodeRow:
    """Return a file that was not removed.

    Raises:
        Refused: ``node_not_found``, also for a class.
    """
    row = get(session, tenant, node_id)
    return row if row.kind == NodeKind.FILE else get(session, tenant, "")


def node_of(row: PlanNodeRow) -> PlanNode:
    """Return the node that a row repeats."""
    return PlanNode(
        NodeKind(row.kind),
        row.code,
        row.title,
        row.description,
        row.parent_id,
        row.producer,
        read_declaration(row.retention),
        read_declaration(row.access),
        row.opened_on,
        row.closed_on,
        row.extent,
    )


def create(change: PlanChange, given: Mapping[str, Any]) -> PlanNodeRow:
    """Create a class or a file; the records that name its code already are placed in it.

    Raises:
        Refused: ``bad_node``, ``node_code_used``, ``plan_too_deep``, ``bad_closing``.
    """
    node = read_node(given)
    stale.lock_early(change.session, plan_reach.naming(change.tenant, [node.code]))
    node_id = enter(change, node)
    plan_reach.place_named(change.session, change.tenant, [node.code])
    check_closing(change, node_id, node)
    mark_below(change, [node_id])
    return change.session.get_one(PlanNodeRow, node_id)


def enter(change: PlanChange, node: PlanNode, node_id: str | None = None) -> str:
    """State a new node and return its identifier; records that name it are not placed yet.

    Args:
        node_id: Chosen by the caller; None: a new one.

    Raises:
        Refused: ``bad_node``, ``node_code_used``, ``plan_too_deep``.
    """
    node_id = node_id or new_id()
    statement, entry = _claim(change, node_id, 0, CREATED, node.body())
    _check_code(change, node)
    _check_parent(change, node_id, node)
    filing_plan.project(change.session, statement, entry)
    return node_id


def amend(change: PlanChange, node_id: str, expected: int, given: Mapping[str, Any]) -> PlanNodeRow:
    """Change a node or move it; the records below are dated anew where that may change dates.

    Args:
        expected: Number of the statement that the caller read.

    Raises:
        Refused: ``node_not_found``, ``bad_node``, ``precondition_failed``, ``node_cycle``,
            ``plan_too_deep``, ``held_in_place``.
    """
    before = node_of(get(change.session, change.tenant, node_id))
    _require_changeable(before, given)
    node = changed_node(before, {name: value for name, value in given.items() if name != "closed_on"})
    if node == before:
        return get(change.session, change.tenant, node_id)
    moved = node.parent_id != before.parent_id
    if moved:
        change.places.leave(change.session, change.tenant, node_id)
    dated = any(getattr(node, name) != getattr(before, name) for name in _DATED_BY)
    if dated:
        _lock_below(change, node_id)
    _state(change, node_id, expected, MOVED if moved else CHANGED, node.body())
    if moved:
        _check_parent(change, node_id, node)
    if dated:
        mark_below(change, [node_id])
    return change.session.get_one(PlanNodeRow, node_id)


def _require_changeable(before: PlanNode, given: Mapping[str, Any]) -> None:
    for name in ("code", "kind"):
        if name in given and given[name] != getattr(before, name):
            raise bad_node(
                name,
                "Le code et la nature d’un élément ne changent pas : les documents le nomment par son code.",
            )


def remove(change: PlanChange, node_id: str, expected: int, reason: str) -> None:
    """Remove a node that holds nothing; its code is never used again.

    Raises:
        Refused: ``node_not_found``, ``node_not_empty``, ``bad_node``, ``precondition_failed``.
    """
    node = node_of(get(change.session, change.tenant, node_id))
    _state(change, node_id, expected, REMOVED, node.body(removed=True, reason=reason_of(reason)))
    session = change.session
    below = select(PlanNodeRow.id).where(PlanNodeRow.parent_id == node_id, PlanNodeRow.removed.is_(False))
    held = select(RecordNodeRow.record_id).where(RecordNodeRow.node_id == node_id)
    if session.scalar(below.limit(1)) is not None or session.scalar(held.limit(1)) is not None:
        raise Refused(
            "node_not_empty",
            "« {node} » contient encore quelque chose.",
            kept=UNCHANGED,
            action="Déplacez d’abord ce qu’il contient.",
            node=node.code,
        )


def close(change: PlanChange, node_id: str, expected: int, closed_on: date) -> PlanNodeRow:
    """Close a file: its records count from that day.

    Raises:
        Refused: ``node_not_found``, ``bad_closing``, ``file_already_closed``,
            ``precondition_failed``.
    """
    before = _file(change, node_id)
    if before.closed_on is not None:
        raise Refused(
            "file_already_closed",
            "Ce dossier est déjà clos, le {closed}.",
            kept=UNCHANGED,
            action="Pour changer sa date de clôture, rouvrez-le d’abord.",
            closed=before.closed_on,
        )
    node = replace(before, closed_on=closed_on)
    _lock_below(change, node_id)
    _state(change, node_id, expected, CLOSED, node.body())
    check_closing(change, node_id, node)
    mark_below(change, [node_id])
    return change.session.get_one(PlanNodeRow, node_id)


def reopen(change: PlanChange, node_id: str, expected: int, reason: str) -> PlanNodeRow:
    """Reopen a file: the dates that counted from its closing vanish until it is closed again.

    Raises:
        Refused: ``node_not_found``, ``file_not_closed``, ``bad_node``, ``precondition_failed``.
    """
    before = _file(change, node_id)
    if before.closed_on is None:
        raise Refused("file_not_closed", "Ce dossier est ouvert.", kept=UNCHANGED, action="")
    _lock_below(change, node_id)
    _state(change, node_id, expected, REOPENED, replace(before, closed_on=None).body(reason=reason_of(reason)))
    mark_below(change, [node_id])
    return change.session.get_one(PlanNodeRow, node_id)


# -- statements and checks


def _lock_below(change: PlanChange, node_id: str) -> None:
    """Lock the records below a node, before the entry of its change: their writers wait for it."""
    if change.locks and not change.for_show:
        stale.lock_early(change.session, stale.below(change.tenant, [node_id]))


def mark_below(change: PlanChange, node_ids: Collection[str]) -> None:
    """Mark the records below nodes that were changed: their dates are stale from now on."""
    if not change.for_show:
        stale.mark_late(change.session, stale.below(change.tenant, node_ids), change.now)


def _state(change: PlanChange, node_id: str, expected: int, what: str, body: dict[str, Any]) -> None:
    statement, entry = _claim(change, node_id, expected, what, body)
    filing_plan.project(change.session, statement, entry)


def _claim(
    change: PlanChange, node_id: str, expected: int, what: str, body: dict[str, Any]
) -> tuple[statements.Statement, int]:
    return statements.state(
        change.session,
        change.ledger,
        tenant=change.tenant,
        kind=StatementKind.NODE,
        subject=node_id,
        expected=expected,
        change=what,
        body=body,
        entry_type=EntryType.PLAN_NODE_STATED,
        agent=change.agent,
        now=change.now,
    )


def _file(change: PlanChange, node_id: str) -> PlanNode:
    node = node_of(get(change.session, change.tenant, node_id))
    if node.kind is not NodeKind.FILE:
        raise not_a_file()
    return node


def not_a_file() -> Refused:
    """Return the refusal of an act that only a file knows."""
    return bad_node("kind", "Seul un dossier s’ouvre, se clôt et reçoit des documents ; ceci est une classe.")


def _check_code(change: PlanChange, node: PlanNode) -> None:
    query = select(PlanNodeRow).where(PlanNodeRow.tenant_id == change.tenant, PlanNodeRow.code == node.code)
    there = change.session.scalar(query)
    if there is not None:
        raise Refused(
            "node_code_used",
            "Le code « {node} » a déjà servi : « {title} ».",
            kept=UNCHANGED,
            action="Choisissez un autre code : un code ne sert jamais deux fois, même retiré.",
            pointer="/code",
            node=node.code,
            title=there.title,
        )


def _check_parent(change: PlanChange, node_id: str, node: PlanNode) -> None:
    """Refuse a parent that is none, a circle, or a plan too deep."""
    if node.parent_id is None:
        return
    session = change.session
    parent = session.get(PlanNodeRow, node.parent_id) if is_id(node.parent_id) else None
    if parent is None or parent.tenant_id != change.tenant or parent.removed:
        raise bad_node("parent_id", "La classe qui doit le contenir n’existe pas.")
    if parent.kind != NodeKind.CLASS:
        raise bad_node("parent_id", "Un dossier ne contient que des documents : choisissez une classe.")
    path = filing_plan.path_to_root(session, parent)
    if node_id in {one.id for one in path}:
        raise Refused(
            "node_cycle",
            "« {node} » ne peut pas être rangé dans ce qu’il contient.",
            kept=UNCHANGED,
            action="Choisissez une autre classe.",
            pointer="/parent_id",
            node=node.code,
        )
    if len(path) + plan_reach.height(session, change.tenant, node_id) > MOST_LEVELS:
        raise Refused(
            "plan_too_deep",
            "Le plan aurait plus de {most} niveaux.",
            kept=UNCHANGED,
            action="Choisissez une classe plus haute.",
            pointer="/parent_id",
            most=MOST_LEVELS,
        )


def check_closing(change: PlanChange, node_id: str, node: PlanNode) -> None:
    """Refuse a closing that can't be true: to come, before the opening, before a document.

    Raises:
        Refused: ``bad_closing``.
    """
    closed_on = node.closed_on
    if closed_on is None:
        return
    today = today_of(change.session, change.tenant, change.now)
    if today.trusted and closed_on > today.day:
        raise _bad_closing("La clôture serait dans l’avenir : nous sommes le {today}.", today=today.day)
    if node.opened_on is not None and closed_on < node.opened_on:
        raise _bad_closing("Le dossier a été ouvert après, le {opened}.", opened=node.opened_on)
    newest = newest_document(change.session, node_id)
    if newest is not None and newest.document_date is not None and newest.document_date > closed_on:
        raise _bad_closing(
            "Le document « {title} » ({record}) est plus récent : il est du {dated}.",
            title=newest.title,
            record=newest.id,
            dated=newest.document_date,
        )


def newest_document(session: Session, node_id: str) -> RecordRow | None:
    """Return the record with the latest date in a node; None if none has a date."""
    query = (
        select(RecordNodeRow.record_id)
        .where(RecordNodeRow.node_id == node_id, RecordNodeRow.document_date.is_not(None))
        .order_by(RecordNodeRow.document_date.desc())
    )
    record = session.scalar(query.limit(1))
    return session.get(RecordRow, record) if record is not None else None


def no_closing() -> Refused:
    """Return the refusal of a closing without a day."""
    return _bad_closing("Le jour de la clôture manque.")


def _bad_closing(detail: str, **values: object) -> Refused:
    return Refused(
        "bad_closing",
        detail,
        kept=UNCHANGED,
        action="Un dossier se clôt le jour de son dernier document, ou après, jamais dans l’avenir.",
        pointer="/closed_on",
        **values,
    )
